"""The cluster as it matters to an upgrade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from meshroll.core.chart_values import CONTROL_PLANE_CHART
from meshroll.core.errors import Problem, Refused
from meshroll.core.helm_records import HelmRelease, before_hop, in_the_way
from meshroll.core.journal import HopTaken, Record
from meshroll.core.model import ClusterView, Object
from meshroll.core.releases import Edge
from meshroll.core.upgrade.calendar import installed_edge, rests_since


@dataclass(frozen=True)
class Standing:
    """The cluster as it matters to an upgrade. ``namespaces`` are the names of all; ``pods`` all that have a proxy, of
    whatever namespace; ``deployments`` those of the control plane; ``helm`` its newest records by release name.
    """

    view: ClusterView
    namespaces: frozenset[str]
    pods: Sequence[Object]
    deployments: Sequence[Object]
    helm: dict[str, HelmRelease]
    records: Sequence[Record]

    def hop(self, record: Record, edge: Edge) -> HopTaken:
        """The hop to ``edge`` that a run begins now, or that it goes on with."""
        installed, taken = installed_edge(self.view), record.open_hop
        if taken and taken.to == str(edge):
            return taken
        release = self.helm.get(CONTROL_PLANE_CHART)
        revision = release.deployed if release and installed != edge else None
        return HopTaken(str(installed), str(edge), revision, len(record.entries))

    def records_to_drop(self, record: Record, now: datetime) -> list[HelmRelease]:
        """Those of a Helm that was killed in the hop that is open. Raises Refused where one is in the way."""
        drop, problems = self._helm_records(record.open_hop, now)
        if problems:
            raise Refused(problems)
        return drop

    def helm_problems(self, hop: HopTaken | None, now: datetime) -> list[Problem]:
        """What is in Helm's way; ``hop`` is the open one."""
        return self._helm_records(hop, now)[1]

    def helm_at_work(self, now: datetime) -> list[Problem]:
        """A Helm that an earlier run has started and that may still be writing: what is put back now is not the end."""
        return in_the_way(self.helm.values(), lambda _: True, now)[1]

    def _helm_records(self, hop: HopTaken | None, now: datetime) -> tuple[list[HelmRelease], list[Problem]]:
        ours = hop is not None and hop.revision is not None
        return before_hop(self.helm, self.deployments, self.view.control_plane.namespace, ours, now)

    @property
    def rests_since(self) -> datetime | None:
        release = self.helm.get(CONTROL_PLANE_CHART)
        return rests_since(release.changed_at if release else None, self.records)
