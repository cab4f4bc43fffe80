"""From the release that runs to the one that is wanted: legal steps, what each asks for, and the doors that close.

Linkerd supports a control plane that is ahead of its data plane by one milestone. Between two milestones lie edges of
which nobody says to which of the two they belong; so a hop goes at most from a milestone to the next one, or from
between two milestones to between the next two: it passes no milestone unless it begins and ends between milestones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshroll.core.breaking_changes import BreakingChange, met
from meshroll.core.errors import Problem, Refused
from meshroll.core.release_policy import Bounds, Held, refuse, survey
from meshroll.core.releases import Catalogue, Edge, Release


@dataclass(frozen=True)
class Need:
    """Something outside Linkerd whose wanted version changes with a hop.

    ``here`` is what the cluster has and ``met`` whether that does; None where it is not known.
    """

    what: str
    before: str | None
    after: str | None
    here: str | None
    met: bool | None


@dataclass(frozen=True)
class Hop:
    """One upgrade. ``milestone`` is the version that is reached with it, if it reaches one."""

    start: Edge
    to: Edge
    milestone: str | None
    needs: tuple[Need, ...]
    changes: tuple[BreakingChange, ...]

    @property
    def one_way_doors(self) -> tuple[str, ...]:
        """What going back over this hop takes."""
        return tuple(change.one_way for change in self.changes if change.one_way)


def steps_apart(start: Edge, to: Edge, milestones: Sequence[Edge]) -> int:
    """How far apart, in halves of a milestone; a hop goes two at most. ``to`` is not older than ``start``."""
    reached = sum(start < milestone <= to for milestone in milestones)
    left = sum(start <= milestone < to for milestone in milestones)
    return reached + left


def plan_hops(installed: Edge, target: Edge, catalogue: Catalogue, bounds: Bounds) -> tuple[Edge, ...]:
    """The releases to go to one after the other, ``target`` last; empty where it runs already.

    As few as there can be, and among those the most milestones, because those are what others upgrade to as well. Each
    but the last is recommended, and all may run here. Raises Refused hop-downgrade, hop-installed-unknown,
    hop-target-unknown or hop-no-landing, and what choose() raises of a target that may not run here.
    """
    if target == installed:
        return ()
    if target < installed:
        raise Refused(
            Problem(
                "hop-downgrade",
                f"{target} is older than {installed}, which runs: Linkerd has no way down.",
                f"Set meshroll_release.channel to {installed} or newer; `meshroll rollback` takes back a run.",
            )
        )
    held = survey(catalogue, bounds)
    named = next((each.release for each in held if each.release.version == target), None)
    wanted = named or Release(edge=str(target))
    refuse(wanted, catalogue, bounds, held)
    milestones = catalogue.milestones
    if not milestones or installed < milestones[0]:
        raise Refused(
            Problem(
                "hop-installed-unknown",
                f"The catalogue knows no milestone up to {installed}, which runs, so nobody knows how many lie "
                f"between it and {target}.",
                "Complete meshroll_catalogue, or upgrade by hand to the oldest milestone in it, one after the other.",
            )
        )
    if wanted.earliest() > catalogue.as_of:
        raise Refused(
            Problem(
                "hop-target-unknown",
                f"{target} came after {catalogue.as_of}, when the catalogue was last read from its sources, so nobody "
                "knows how many milestones lie between.",
                "Renew it with `meshroll releases refresh`, or choose a release that it knows.",
            )
        )
    landings = [
        each.release.version
        for each in held
        if installed < each.release.version < target and each.may_run and each.release.mark == "recommended"
    ]
    route = _shortest([installed, *sorted(landings), target], milestones)
    if route is None:
        raise _no_landing(installed, target, landings, milestones, held)
    return route


def _shortest(line: Sequence[Edge], milestones: Sequence[Edge]) -> tuple[Edge, ...] | None:
    """The way along ``line`` (oldest first): the fewest hops, then the most milestones, then the newest releases."""
    best: dict[Edge, tuple[int, int, tuple[Edge, ...]]] = {line[-1]: (0, 0, ())}
    for start in reversed(line[:-1]):
        ways = [
            (1 + best[to][0], best[to][1] - (to in milestones), (to, *best[to][2]))
            for to in line
            if to > start and to in best and steps_apart(start, to, milestones) <= 2
        ]
        if ways:
            fewest = min(way[:2] for way in ways)
            best[start] = max((way for way in ways if way[:2] == fewest), key=lambda way: way[2])
    return best[line[0]][2] if line[0] in best else None


def _no_landing(
    installed: Edge,
    target: Edge,
    landings: Sequence[Edge],
    milestones: Sequence[Edge],
    held: Sequence[Held],
) -> Refused:
    """Where the way ends, and what stands against the milestones that would lead on."""
    reached = {installed}
    for landing in sorted(landings):
        if any(steps_apart(start, landing, milestones) <= 2 for start in reached):
            reached.add(landing)
    last = max(reached)
    against = [
        f"{each.release.edge}: {each.why_not or 'it is not recommended'}"
        for each in reversed(held)
        if each.release.version in milestones and last < each.release.version < target
    ]
    return Refused(
        Problem(
            "hop-no-landing",
            f"From {last} no release that is recommended and may run here leads on to {target} "
            "without going further than one milestone at a time.",
            f"What would lead on: {'; '.join(against)}. A fuller meshroll_control_plane.chart_source may have it.",
        )
    )


def describe(
    installed: Edge,
    route: Sequence[Edge],
    catalogue: Catalogue,
    changes: Sequence[BreakingChange],
    kubernetes_version: str | None,
    gateway_api_version: str | None,
) -> tuple[Hop, ...]:
    """Each hop of the route with its needs and changes; the last two arguments are what the cluster has."""
    hops = []
    for start, to in zip((installed, *route), route, strict=False):
        before, after = catalogue.find(start), catalogue.find(to)
        crossed = [edge for edge in catalogue.milestones if start < edge <= to]
        reached = catalogue.find(crossed[-1]) if crossed else None
        hops.append(
            Hop(
                start=start,
                to=to,
                milestone=reached.milestone if reached else None,
                needs=tuple(_needs(before, after, kubernetes_version, gateway_api_version)),
                changes=met(changes, start, to),
            )
        )
    return tuple(hops)


def _needs(
    before: Release | None,
    after: Release | None,
    kubernetes_version: str | None,
    gateway_api_version: str | None,
) -> list[Need]:
    needs = []
    if before and after and before.kubernetes_range != after.kubernetes_range:
        # What may not run on the cluster's Kubernetes is no landing.
        needs.append(
            Need(
                "Kubernetes",
                before.kubernetes_range,
                after.kubernetes_range,
                kubernetes_version,
                True if kubernetes_version else None,
            )
        )
    if before and after and before.gateway_api_range != after.gateway_api_range:
        here = gateway_api_version
        met_here = after.takes_gateway_api(here) if here else None
        needs.append(Need("Gateway API", before.gateway_api_range, after.gateway_api_range, here, met_here))
    return needs
