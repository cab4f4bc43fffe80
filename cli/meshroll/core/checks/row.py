"""A check is a row: an id, when it applies, and a pure function from what was seen to what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from meshroll.core.errors import Problem
from meshroll.core.injection import Sidecar, sidecar_mode, uninjected
from meshroll.core.model import ClusterView, NamespaceView, Workload
from meshroll.core.releases import Edge
from meshroll.core.scope import brought_up, eligible, home_clients
from meshroll.core.settings import Namespace, Settings

Direction = Literal["in", "upgrade", "out", "verify", "probe"]


@dataclass(frozen=True)
class Case:
    """One cluster's snapshot and what is wanted of it. ``edge`` is None on the way out, where none is needed.

    ``unjudged`` (NAMESPACE/KIND/NAME) are workloads that an unfinished run has changed: its gate judges them.
    """

    view: ClusterView
    settings: Settings
    direction: Direction
    edge: Edge | None = None
    unjudged: frozenset[str] = frozenset()

    def spaces(self) -> Iterator[tuple[Namespace, NamespaceView]]:
        """The namespaces that exist; those that do not are one check's business."""
        for namespace in self.settings.namespaces:
            space = self.view.namespaces[namespace.name]
            if space.manifest is not None:
                yield namespace, space

    def taken(self) -> Iterator[tuple[Namespace, NamespaceView, Workload]]:
        """The workloads whose templates this run may change."""
        for namespace, space in self.spaces():
            for workload in self._taken(space, namespace):
                yield namespace, space, workload

    def _taken(self, space: NamespaceView, namespace: Namespace) -> list[Workload]:
        if self.direction == "in":
            return eligible(space, namespace)
        if self.direction == "upgrade":
            return brought_up(space, namespace)
        return [workload for workload in space.workloads if _undone(workload, space, namespace)]

    def mode(self, namespace: Namespace) -> Sidecar:
        assert self.edge is not None
        return sidecar_mode(namespace.sidecar, self.view.kubernetes_version, self.edge)


def _undone(workload: Workload, space: NamespaceView, namespace: Namespace) -> bool:
    """Whether the way out may touch it: a workload that was never meshed must not stand in its way."""
    return (
        workload.id in {client.workload for client in home_clients(namespace)}
        or uninjected(workload, []) is not None
        or any(pod.proxy for pod in space.pods_of(workload.id))
    )


@dataclass(frozen=True)
class Check:
    id: str
    title: str
    run: Callable[[Case], list[Problem]]
    directions: tuple[Direction, ...] = ("in",)
