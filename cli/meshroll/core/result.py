"""The one result object that a run writes and the CLI prints (schema ``meshroll/1``; it only grows)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meshroll.core.errors import STATUS, ExitCode

SCHEMA = "meshroll/1"


def combined_exit_code(codes: Iterable[int]) -> ExitCode:
    """The exit code of a run over several clusters: theirs when they agree, else 6; 5 and 130 win.

    An incomplete rollback must not hide behind "partial", and an interrupted run is not finished.
    """
    distinct = {ExitCode(code) for code in codes}
    if not distinct:
        return ExitCode.USAGE
    for strongest in (ExitCode.ROLLBACK_INCOMPLETE, ExitCode.INTERRUPTED):
        if strongest in distinct:
            return strongest
    return distinct.pop() if len(distinct) == 1 else ExitCode.PARTIAL


def envelope(
    *,
    command: str,
    version: str,
    run_id: str | None,
    started_at: str,
    finished_at: str | None,
    exit_code: int,
    data: Mapping[str, Any],
    errors: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The envelope of every command. Times are RFC 3339 UTC; ``data`` is the command's own."""
    code = ExitCode(exit_code)
    return {
        "schema": SCHEMA,
        "command": command,
        "version": version,
        "run_id": run_id,
        "status": STATUS[code],
        "exit_code": int(code),
        "started_at": started_at,
        "finished_at": finished_at,
        "data": dict(data),
        "errors": [dict(error) for error in errors],
    }


def with_cluster(
    result: Mapping[str, Any], cluster: Mapping[str, Any], errors: Sequence[Mapping[str, Any]], now: str
) -> dict[str, Any]:
    """``result`` with this cluster's entry put in (or replaced) and the whole run's code worked out anew.

    Clusters end one after another and in different processes, so each adds itself to the same file.
    """
    others = [entry for entry in result["data"].get("clusters", []) if entry["name"] != cluster["name"]]
    clusters = sorted([*others, dict(cluster)], key=lambda entry: str(entry["name"]))
    kept = [error for error in result["errors"] if error.get("cluster") != cluster["name"]]
    return envelope(
        command=result["command"],
        version=result["version"],
        run_id=result["run_id"],
        started_at=result["started_at"],
        finished_at=now,
        exit_code=combined_exit_code(entry["exit_code"] for entry in clusters),
        data={**result["data"], "clusters": clusters},
        errors=[*kept, *errors],
    )
