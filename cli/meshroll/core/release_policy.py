"""Which release policy picks, and one reason against each newer one."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from meshroll.core.errors import MeshrollError, Problem, Refused, UsageError
from meshroll.core.model import kubernetes_minor
from meshroll.core.releases import Catalogue, Edge, Release
from meshroll.core.settings import ReleasePolicy

Rule = Literal["released", "withdrawn", "denied", "channel", "kubernetes", "age", "charts"]
# What policy passes over, a pin may still name; the other rules hold for a pin too.
SOFT: frozenset[Rule] = frozenset({"channel", "age"})


@dataclass(frozen=True)
class Bounds:
    """What a release is held against.

    ``kubernetes_version`` is the cluster's (``v1.35.4``) and ``available`` what its chart source has of every chart;
    None where no cluster is asked. ``as_of`` is the day that the answer is for.
    """

    policy: ReleasePolicy
    as_of: datetime.date
    kubernetes_version: str | None = None
    available: frozenset[Edge] | None = None

    @property
    def kubernetes(self) -> tuple[tuple[int, int], ...]:
        """The minors that a release has to run on: the cluster's, and the ends of the inventory's range."""
        named = (self.kubernetes_version, self.policy.kubernetes_min, self.policy.kubernetes_max)
        return tuple(sorted({kubernetes_minor(version) for version in named if version}))


@dataclass(frozen=True)
class Held:
    """A release, and every reason against it by its rule, the weightiest first."""

    release: Release
    reasons: dict[Rule, str] = field(default_factory=dict)

    @property
    def may_run(self) -> bool:
        """Whether a pin may name it."""
        return self.reasons.keys() <= SOFT

    @property
    def why_not(self) -> str | None:
        return next(iter(self.reasons.values()), None)


@dataclass(frozen=True)
class Choice:
    """The release that policy picks, and what was held before it: the newer ones, newest first."""

    release: Release
    newer: tuple[Held, ...]

    @property
    def edge(self) -> Edge:
        return self.release.version


def survey(catalogue: Catalogue, bounds: Bounds) -> list[Held]:
    """Every release that catalogue or chart source know, newest first, as it was known on the day asked for."""
    known = {release.version for release in catalogue.releases}
    unknown = [Release(edge=str(edge)) for edge in (bounds.available or frozenset()) - known]
    everything = Catalogue(catalogue.as_of, catalogue.sources, [*catalogue.releases, *unknown])
    return [
        Held(release, dict(_reasons(release, bounds)))
        for release in (each.as_known_on(bounds.as_of) for each in everything.newest_first())
    ]


def choose(catalogue: Catalogue, bounds: Bounds) -> Choice:
    """The release that the policy's channel picks, or its pin.

    A pin that the catalogue does not know is taken as it is (unmarked). Raises UsageError release-not-found, Refused
    release-not-recommended, release-kubernetes-range or release-too-young.
    """
    held = survey(catalogue, bounds)
    pin = bounds.policy.pin
    if pin:
        index = next((index for index, each in enumerate(held) if each.release.version == pin), None)
        release = Release(edge=str(pin)) if index is None else held[index].release
        refuse(release, catalogue, bounds, held)
        newer = held if index is None else held[:index]
        return Choice(release, tuple(each for each in newer if each.release.version > pin))
    for index, each in enumerate(held):
        if not each.reasons:
            return Choice(each.release, tuple(held[:index]))
    raise _nothing_fits(bounds, held)


def refuse(release: Release, catalogue: Catalogue, bounds: Bounds, held: Sequence[Held]) -> None:
    """Raises what stands against a release that somebody names; what policy only passes over does not."""
    reasons = dict(_reasons(release, bounds))
    if "released" in reasons:
        raise UsageError(
            Problem(
                "release-not-found",
                f"{release.edge}: {reasons['released']}.",
                "Ask for a later day, or set meshroll_release.channel to another release.",
            )
        )
    if "charts" in reasons:
        raise UsageError(
            Problem(
                "release-not-found",
                f"The chart source has no charts of {release.edge}.",
                f"It has {_newest(bounds)}. Set meshroll_release.channel to one of these, or to recommended.",
            )
        )
    if "withdrawn" in reasons:
        instead = release.replacement or "recommended"
        raise Refused(
            Problem(
                "release-not-recommended",
                f"{release.edge} is not recommended: {release.reason}",
                f"Set meshroll_release.channel to {instead}. Source: {catalogue.source_of(release)}",
            )
        )
    if "denied" in reasons:
        raise Refused(denied(release.edge))
    if "kubernetes" in reasons:
        raise _outside_range(release, bounds, held)


def denied(edge: str) -> Problem:
    """Why a release is not gone to that somebody names and the inventory's ``deny`` lists."""
    return Problem(
        "release-denied",
        f"{edge} is denied by the inventory.",
        "Take it out of meshroll_release.deny, or name another release.",
    )


