"""Which of a result's clusters remember the run that a command asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshroll.core.errors import Problem, UsageError


def remembering(result: Mapping[str, Any], key: str, run_id: str) -> list[dict[str, Any]]:
    """The clusters' entries that have ``key`` (``run``, ``report``); none where none has and one of them failed.

    Raises UsageError where all were read and none remembers such a run.
    """
    found = [each for each in result["data"].get("clusters", []) if each.get(key)]
    if not found and result["exit_code"] == 0:
        raise UsageError(
            Problem("run-unknown", f"No cluster remembers a run {run_id}.", "`meshroll runs` lists them.")
        )
    return found
