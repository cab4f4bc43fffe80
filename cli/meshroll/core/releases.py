"""Edge releases: their order, their charts, and what the catalogue knows of each.

Linkerd's free artifacts are edge releases; a few are recommended, some are withdrawn later, and nobody keeps
a machine-readable list, so the catalogue (``data/releases.yml``) is meshroll's own.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from meshroll.core.errors import Problem, UsageError
from meshroll.core.model import kubernetes_minor

_EDGE = re.compile(r"edge-(\d{2})\.([1-9]\d?)\.(\d{1,3})")
_CHART = re.compile(r"20(\d{2})\.([1-9]\d?)\.(\d{1,3})")
# Native sidecars' known faults (named ports, opaque ports, hostPort) are fixed from here on; Kubernetes has
# them on by default since 1.29.
NATIVE_SIDECAR_EDGE = (25, 12, 3)
NATIVE_SIDECAR_KUBERNETES = (1, 29)


@dataclass(frozen=True, order=True)
class Edge:
    """``edge-26.6.3``: year, month, number in the month. Ordered as numbers: 25.10 comes after 25.9."""

    year: int
    month: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Edge:
        """Raises ValueError where ``text`` is not ``edge-YY.M.N`` without a leading zero in the month."""
        match = _EDGE.fullmatch(text)
        if not match:
            raise ValueError(f"{text!r} is not an edge release such as edge-26.6.3")
        return cls(*(int(part) for part in match.groups()))

    @classmethod
    def of_chart(cls, version: str) -> Edge:
        """The edge of chart version ``2026.6.3`` (charts before 2024 had other numbers: ValueError).

        The chart's appVersion would say it too, but linkerd-crds is packaged without one.
        """
        match = _CHART.fullmatch(version)
        if not match:
            raise ValueError(f"{version!r} is not a chart version of an edge release such as 2026.6.3")
        return cls(*(int(part) for part in match.groups()))

    @property
    def chart_version(self) -> str:
        return f"20{self.year:02d}.{self.month}.{self.number}"

    def __str__(self) -> str:
        return f"edge-{self.year:02d}.{self.month}.{self.number}"


Mark = Literal["recommended", "not_recommended", "unmarked"]
EdgeName = Annotated[str, msgspec.Meta(pattern=rf"^{_EDGE.pattern}$")]
KubernetesMinor = Annotated[str, msgspec.Meta(pattern=r"^1\.\d{2}$")]


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row of the catalogue. None: not known. ``source`` names where the mark comes from.

    ``kubernetes_min`` is what the chart demands, ``kubernetes_max`` the newest minor that Linkerd tests or
    documents.
    """

    edge: EdgeName
    mark: Mark = "unmarked"
    reason: str = ""
    replacement: EdgeName | None = None
    source: str = ""
    date: datetime.date | None = None
    milestone: str | None = None
    kubernetes_min: KubernetesMinor | None = None
    kubernetes_max: KubernetesMinor | None = None
    native_sidecar_default: bool | None = None
    proxy: str | None = None

    @property
    def version(self) -> Edge:
        return Edge.parse(self.edge)

    @property
    def kubernetes_range(self) -> str:
        return f"Kubernetes {self.kubernetes_min or '?'} to {self.kubernetes_max or '?'}"

    def runs_on(self, kubernetes: tuple[int, int]) -> bool:
        """Whether the minor is in the range; an end that nobody knows does not exclude."""
        low, high = self.kubernetes_min, self.kubernetes_max
        return not (low and kubernetes < kubernetes_minor(low)) and not (
            high and kubernetes > kubernetes_minor(high)
        )


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All known releases. ``as_of`` is the day that the marks were last read from their sources."""

    as_of: datetime.date
    sources: dict[str, str]
    releases: list[Release]

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Catalogue:
        """From a parsed YAML file. Raises UsageError where it is not a catalogue."""
        try:
            return msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            raise UsageError(
                Problem(
                    "catalogue-wrong",
                    f"The release catalogue is not usable: {error}.",
                    "Compare data/releases.yml.",
                )
            ) from error

    def find(self, edge: Edge) -> Release | None:
        return next((release for release in self.releases if release.version == edge), None)

    def newest_first(self) -> Iterator[Release]:
        return iter(sorted(self.releases, key=lambda release: release.version, reverse=True))


def supports_native_sidecar(kubernetes: tuple[int, int], edge: Edge) -> bool:
    """Whether this Kubernetes minor carries this release's proxy as a native sidecar without known faults."""
    return kubernetes >= NATIVE_SIDECAR_KUBERNETES and edge >= Edge(*NATIVE_SIDECAR_EDGE)


def edges_of(chart_versions: Collection[str]) -> frozenset[Edge]:
    """Chart versions as edges; charts of another numbering (before 2024) are none."""
    edges = set()
    for version in chart_versions:
        if _CHART.fullmatch(version):
            edges.add(Edge.of_chart(version))
    return frozenset(edges)
