"""From what a child leaves behind to the one result: pure, and never silent about a cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshroll.core.errors import STATUS, ExitCode, Problem
from meshroll.core.result import combined_exit_code, envelope
from meshroll.playbook.child import ChildEnd

ANSIBLE_REFUSED = frozenset({1, 4, 5})
"""What ansible-playbook exits with when it cannot read what it was given: errors, parser errors, options."""

TAIL_LINES = 15
LINE_CHARACTERS = 160
_ERROR = re.compile(r"^(?:\[ERROR\]:|ERROR!) *(.*)$")
_INVENTORY_HINT = "Correct the inventory (-i) or --limit; docs/reference/inventory.md lists every setting."
_BUG_HINT = (
    "This is a bug in meshroll or in what is installed beside it; please report it with the log. "
    "`meshroll status` tells how a cluster stands, `meshroll rollback` takes it back."
)


@dataclass(frozen=True)
class Identity:
    """Who ran what and when; times are RFC 3339 UTC."""

    command: str
    version: str
    run_id: str
    started_at: str
    finished_at: str


def result_of(
    identity: Identity, end: ChildEnd, written: Mapping[str, Any] | None, log: Sequence[str]
) -> dict[str, Any]:
    """The result as the clusters wrote it, completed for those that wrote nothing.

    Ansible's own return code decides only where no cluster said how it ended.
    """
    if written is None and not end.clusters:
        return _not_begun(identity, end, log)
    entries = list(written["data"].get("clusters", [])) if written else []
    errors = list(written["errors"]) if written else []
    data = dict(written["data"]) if written else {}
    for name in sorted(end.clusters - {entry["name"] for entry in entries}):
        code, problems = _unaccounted(name, end, log)
        entries.append({"name": name, "outcome": STATUS[code], "exit_code": int(code)})
        errors += [problem.as_dict() for problem in problems]
        if code == ExitCode.BUG:
            data["log_tail"] = _tail(log)
    entries.sort(key=lambda entry: str(entry["name"]))
    codes = [int(entry["exit_code"]) for entry in entries]
    return _envelope(identity, combined_exit_code(codes), {**data, "clusters": entries}, errors)


def _not_begun(identity: Identity, end: ChildEnd, log: Sequence[str]) -> dict[str, Any]:
    """No play began: Ansible could not read the inventory, or found nobody in it."""
    data: dict[str, Any] = {"clusters": []}
    if end.asked:
        problem = Problem("interrupted", "Stopped before any cluster was looked at.")
        return _envelope(identity, ExitCode.INTERRUPTED, data, [problem.as_dict()])
    if end.return_code == 0:
        problem = Problem(
            "inventory-empty", "No cluster is named by the inventory and --limit.", _INVENTORY_HINT
        )
        return _envelope(identity, ExitCode.USAGE, data, [problem.as_dict()])
    reason = _reason(log)
    if end.return_code in ANSIBLE_REFUSED and reason:
        problem = Problem("inventory-unreadable", reason, _INVENTORY_HINT)
        return _envelope(identity, ExitCode.USAGE, data, [problem.as_dict()])
    data["log_tail"] = _tail(log)
    message = f"ansible-playbook ended with {end.return_code} before any play began. {reason}".strip()
    return _envelope(identity, ExitCode.BUG, data, [Problem("no-result", message, _BUG_HINT).as_dict()])


def _unaccounted(cluster: str, end: ChildEnd, log: Sequence[str]) -> tuple[ExitCode, list[Problem]]:
    """A cluster of the play that left no entry in the result."""
    failure = end.failures.get(cluster, {})
    if failure.get("problems"):
        problems = [Problem.from_dict({**each, "cluster": cluster}) for each in failure["problems"]]
        code = ExitCode(failure["exit_code"])
        if code == ExitCode.ROLLED_BACK:
            # It failed, and the way back did not come to its end: that would have left an entry.
            code = ExitCode.INTERRUPTED if end.asked else ExitCode.ROLLBACK_INCOMPLETE
        return code, problems
    if end.asked:
        message = (
            "broken off before it had ended." if cluster in end.begun else "stopped before it was begun."
        )
        hint = "Run the command again to go on, or `meshroll rollback` to take it back."
        return ExitCode.INTERRUPTED, [Problem("interrupted", f"{cluster}: {message}", hint, cluster)]
    if cluster not in end.begun | end.failures.keys() and (end.begun or end.failures):
        message = "not begun, because a cluster before it failed; nothing was changed."
        hint = "Mend that one first, or leave it out with --limit."
        return ExitCode.REFUSED, [Problem("cluster-not-begun", f"{cluster}: {message}", hint, cluster)]
    reason = failure.get("message") or _reason(log)
    if not end.begun and end.return_code in ANSIBLE_REFUSED and reason:
        return ExitCode.USAGE, [Problem("inventory-unreadable", reason, _INVENTORY_HINT, cluster)]
    return ExitCode.BUG, [
        Problem("no-result", f"{cluster}: left no result. {reason}".strip(), _BUG_HINT, cluster)
    ]


def _reason(log: Sequence[str]) -> str:
    """The first error that Ansible names, and the place in a file that it names for it."""
    for position, line in enumerate(log):
        found = _ERROR.match(line)
        if found:
            origin = [
                text.removeprefix("Origin: ")
                for text in log[position + 1 : position + 2]
                if "Origin: " in text
            ]
            return f"{found.group(1)} ({origin[0]})" if origin else found.group(1)
    return ""


def _tail(log: Sequence[str]) -> list[str]:
    """The last lines that say something, none longer than a screen is wide twice."""
    said = [line for line in log if line.strip()]
    return [line[:LINE_CHARACTERS] for line in said[-TAIL_LINES:]]


def _envelope(
    identity: Identity, code: ExitCode, data: Mapping[str, Any], errors: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    return envelope(
        command=identity.command,
        version=identity.version,
        run_id=identity.run_id,
        started_at=identity.started_at,
        finished_at=identity.finished_at,
        exit_code=code,
        data=data,
        errors=errors,
    )
