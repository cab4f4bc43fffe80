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
UNFINISHED: tuple[State, ...] = (*OPEN, "rollback_incomplete")


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
    them and not to the middle; those of a run whose way back failed as well. Whoever was taken back begins anew: a
    switch that a person threw is thrown back too. Each namespace inherits from its own newest run. Records come
    newest first.
    """
    pending: list[str] = []
    answered: list[str] = []
    changes: list[Change] = []
    for namespace in namespaces:
        record = _newest(records, namespace)
        if record is None or record.command != "rollout" or record.state == "rolled_back":
            continue
        answered += [mark for mark in (*record.acknowledged, *record.paused_at) if _of(mark, namespace)]
        if record.state in UNFINISHED:
            pending += [mark for mark in record.pending if _of(mark, namespace)]
            changes += [change for change in record.changes if _touches(change, namespace)]
    return list(dict.fromkeys(pending)), list(dict.fromkeys(answered)), changes


def touched(record: Record) -> list[str]:
    """The namespaces that the run changed something in."""
    return [name for name in record.namespaces if any(_touches(change, name) for change in record.changes)]


def _newest(records: Sequence[Record], namespace: str) -> Record | None:
    """The run that says how the namespace stands; a rollback that did not come to its end says nothing of it."""
    return next(
        (
            record
            for record in records
            if namespace in record.namespaces
            and (record.command != "rollback" or record.state == "succeeded")
        ),
        None,
    )


def _of(mark: str, namespace: str) -> bool:
    """Whether a mark such as ``inject:charging/Deployment/omni`` is of this namespace."""
    return mark.partition(":")[2].startswith(f"{namespace}/")


def _touches(change: Change, namespace: str) -> bool:
    return namespace == (change.name if change.kind == "Namespace" else change.namespace)


def to_undo(records: Sequence[Record], namespaces: Sequence[str]) -> list[Change]:
    """The changes of each namespace's newest rollout that changed it and was not taken back; records newest first."""
    return [change for namespace in namespaces for change in _to_undo_in(records, namespace)]


def _to_undo_in(records: Sequence[Record], namespace: str) -> list[Change]:
    for record in records:
        if namespace not in record.namespaces:
            continue
        if record.command == "rollback" and record.state == "succeeded":
            return []
        changes = [change for change in record.changes if _touches(change, namespace)]
        if record.command == "rollout" and record.state != "rolled_back" and changes:
            return changes
    return []


def forgettable(records: Sequence[Record], kept: int) -> list[Record]:
    """The runs that may be dropped: all but the newest ``kept``, and none that is the last word on a namespace."""
    last = {
        record.run_id
        for namespace in {name for record in records for name in record.namespaces}
        if (record := _newest(records, namespace)) is not None
    }
    return [
        record for record in records[kept:] if record.run_id not in last and record.state not in UNFINISHED
    ]
