"""Services that a process which died had deleted and not made anew yet: any plan makes them first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from meshroll.core.changes import Change
from meshroll.core.drift import manifest_of
from meshroll.core.journal import UNFINISHED, Record, touches
from meshroll.core.model import ClusterView
from meshroll.core.plan import Step


def unmade(records: Sequence[Record], namespaces: Sequence[str]) -> list[Change]:
    """What the unfinished runs since the last finished one meant to make anew, by namespace; records newest first."""
    found: dict[str, Change] = {}
    for namespace in namespaces:
        for record in records:
            if namespace not in record.namespaces:
                continue
            if record.state not in UNFINISHED:
                break
            for entry in reversed(record.entries):
                change = entry.change
                # One that is known to have been made was deleted by somebody else since.
                if change.action == "create" and entry.after is None and touches(change, namespace):
                    found.setdefault(change.object, change)
    return list(found.values())


def repaired(view: ClusterView, wanted: Sequence[Change]) -> tuple[ClusterView, list[Step]]:
    """The cluster as it is once those of ``wanted`` that are not there are made, and the steps that make them."""
    steps = []
    spaces = dict(view.namespaces)
    for change in wanted:
        space = spaces.get(change.namespace)
        if space is None or space.manifest is None or change.body is None or manifest_of(view, change):
            continue
        spaces[space.name] = replace(space, services=(*space.services, change.body))
        steps.append(
            Step(
                "services",
                f"Service {change.name}, which a run had deleted and not made anew",
                space.name,
                [change],
            )
        )
    return replace(view, namespaces=spaces), steps
