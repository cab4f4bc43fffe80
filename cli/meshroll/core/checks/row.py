"""A check is a row: what has to hold, why, what to do, and a pure function from what was seen to what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from meshroll.core.control_plane import values_to_be
from meshroll.core.errors import Problem
from meshroll.core.facts import Facts, Need
from meshroll.core.injection import Sidecar, sidecar_mode, uninjected
from meshroll.core.model import ClusterView, NamespaceView, Workload
from meshroll.core.releases import Edge
from meshroll.core.scan.row import Hit
from meshroll.core.scope import brought_up, eligible, home_clients
from meshroll.core.settings import Namespace, Settings

Direction = Literal["in", "upgrade", "out", "verify", "probe"]
Severity = Literal["block", "warn", "note"]


@dataclass(frozen=True)
class Case:
    """One cluster's snapshot and what is wanted of it. ``edge`` is None on the way out, where none is needed.

    ``unjudged`` (NAMESPACE/KIND/NAME) are workloads that an unfinished run has changed: its gate judges them.
    ``release_problems`` are why no release can be told for this cluster; ``edge`` is a guess then.
    ``facts`` is None where nothing was read beside the view: then rows that need some are left out.
    """

    view: ClusterView
    settings: Settings
    direction: Direction
    edge: Edge | None = None
    unjudged: frozenset[str] = frozenset()
    facts: Facts | None = None
    release_problems: tuple[Problem, ...] = ()

    @property
    def seen(self) -> Facts:
        """For rows that need facts."""
        assert self.facts is not None, "a row without its facts is left out"
        return self.facts

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """The control plane's, as far as they are known."""
        return values_to_be(self.view, self.settings.control_plane)

    def spaces(self) -> Iterator[tuple[Namespace, NamespaceView]]:
        """The namespaces that exist; those that do not are one check's business."""
        for namespace in self.settings.namespaces:
            space = self.view.namespaces[namespace.name]
            if space.manifest is not None:
                yield namespace, space

    def taken(self) -> Sequence[tuple[Namespace, NamespaceView, Workload]]:
        """The workloads whose templates this run may change."""
        return self._all_taken

    @cached_property
    def _all_taken(self) -> Sequence[tuple[Namespace, NamespaceView, Workload]]:
        """Half of the rows ask for them."""
        return tuple(
            (namespace, space, workload)
            for namespace, space in self.spaces()
            for workload in self._taken(space, namespace)
        )

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
    """``title`` is what holds where nothing is found; ``why`` and ``fix`` are what the docs say of it.

    run         yields what is wrong: Hits, told under the row's id, or Problems where a row has several codes; raises
                Unseen for what it could not look at
    needs       what it looks at beside the view
    acceptable  whether an operator may go on all the same; not where a run could not come to its end
    """

    id: str
    title: str
    run: Callable[[Case], Iterable[Problem | Hit]]
    directions: tuple[Direction, ...] = ("in",)
    severity: Severity = "block"
    needs: tuple[Need, ...] = ()
    acceptable: bool = False
    why: str = ""
    fix: str = ""

    def problem(self, found: Problem | Hit) -> Problem:
        if isinstance(found, Problem):
            return found
        return Problem(
            self.id, found.text, found.fix or self.fix, namespace=found.namespace, object=found.object
        )
