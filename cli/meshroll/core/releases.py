"""Edge releases: their order, their charts, and what the catalogue knows of each.

Linkerd's free artifacts are edge releases; a few are recommended, some are withdrawn later, and nobody keeps
a machine-readable list, so the catalogue (``data/releases.yml``) is meshroll's own.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from meshroll.core.errors import Problem, UsageError
from meshroll.core.model import kubernetes_minor

# Without leading zeros, so that one release has one name.
_VERSION = r"(\d{2})\.([1-9]|1[0-2])\.([1-9]\d{0,2})"
EDGE_PATTERN = rf"edge-{_VERSION}"
_EDGE = re.compile(EDGE_PATTERN)
_CHART = re.compile(rf"20{_VERSION}")
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
        """Raises ValueError where ``text`` is not ``edge-YY.M.N`` without leading zeros."""
        match = _EDGE.fullmatch(text)
        if not match:
            raise ValueError(f"{text!r} is not an edge release such as edge-26.6.3")
        return cls(*(int(part) for part in match.groups()))

    @classmethod
    def read(cls, text: str | None) -> Edge | None:
        """What a cluster says that it runs; None where that is no edge release but a fork, another kind or nothing."""
        return cls.parse(text) if text and _EDGE.fullmatch(text) else None

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


CHARTS_NUMBERED_AS_EDGES = Edge(24, 3, 1)
Mark = Literal["recommended", "not_recommended", "unmarked"]
EdgeName = Annotated[str, msgspec.Meta(pattern=rf"^{EDGE_PATTERN}\Z")]
KubernetesMinor = Annotated[str, msgspec.Meta(pattern=r"^1\.\d{2}$")]
ChartName = Literal["linkerd-crds", "linkerd-control-plane"]
ChartDigest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
GatewayApiVersion = Annotated[str, msgspec.Meta(pattern=r"^\d+\.\d+\.\d+$")]
UNMARKED: Mark = "unmarked"
CATALOGUE_HINT = "docs/how-to/choose-a-release.md has its form; `meshroll releases refresh` makes one."


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One row of the catalogue. None: not known. ``source`` names where the mark comes from.

    ``kubernetes_min`` is what the chart demands, ``kubernetes_max`` the newest minor that Linkerd tests or
    documents. ``charts`` are digests of the chart archives: an archive with another one is not installed.
    ``marked_on`` is the day from which the mark could be known; None: always.
    """

    edge: EdgeName
    date: datetime.date | None = None
    milestone: str | None = None
    kubernetes_min: KubernetesMinor | None = None
    kubernetes_max: KubernetesMinor | None = None
    gateway_api_min: GatewayApiVersion | None = None
    gateway_api_max: GatewayApiVersion | None = None
    native_sidecar_default: bool | None = None
    proxy: str | None = None
    charts: dict[ChartName, ChartDigest] | None = None
    mark: Mark = UNMARKED
    reason: str = ""
    replacement: EdgeName | None = None
    source: str = ""
    marked_on: datetime.date | None = None

    @property
    def version(self) -> Edge:
        return Edge.parse(self.edge)

    @property
    def chart_version(self) -> str | None:
        """That of its charts; None where those had numbers of their own (edge-24.2.4 has charts 1.18.10-edge)."""
        return self.version.chart_version if self.version >= CHARTS_NUMBERED_AS_EDGES else None

    @property
    def kubernetes_range(self) -> str:
        """``1.31 to 1.35``, with ``?`` for an end that is not known."""
        return _range(self.kubernetes_min, self.kubernetes_max)

    @property
    def gateway_api_range(self) -> str | None:
        """``1.2.1 to 1.5.1``; None where neither end is known."""
        low, high = self.gateway_api_min, self.gateway_api_max
        return _range(low, high) if low or high else None

    def runs_on(self, kubernetes: tuple[int, int]) -> bool:
        """Whether the minor is in the range; an end that nobody knows does not exclude."""
        low, high = self.kubernetes_min, self.kubernetes_max
        return not (low and kubernetes < kubernetes_minor(low)) and not (
            high and kubernetes > kubernetes_minor(high)
        )

    def takes_gateway_api(self, bundle: str) -> bool | None:
        """Whether CRDs of bundle version ``v1.2.1`` are in its range; None where one of them is not known."""
        found = _BUNDLE.match(bundle)
        if not (found and self.gateway_api_min and self.gateway_api_max):
            return None
        low, here, high = (_numbers(text) for text in (self.gateway_api_min, found[1], self.gateway_api_max))
        return low <= here <= high

    def needs_newer_gateway_api(self, bundle: str) -> bool:
        """Whether CRDs of bundle version ``v1.2.1`` are older than all that it reads; no, where that is not known."""
        found = _BUNDLE.match(bundle)
        return bool(found and self.gateway_api_min and _numbers(found[1]) < _numbers(self.gateway_api_min))

    def earliest(self) -> datetime.date:
        """Its date; where that is not known, the first day of the month that it is named after."""
        return self.date or datetime.date(2000 + self.version.year, self.version.month, 1)

    def as_known_on(self, day: datetime.date) -> Release:
        """Without a mark that came later: what policy could have gone by on that day."""
        if self.marked_on is None or self.marked_on <= day:
            return self
        bare: dict[str, Any] = {"mark": UNMARKED, "reason": "", "replacement": None, "milestone": None}
        return msgspec.structs.replace(self, **bare, source="", marked_on=None)


_BUNDLE = re.compile(r"v?(\d+\.\d+\.\d+)")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _range(low: str | None, high: str | None) -> str:
    return f"{low or '?'} to {high or '?'}"


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All known releases. ``as_of`` is the day that the marks were last read from their sources."""

    as_of: datetime.date
    sources: dict[str, str]
    releases: list[Release]

    @classmethod
    def from_data(cls, data: Any, name: str) -> Catalogue:
        """From what a YAML file called ``name`` holds. Raises UsageError catalogue-wrong."""
        try:
            catalogue = msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            raise UsageError(_wrong(name, str(error))) from error
        edges = [release.edge for release in catalogue.releases]
        twice = sorted({edge for edge in edges if edges.count(edge) > 1})
        if twice:
            raise UsageError(_wrong(name, f"{', '.join(twice)} stands there twice"))
        return catalogue

    def find(self, edge: Edge) -> Release | None:
        return next((release for release in self.releases if release.version == edge), None)

    def newest_first(self) -> Iterator[Release]:
        return iter(sorted(self.releases, key=lambda release: release.version, reverse=True))

    @property
    def milestones(self) -> tuple[Edge, ...]:
        """The releases that are milestones, oldest first."""
        return tuple(sorted(release.version for release in self.releases if release.milestone))

    def source_of(self, release: Release) -> str:
        """Where its mark comes from: an address, or the name of a source that has none; empty without a mark."""
        return self.sources.get(release.source, release.source)


def _wrong(name: str, why: str) -> Problem:
    return Problem("catalogue-wrong", f"{name} is not a catalogue of releases: {why}.", CATALOGUE_HINT)


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
