"""What is told to those who do not watch a run: when it begins, how it ends, and that an upgrade is overdue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from meshroll.core.errors import ExitCode, Problem
from meshroll.core.journal import Record
from meshroll.core.redaction import text_without_secrets
from meshroll.core.settings import Event

# Commands that change something: whoever typed another one reads its answer.
TOLD_OF = frozenset({"rollout", "rollback", "resume", "upgrade", "uninstall"})
# Slack takes no more than some thousands, and what Helm says may be long.
REASON_CHARACTERS_MAX = 2000
_ENDS: Mapping[ExitCode, tuple[Event, str]] = {
    ExitCode.SUCCESS: ("success", "succeeded"),
    ExitCode.PAUSED: ("pause", "paused: what was changed stays, and a person has to look"),
    ExitCode.ROLLED_BACK: ("rollback", "failed, and what it changed was taken back"),
    ExitCode.ROLLBACK_INCOMPLETE: ("failure", "failed, and is not wholly taken back"),
    ExitCode.REFUSED: ("failure", "was refused, and changed nothing"),
    ExitCode.USAGE: ("failure", "was refused, and changed nothing"),
    ExitCode.LOCKED: ("failure", "was refused, because another run is at work"),
    ExitCode.DRIFT: ("failure", "left what somebody else had changed meanwhile"),
    ExitCode.INTERRUPTED: ("failure", "was interrupted, and can go on"),
}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One event of one cluster's run; the fields are the body that a webhook gets. Times are RFC 3339 UTC.

    ``exit_code`` is None before the end. ``text`` says all of it in some lines, for people.
    """

    event: Event
    cluster: str
    command: str
    run_id: str
    namespaces: Sequence[str]
    exit_code: int | None
    reason: str
    next: str | None
    started_at: str
    finished_at: str | None
    text: str


def begun(record: Record, cluster: str) -> Notice:
    """Of a run that took the lock and is about to change something."""
    head = _head(record.command, cluster, record.namespaces, f"begins, by {record.holder}")
    return Notice(
        event="start",
        cluster=cluster,
        command=record.command,
        run_id=record.run_id,
        namespaces=record.namespaces,
        exit_code=None,
        reason="",
        next=None,
        started_at=record.started_at,
        finished_at=None,
        text=_lines(head, "", None, record.run_id),
    )


def ended(
    entry: Mapping[str, Any],
    problems: Sequence[Problem],
    command: str,
    run_id: str,
    namespaces: Sequence[str],
    started_at: str,
    finished_at: str,
    begun: bool,
) -> Notice | None:
    """Of a run that came to its end; None where there is nothing to tell: it found nothing to do and all is well.

    ``entry`` is the cluster's part of the result (docs/reference/result.md), ``problems`` why it ended so; ``begun``:
    whether it took the lock.
    """
    code = ExitCode(entry["exit_code"])
    due = (entry.get("upgrade") or {}).get("due") or {}
    reason = text_without_secrets("; ".join(problem.message for problem in problems))[:REASON_CHARACTERS_MAX]
    event, told = _ENDS.get(code, ("failure", "ended with a defect of meshroll"))
    if code == ExitCode.SUCCESS and not begun:
        if due.get("state") != "overdue":
            return None
        event, told, reason = "overdue", "is overdue", due["why"]
    return Notice(
        event=event,
        cluster=entry["name"],
        command=command,
        run_id=run_id,
        namespaces=namespaces,
        exit_code=int(code),
        reason=reason,
        next=entry.get("next"),
        started_at=started_at,
        finished_at=finished_at,
        text=_lines(
            _head(command, entry["name"], namespaces, told),
            reason,
            entry.get("next"),
            run_id if begun else "",
        ),
    )


def _head(command: str, cluster: str, namespaces: Sequence[str], told: str) -> str:
    of = f" of {', '.join(namespaces)}" if namespaces and command != "upgrade" else ""
    return f"meshroll {command}{of} on {cluster} {told}."


def _lines(head: str, reason: str, following: str | None, run_id: str) -> str:
    lines = [head, reason, f"Next: {following}" if following else "", f"Run {run_id}." if run_id else ""]
    return "\n".join(line for line in lines if line)


def slack(text: str) -> dict[str, str]:
    """The body of an incoming webhook; what Slack reads as markup is escaped
    (docs.slack.dev/messaging/formatting-message-text#escaping).
    """
    for mark, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(mark, escaped)
    return {"text": text}