def _reasons(release: Release, bounds: Bounds) -> Iterator[tuple[Rule, str]]:
    policy, edge = bounds.policy, release.version
    if release.earliest() > bounds.as_of:
        when = f"on {release.date}, after" if release.date else "after"
        yield "released", f"released {when} {bounds.as_of}"
    if release.mark == "not_recommended":
        instead = f" Use {release.replacement}." if release.replacement else ""
        yield "withdrawn", f"not recommended: {release.reason}{instead}"
    if str(edge) in policy.deny:
        yield "denied", "denied by meshroll_release.deny"
    passed_over = _passed_over(release, policy)
    if passed_over:
        yield "channel", passed_over
    if not all(release.runs_on(minor) for minor in bounds.kubernetes):
        yield "kubernetes", f"it is for Kubernetes {release.kubernetes_range}"
    if policy.pin is None:
        too_young = _too_young(release, bounds)
        if too_young:
            yield "age", too_young
    if bounds.available is not None and edge not in bounds.available:
        yield "charts", "the chart source does not have it"


def _passed_over(release: Release, policy: ReleasePolicy) -> str | None:
    if policy.pin:
        return None if release.version == policy.pin else f"the inventory pins {policy.pin}"
    if policy.channel == "milestone" and not release.milestone:
        return "no milestone"
    if policy.channel == "recommended" and release.mark != "recommended":
        return f"no source recommends it{f': {release.reason}' if release.reason else ''}"
    return None


def _too_young(release: Release, bounds: Bounds) -> str | None:
    wanted = bounds.policy.minimum_age_days
    if not wanted:
        return None
    if release.date is None:
        return f"its date is not known, and {wanted} days of age are wanted"
    age = (bounds.as_of - release.date).days
    return f"{age} days old, and {wanted} are wanted" if 0 <= age < wanted else None


def _nothing_fits(bounds: Bounds, held: Sequence[Held]) -> MeshrollError:
    """Why no release is picked: the rule that alone keeps the newest ones out."""
    for each in held:
        if each.reasons.keys() == {"kubernetes"}:
            return _outside_range(each.release, bounds, held)
        if each.reasons.keys() == {"age"}:
            return Refused(
                Problem(
                    "release-too-young",
                    f"{each.release.edge} is {each.reasons['age']}.",
                    "Wait, or lower meshroll_release.minimum_age_days; older releases have other reasons against them.",
                )
            )
    what = {"milestone": "milestone", "newest": "release"}.get(bounds.policy.channel, "recommended release")
    there = f"; it has {_newest(bounds)}" if bounds.available is not None else ""
    return UsageError(
        Problem(
            "release-not-found",
            f"There is no {what} that this inventory and its chart source allow{there}.",
            "`meshroll releases --all` says why not, one by one. Set meshroll_control_plane.chart_source to a fuller "
            "one, or pin a release in meshroll_release.channel.",
        )
    )


def _outside_range(release: Release, bounds: Bounds, held: Sequence[Held]) -> Refused:
    own = bounds.kubernetes_version
    outside = ", ".join(f"1.{minor}" for _, minor in bounds.kubernetes if not release.runs_on((1, minor)))
    wanted = f"meshroll_release asks for {outside} too"
    if own and not release.runs_on(kubernetes_minor(own)):
        wanted = f"the cluster runs {own}"
    fitting = [each.release.edge for each in held if each.may_run]
    return Refused(
        Problem(
            "release-kubernetes-range",
            f"{release.edge} is for Kubernetes {release.kubernetes_range}; {wanted}.",
            f"Pin {fitting[0]} in meshroll_release.channel, the newest one that may run here."
            if fitting
            else "The chart source has none for this Kubernetes; set meshroll_control_plane.chart_source.",
        )
    )


def _newest(bounds: Bounds, count: int = 3) -> str:
    found = sorted(bounds.available or (), reverse=True)[:count]
    return ", ".join(str(edge) for edge in found) or "no edge release at all"
