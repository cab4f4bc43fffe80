"""What the journal tells people: the runs of a cluster, and one of them change by change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshroll.core.journal import Entry, Record
from meshroll.core.plan import change_rows, to_builtins


def run_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """The runs that a cluster remembers, newest first, as `runs` and `status` list them."""
    return [_row(record) for record in records]


def run_detail(record: Record) -> dict[str, Any]:
    """One run with all that it wrote down; a row a field in ``changes``."""
    return {
        **_row(record),
        "asked": record.asked,
        "plan": record.plan,
        "heading": record.heading,
        "to": record.to,
        "continues": record.continues,
        "continued_by": record.continued_by,
        "stolen": to_builtins(record.stolen),
        "verdicts": to_builtins(record.verdicts),
        "changes": [row for entry in record.entries for row in _rows(entry)],
    }


def _row(record: Record) -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "command": record.command,
        "state": record.state,
        "namespaces": record.namespaces,
        "holder": record.holder,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "release": record.release,
        "pending": record.pending,
        "changed_objects": len({change.object for change in record.changes}),
        "reason": record.reason,
    }


def _rows(entry: Entry) -> list[dict[str, Any]]:
    return [
        {
            **row,
            "resource_version_before": entry.before.resource_version if entry.before else None,
            "resource_version_after": entry.after.resource_version if entry.after else None,
        }
        for row in change_rows(entry.step, entry.change)
    ]
