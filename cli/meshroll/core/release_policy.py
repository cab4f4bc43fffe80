"""Which release to install: what policy or a pin picks, and why not a newer one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from meshroll.core.errors import MeshrollError, Problem, Refused, UsageError
from meshroll.core.model import kubernetes_minor
from meshroll.core.releases import Catalogue, Edge, Release, edges_of

RECOMMENDED = "recommended"


@dataclass(frozen=True)
class Dropped:
    """A release newer than the chosen one, and why it is not the one."""

    edge: Edge
    reason: str


@dataclass(frozen=True)
class Choice:
    """The release to install; ``dropped`` are the newer ones, newest first."""

    release: Release
    dropped: tuple[Dropped, ...]

    @property
    def edge(self) -> Edge:
        return self.release.version


def choose(
    wanted: str, catalogue: Catalogue, available_chart_versions: Collection[str], kubernetes_version: str
) -> Choice:
    """The release for ``wanted``: ``recommended``, or a pin such as ``edge-26.6.3``.

    ``available_chart_versions`` are those that the chart source has of every chart. A pin that the catalogue
    does not know is taken as it is (unmarked); one not recommended, or not for this Kubernetes, is refused.
    Raises UsageError release-not-found, Refused release-not-recommended or release-kubernetes-range.
    """
    kubernetes = kubernetes_minor(kubernetes_version)
    available = edges_of(available_chart_versions)
    if wanted != RECOMMENDED:
        edge = Edge.parse(wanted)
        release = catalogue.find(edge) or Release(edge=wanted, reason="The catalogue does not know it.")
        _refuse_pin(release, catalogue, available, kubernetes, kubernetes_version)
        return Choice(release, ())
    dropped: list[Dropped] = []
    for release in _candidates(catalogue, available):
        reason = _why_not(release, available, kubernetes)
        if reason is None:
            return Choice(release, tuple(dropped))
        dropped.append(Dropped(release.version, reason))
    raise _none_recommended(catalogue, available, kubernetes, kubernetes_version)


def _candidates(catalogue: Catalogue, available: frozenset[Edge]) -> Iterator[Release]:
    """What the catalogue knows and what only the chart source has, newest first."""
    known = {release.version for release in catalogue.releases}
    unknown = [Release(edge=str(edge)) for edge in available - known]
    return Catalogue(catalogue.as_of, catalogue.sources, [*catalogue.releases, *unknown]).newest_first()


def _why_not(release: Release, available: frozenset[Edge], kubernetes: tuple[int, int]) -> str | None:
    if release.mark == "not_recommended":
        return f"not recommended: {release.reason}"
    if release.mark == "unmarked":
        return "no source recommends it"
    if not release.runs_on(kubernetes):
        return f"it is for {release.kubernetes_range}"
    if release.version not in available:
        return "the chart source does not have it"
    return None


def _refuse_pin(
    release: Release,
    catalogue: Catalogue,
    available: frozenset[Edge],
    kubernetes: tuple[int, int],
    kubernetes_version: str,
) -> None:
    edge = release.version
    if edge not in available:
        raise UsageError(
            Problem(
                "release-not-found",
                f"The chart source has no charts of {edge}.",
                f"It has {_newest(available)}. Set meshroll_release to one of these, or to recommended.",
            )
        )
    if release.mark == "not_recommended":
        instead = release.replacement or RECOMMENDED
        source = catalogue.sources.get(release.source, release.source)
        raise Refused(
            Problem(
                "release-not-recommended",
                f"{edge} is not recommended: {release.reason}",
                f"Set meshroll_release to {instead}. Source: {source}",
            )
        )
    if not release.runs_on(kubernetes):
        raise _outside_range(release, catalogue, available, kubernetes, kubernetes_version)


def _none_recommended(
    catalogue: Catalogue, available: frozenset[Edge], kubernetes: tuple[int, int], kubernetes_version: str
) -> MeshrollError:
    recommended = [release for release in catalogue.newest_first() if release.mark == "recommended"]
    offered = [release for release in recommended if release.version in available]
    if offered:
        return _outside_range(offered[0], catalogue, available, kubernetes, kubernetes_version)
    return UsageError(
        Problem(
            "release-not-found",
            f"The chart source has charts of no recommended release; it has {_newest(available)}.",
            "Set meshroll_control_plane.chart_source to a fuller one, or pin meshroll_release.",
        )
    )


def _outside_range(
    release: Release,
    catalogue: Catalogue,
    available: frozenset[Edge],
    kubernetes: tuple[int, int],
    kubernetes_version: str,
) -> Refused:
    fitting = [
        other.edge
        for other in catalogue.newest_first()
        if other.mark != "not_recommended" and other.version in available and other.runs_on(kubernetes)
    ]
    return Refused(
        Problem(
            "release-kubernetes-range",
            f"{release.edge} is for {release.kubernetes_range}; the cluster runs {kubernetes_version}.",
            f"Pin meshroll_release to {fitting[0]}, the newest one for this Kubernetes."
            if fitting
            else "The chart source has none for this Kubernetes; set meshroll_control_plane.chart_source.",
        )
    )


def _newest(available: frozenset[Edge], count: int = 3) -> str:
    return (
        ", ".join(str(edge) for edge in sorted(available, reverse=True)[:count]) or "no edge release at all"
    )
