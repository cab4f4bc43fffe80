"""Errors for people: what failed and why, what to do, and last the line that sums it up."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import click

from meshroll.core.errors import ExitCode

HEAD = "Error: "

ENDS: Mapping[ExitCode, str] = {
    ExitCode.BUG: "Failed in a way that meshroll did not expect.",
    ExitCode.USAGE: "Nothing was changed.",
    ExitCode.REFUSED: "Refused; nothing was changed.",
    ExitCode.ROLLED_BACK: "Failed, and rolled back.",
    ExitCode.ROLLBACK_INCOMPLETE: "Failed, and the way back is incomplete: look at it now.",
    ExitCode.PARTIAL: "Clusters ended differently.",
    ExitCode.LOCKED: "Locked by another run; nothing was changed.",
    ExitCode.DRIFT: "Somebody else changed what this run would change.",
    ExitCode.PAUSED: "Undecided: a person has to look. What was changed stays.",
    ExitCode.VERIFY_FAILED: "The gate says Failed.",
    ExitCode.VERIFY_ERROR: "The gate could not measure.",
    ExitCode.INTERRUPTED: "Interrupted; run it again to go on.",
}

ENDS_OF_DRILLS: Mapping[ExitCode, str] = {
    ExitCode.PAUSED: "Undecided. Every fault was taken back.",
    ExitCode.VERIFY_FAILED: "Not as it should be. Every fault was taken back.",
}


def problem_lines(result: Mapping[str, Any], coloured: bool, columns: int = 0) -> list[str]:
    """The errors of an envelope as lines, folded to ``columns`` (0: not at all); none after a success."""
    data, errors = result["data"], result["errors"]
    code = ExitCode(result["exit_code"])
    if code == ExitCode.SUCCESS:
        return []
    lines = [*(f"  | {line}" for line in data.get("log_tail", []))]
    several = len(data.get("clusters", [])) > 1
    for error in _grouped(errors):
        lines += _one(error, several, coloured, columns)
    if data.get("log_file"):
        lines.append(f"Log: {data['log_file']}")
    end = (
        "Not done." if any(error["code"] == "sandbox" for error in errors) else _end(result["command"], code)
    )
    return [*lines, _styled(f"{end} (exit code {int(code)})", coloured, bold=True)]


def _end(command: str, code: ExitCode) -> str:
    return {**ENDS, **(ENDS_OF_DRILLS if command == "drill" else {})}[code]


def _one(error: Mapping[str, Any], several: bool, coloured: bool, columns: int) -> list[str]:
    where = [error["cluster"] if several else None, error["namespace"], error["object"]]
    # A message often names what it is about.
    named = [part for part in where if part and not re.search(rf"\b{re.escape(part)}\b", error["message"])]
    prefix = f"{' '.join(named)}: " if named else ""
    told = _folded(f"{prefix}{error['message']}", columns) + (
        _folded(error["hint"], columns) if error["hint"] else []
    )
    return [
        _styled(HEAD, coloured, fg="red", bold=True) + told[0],
        *(" " * len(HEAD) + line for line in told[1:]),
    ]


def _folded(text: str, columns: int) -> list[str]:
    """At words only: a path or a command that is longer than the line stays whole."""
    if not columns:
        return [text]
    width = max(columns - len(HEAD), 20)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [text]


def _grouped(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Errors that say the same of several objects, once, with all of the objects."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for error in errors:
        key = (error["code"], error["message"], error["hint"], error["cluster"], error["namespace"])
        groups.setdefault(key, []).append(error)
    return [
        {**group[0], "object": ", ".join(str(e["object"]) for e in group if e["object"]) or None}
        for group in groups.values()
    ]


def _styled(text: str, coloured: bool, **style: Any) -> str:
    return click.style(text, **style) if coloured else text
