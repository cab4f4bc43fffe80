"""The workloads of a namespace as they are now, kept up change by change: looking at all of them each time that one pod
of thousands moves would cost a step of 500 workloads more than all of its writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meshroll.core.kinds import ROLLED
from meshroll.core.model import Object, Pod, Workload

Seen = tuple[str, str, Object | None]
"""Kind and name of something that changed, and what it is now; None where it is gone."""


class Followed:
    """Workloads by id, and of each its pods and the events since the change, by name."""

    def __init__(self) -> None:
        self.workloads: dict[str, Workload] = {}
        self._pods: dict[str, dict[str, Pod]] = {}
        self._events: dict[str, dict[str, Object]] = {}
        self._owners: dict[tuple[str, str], str] = {}

    def take(self, changes: Iterable[Seen]) -> set[str]:
        """Takes in what changed; the workloads (ids) that it is about."""
        touched = set()
        for kind, name, item in changes:
            if kind in ROLLED:
                touched.add(workload := f"{kind}/{name}")
                if item is None:
                    self.workloads.pop(workload, None)
                else:
                    self.workloads[workload] = Workload(item)
                continue
            kept: dict[str, dict[str, Any]] = self._pods if kind == "Pod" else self._events
            # By that name there may have been one of another workload.
            before = self._owners.pop((kind, name), None)
            if before is not None:
                touched.add(before)
                kept[before].pop(name, None)
            if item is not None:
                owner = (Pod(item).owner or "") if kind == "Pod" else _owner_of(item)
                touched.add(owner)
                self._owners[kind, name] = owner
                kept.setdefault(owner, {})[name] = Pod(item) if kind == "Pod" else item
        return touched

    def pods_of(self, workload: str) -> list[Pod]:
        return list(self._pods.get(workload, {}).values())

    def events_of(self, workload: str) -> list[Object]:
        return list(self._events.get(workload, {}).values())


def _owner_of(event: Object) -> str:
    """The workload that an event is about: a Deployment's pods are made by a ReplicaSet called NAME-HASH."""
    involved = event.get("involvedObject") or {}
    kind, name = involved.get("kind", ""), involved.get("name", "")
    return f"Deployment/{name.rpartition('-')[0]}" if kind == "ReplicaSet" else f"{kind}/{name}"
