from __future__ import annotations

from typing import Any

import pytest

from meshroll.core.errors import UsageError
from meshroll.render.remembered import remembering


def result(*runs: dict[str, Any] | None, exit_code: int = 0) -> dict[str, Any]:
    clusters = [{"name": f"c{number}", "run": run} for number, run in enumerate(runs)]
    return {"exit_code": exit_code, "data": {"clusters": clusters}}


def test_of_several_clusters_those_that_remember_the_run_are_told() -> None:
    run = {"run_id": "2026"}
    assert [each["name"] for each in remembering(result(None, run, run), "run", "2026")] == ["c1", "c2"]


def test_a_run_that_no_cluster_remembers_is_unknown() -> None:
    with pytest.raises(UsageError, match="No cluster remembers a run 2026"):
        remembering(result(None, None), "run", "2026")


def test_a_cluster_that_could_not_be_read_may_remember_it() -> None:
    assert remembering(result(None, exit_code=6), "run", "2026") == []
    assert remembering({"exit_code": 3, "data": {}}, "run", "2026") == []
