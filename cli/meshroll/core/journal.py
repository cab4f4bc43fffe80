"""What a run writes down in the cluster, so that the next run knows where it stands and what to undo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from meshroll.core.changes import Change
from meshroll.core.plan import Step

State = Literal[
    "running", "succeeded", "paused", "rolled_back", "rollback_incomplete", "failed", "interrupted"
]
# Unfinished states: the next rollout of the namespace goes on where such a run stopped.
OPEN: tuple[State, ...] = ("running", "paused", "failed", "interrupted")


class Record(msgspec.Struct, frozen=True):
    """One run. ``changes`` hold intent, before and after of each field; ``pending`` marks gates not passed yet.

    It never holds a secret: the only values of variables in it are those of a client's dial switches.
    """

    run_id: str
    command: str
    holder: str
    namespaces: list[str]
    started_at: str
    state: State = "running"
    finished_at: str | None = None
    release: str | None = None
    changes: list[Change] = []
    pending: list[str] = []
    paused_at: list[str] = []
    acknowledged: list[str] = []
    verdicts: list[dict[str, Any]] = []
    reason: str | None = None


def intending(record: Record, step: Step) -> Record:
    """The record with this step's changes and pending gates, written before the first of them is made."""
    return msgspec.structs.replace(
        record,
        changes=[*record.changes, *step.changes],
        pending=list(dict.fromkeys([*record.pending, *step.pending])),
    )


def passed(record: Record, step: Step) -> Record:
    """The record once the step's gate has passed."""
    return msgspec.structs.replace(
        record, pending=[mark for mark in record.pending if mark not in step.pending]
    )


def carried_over(
    records: Sequence[Record], namespaces: Sequence[str]
) -> tuple[list[str], list[str], list[Change]]:
    """(pending gates, answered pauses, changes) that a new rollout of these namespaces inherits.

    An unfinished run's changes are inherited too, so that `rollback --to previous` goes back to before the first of
    them and not to the middle. Records come newest first.
    """
    for record in records:
        if record.command != "rollout" or not set(record.namespaces) & set(namespaces):
            if record.command == "rollback" and set(record.namespaces) & set(namespaces):
                return [], list(record.acknowledged), []
            continue
        answered = list(dict.fromkeys([*record.acknowledged, *record.paused_at]))
        if record.state in OPEN:
            return list(record.pending), answered, list(record.changes)
        return [], answered, []
    return [], [], []


def to_undo(records: Sequence[Record], namespaces: Sequence[str]) -> Record | None:
    """The newest rollout of these namespaces that changed something and was not taken back since; records newest first."""
    for record in records:
        if not set(record.namespaces) & set(namespaces):
            continue
        if record.command == "rollback" and record.state == "succeeded":
            return None
        if record.command == "rollout" and record.state != "rolled_back" and record.changes:
            return record
    return None
