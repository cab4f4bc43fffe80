"""What upgrades that did not end mean for the next one: the hop that is half done, and what it has changed.

Records come newest first everywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import takewhile
from typing import Any

import msgspec

from meshroll.core.errors import Problem
from meshroll.core.journal import UNFINISHED, Entry, HopTaken, Record, touches
from meshroll.core.plan import Plan, to_builtins

UPGRADE = "upgrade"


def open_upgrade(records: Sequence[Record]) -> Record | None:
    """The newest upgrade, where it did not end, and Linkerd was not removed since, with its Helm release."""
    newest = next(
        (
            record
            for record in records
            if record.command == UPGRADE or (record.command == "uninstall" and record.state == "succeeded")
        ),
        None,
    )
    return newest if newest and newest.command == UPGRADE and newest.state in UNFINISHED else None


def left_upgrading(records: Sequence[Record]) -> list[Problem]:
    """Why nothing is meshed here for now: control plane and proxies may be of two releases."""
    record = open_upgrade(records)
    if record is None:
        return []
    return [
        Problem(
            "upgrade-unfinished",
            f"Run {record.run_id} (upgrade, {record.state.replace('_', ' ')}) did not come to its end.",
            "`meshroll upgrade` goes on with it, or takes its last hop back if that had failed.",
        )
    ]


def hop_entries(records: Sequence[Record], record: Record) -> list[Entry]:
    """What the run's open hop has changed, with what those runs changed that had begun it, oldest first.

    Nothing of a namespace that somebody has taken back since: what is there now is that rollback's doing. ``record`` is
    one of ``records``.
    """
    hop = record.open_hop
    if hop is None:
        return []
    since = takewhile(lambda each: each.run_id != record.run_id, records)
    taken_back = {
        name
        for each in since
        if each.command == "rollback" and each.state == "succeeded"
        for name in each.namespaces
    }
    own = [
        entry
        for entry in record.entries[hop.first_entry :]
        if not any(touches(entry.change, name) for name in taken_back)
    ]
    if len(record.hops) > 1:
        return own
    known = {each.run_id: each for each in records}
    earlier = [
        entry for name in record.continues if name in known for entry in hop_entries(records, known[name])
    ]
    return [*earlier, *own]


def carried_on(
    records: Sequence[Record], waived: Collection[str] = (), going_back: bool = False
) -> dict[str, Any]:
    """The fields of a new upgrade's record that it takes over from one that did not end; empty where there is none.

    ``waived`` are marks of gates that are not to be looked at again. One that is ``going_back`` says so from its first
    line on: killed before it has turned, it would go forward again.
    """
    record = open_upgrade(records)
    if record is None:
        return {}
    hop = record.open_hop
    return {
        "continues": [record.run_id],
        "hops": [msgspec.structs.replace(hop, first_entry=0)] if hop else [],
        "pending": [mark for mark in record.pending if mark not in waived],
        "paused_since": record.paused_since,
        **({"heading": "back", "to": hop.start} if hop and going_back else {}),
    }


def carried_baseline(records: Sequence[Record]) -> dict[str, Any]:
    """The signals from before the hop that is half done, by namespace, as plain data; empty where none is."""
    record = open_upgrade(records)
    plain: dict[str, Any] = to_builtins(record.baseline) if record and record.open_hop else {}
    return plain


def begun(record: Record, hop: HopTaken, plan: Plan) -> Record:
    """The record of an upgrade that begins a hop, all of whose gates are due then; or that goes on with it.

    A wait before it, for whatever kept it from beginning, is none at its gates.
    """
    if record.open_hop:
        return record
    marks = [mark for step in plan.steps for mark in step.pending]
    return msgspec.structs.replace(
        record,
        hops=[*record.hops, hop],
        pending=list(dict.fromkeys([*record.pending, *marks])),
        paused_since=None,
    )


def done(record: Record) -> Record:
    """The record once the open hop's last gate has passed: from here on it is not taken back."""
    if record.open_hop is None:
        return record
    return msgspec.structs.replace(
        record, hops=[*record.hops[:-1], msgspec.structs.replace(record.hops[-1], done=True)], pending=[]
    )
