"""The envelope, and the exit code of several clusters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.errors import STATUS, ExitCode
from meshroll.core.result import combined_exit_code, envelope, with_cluster

NOW = "2026-01-01T00:00:00Z"


def empty() -> dict:  # type: ignore[type-arg]
    return envelope(
        command="rollout",
        version="0",
        run_id="r",
        started_at=NOW,
        finished_at=None,
        exit_code=0,
        data={},
        errors=[],
    )


@pytest.mark.parametrize(
    ("codes", "combined"),
    [
        ([], ExitCode.USAGE),
        ([0, 0], ExitCode.SUCCESS),
        ([4], ExitCode.ROLLED_BACK),
        ([0, 4], ExitCode.PARTIAL),
        ([0, 4, 5], ExitCode.ROLLBACK_INCOMPLETE),
        ([5, 130], ExitCode.ROLLBACK_INCOMPLETE),
        ([0, 130], ExitCode.INTERRUPTED),
    ],
)
def test_several_clusters_have_one_exit_code(codes: list[int], combined: ExitCode) -> None:
    assert combined_exit_code(codes) == combined


@given(st.lists(st.sampled_from([int(code) for code in ExitCode]), min_size=1))
def test_an_incomplete_rollback_never_hides_and_success_needs_all(codes: list[int]) -> None:
    combined = combined_exit_code(codes)
    assert (combined == ExitCode.SUCCESS) == (set(codes) == {0})
    if ExitCode.ROLLBACK_INCOMPLETE in codes:
        assert combined == ExitCode.ROLLBACK_INCOMPLETE


@given(st.permutations(["a", "b", "c"]))
def test_the_order_in_which_clusters_end_makes_no_difference(order: list[str]) -> None:
    result = empty()
    for name in order:
        result = with_cluster(result, {"name": name, "outcome": "success", "exit_code": 0}, [], NOW)
    assert [entry["name"] for entry in result["data"]["clusters"]] == ["a", "b", "c"]


def test_a_cluster_that_ends_twice_replaces_its_entry_and_its_errors() -> None:
    first = with_cluster(empty(), {"name": "a", "exit_code": 3}, [{"cluster": "a", "code": "x"}], NOW)
    second = with_cluster(first, {"name": "a", "exit_code": 0}, [], NOW)
    assert (second["errors"], second["status"]) == ([], STATUS[ExitCode.SUCCESS])
