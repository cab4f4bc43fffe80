"""Hops: every plan is legal, by a checker of its own; every refusal names its rule and is right."""

from __future__ import annotations

import datetime
from collections import deque
from itertools import pairwise

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from unit.core.release_cases import (
    CATALOGUE,
    EVERYWHERE,
    bounds,
    catalogues,
    days,
    edges,
    one_milestone_at_most,
)

from meshroll.adapters.catalogue import breaking_changes
from meshroll.core.errors import MeshrollError, Refused
from meshroll.core.hops import describe, plan_hops
from meshroll.core.release_policy import Bounds
from meshroll.core.releases import Catalogue, Edge, Release

RULES_FOR_A_TARGET = {
    "release-not-found",
    "release-not-recommended",
    "release-kubernetes-range",
    "release-denied",
}


def may_land(release: Release, held_against: Bounds) -> bool:
    """What the rules say of a stop on the way, written out from the catalogue's own fields."""
    day = held_against.as_of
    return (
        release.mark == "recommended"
        and (release.marked_on is None or release.marked_on <= day)
        and (release.date or datetime.date(2000 + release.version.year, release.version.month, 1)) <= day
        and all(release.runs_on(minor) for minor in held_against.kubernetes)
        and (held_against.available is None or release.version in held_against.available)
        and release.edge not in held_against.policy.deny
    )


def fewest_hops(installed: Edge, target: Edge, catalogue: Catalogue, held_against: Bounds) -> int | None:
    """By trying everything; None where no way leads there."""
    milestones = [release.version for release in catalogue.releases if release.milestone]
    stops = [
        release.version
        for release in catalogue.releases
        if installed < release.version < target and may_land(release, held_against)
    ]
    queue, seen = deque([(installed, 0)]), {installed}
    while queue:
        here, count = queue.popleft()
        if here == target:
            return count
        for stop in [*stops, target]:
            if stop > here and stop not in seen and one_milestone_at_most(here, stop, milestones):
                seen.add(stop)
                queue.append((stop, count + 1))
    return None


@settings(max_examples=400)
@given(
    catalogues,
    days,
    st.none() | st.none() | st.integers(22, 42),
    st.frozensets(edges, max_size=4),
    st.booleans(),
    st.data(),
)
def test_every_plan_is_legal_and_every_refusal_is_right(
    catalogue: Catalogue,
    day: datetime.date,
    minor: int | None,
    denied: frozenset[Edge],
    mirror_has_all: bool,
    data: st.DataObject,
) -> None:
    known = sorted(release.version for release in catalogue.releases)
    old, new = (st.sampled_from(rows or [Edge(25, 1, 1)]) for rows in (known[:3], known[-3:]))
    pairs = st.tuples(old, new)
    installed, target = data.draw(st.one_of(pairs, pairs, pairs, st.tuples(edges, edges)))
    charts = frozenset(known) if mirror_has_all else frozenset(known[::2]) | {target}
    version = f"v1.{minor}.3" if minor else None
    held_against = bounds(day, version, charts, deny=[str(edge) for edge in sorted(denied - {target})])
    wanted = fewest_hops(installed, target, catalogue, held_against)
    try:
        route = plan_hops(installed, target, catalogue, held_against)
    except MeshrollError as error:
        (problem,) = error.problems
        assert problem.message
        assert problem.hint
        event(problem.code)
        if problem.code == "hop-downgrade":
            assert target < installed
        elif problem.code == "hop-installed-unknown":
            assert not any(
                release.milestone and release.version <= installed for release in catalogue.releases
            )
        elif problem.code == "hop-target-unknown":
            row = catalogue.find(target)
            first = datetime.date(2000 + target.year, target.month, 1)
            assert ((row and row.date) or first) > catalogue.as_of
        elif problem.code == "hop-no-landing":
            assert wanted is None
        else:
            assert problem.code in RULES_FOR_A_TARGET
        return
    assert len(route) == wanted
    event(f"{len(route)} hops")
    milestones = [release.version for release in catalogue.releases if release.milestone]
    for start, to in pairwise([installed, *route]):
        assert start < to
        assert one_milestone_at_most(start, to, milestones)
    for stop in route[:-1]:
        release = catalogue.find(stop)
        assert release and may_land(release, held_against)
    assert not route or route[-1] == target


@pytest.mark.parametrize(
    ("installed", "target", "route"),
    [
        ("24.2.4", "26.8.3", "24.8.2 24.11.8 25.4.4 25.10.7 26.6.3 26.8.3"),
        ("24.9.2", "25.4.4", "24.11.8 25.4.4"),
        ("25.10.7", "26.6.3", "26.6.3"),
        ("25.10.7", "26.7.1", "26.6.3 26.7.1"),
        ("25.1.2", "26.6.3", "25.4.4 25.10.7 26.6.3"),
        ("25.9.4", "25.10.7", "25.10.7"),
        ("25.10.1", "25.10.7", "25.10.7"),
        ("26.6.3", "26.6.3", ""),
    ],
)
def test_milestones_are_gone_through_one_by_one(installed: str, target: str, route: str) -> None:
    found = plan_hops(
        Edge.parse(f"edge-{installed}"),
        Edge.parse(f"edge-{target}"),
        CATALOGUE,
        bounds(kubernetes=None, available=EVERYWHERE),
    )
    assert " ".join(str(edge).removeprefix("edge-") for edge in found) == route


def refusal(installed: str, target: str, held_against: Bounds) -> tuple[str, str, str]:
    with pytest.raises(Refused) as refused:
        plan_hops(Edge.parse(installed), Edge.parse(target), CATALOGUE, held_against)
    (problem,) = refused.value.problems
    return problem.code, problem.message, problem.hint


def test_there_is_no_way_down_not_even_from_the_tenth_month_to_the_ninth() -> None:
    code, message, _ = refusal("edge-25.10.1", "edge-25.9.4", bounds())
    assert code == "hop-downgrade"
    assert "edge-25.9.4 is older than edge-25.10.1" in message


def test_a_milestone_that_the_mirror_lacks_is_named() -> None:
    mirror = EVERYWHERE - {edge for edge in EVERYWHERE if Edge(25, 10, 7) <= edge < Edge(26, 6, 3)}
    code, message, hint = refusal(
        "edge-25.4.4", "edge-26.6.3", bounds(kubernetes="v1.32.0", available=mirror)
    )
    assert code == "hop-no-landing"
    assert message.startswith("From edge-25.8.5 ")
    assert "edge-25.10.7: the chart source does not have it" in hint


def test_a_target_for_another_kubernetes_is_refused_before_any_hop() -> None:
    code, message, _ = refusal("edge-25.10.7", "edge-26.6.3", bounds(kubernetes="v1.30.1"))
    assert code == "release-kubernetes-range"
    assert "Kubernetes 1.31 to 1.35" in message


def test_what_is_older_than_the_catalogue_is_not_guessed_at() -> None:
    code, _, _ = refusal("edge-24.2.3", "edge-25.4.4", bounds(kubernetes=None))
    assert code == "hop-installed-unknown"


def test_what_came_after_the_catalogue_is_not_guessed_at_either() -> None:
    code, message, hint = refusal(
        "edge-26.8.3", "edge-26.11.2", bounds(available=frozenset({Edge(26, 11, 2)}))
    )
    assert code == "hop-target-unknown"
    assert "edge-26.11.2 came after 2026-08-21" in message
    assert "meshroll releases refresh" in hint


def test_each_hop_says_what_it_needs_what_it_breaks_and_what_closes_behind_it() -> None:
    route = (Edge(25, 10, 7), Edge(26, 6, 3))
    first, second = describe(Edge(25, 4, 4), route, CATALOGUE, breaking_changes(), "v1.33.1", "v1.1.1")
    assert (first.start, first.to, first.milestone) == (Edge(25, 4, 4), Edge(25, 10, 7), "2.19")
    assert (second.start, second.to, second.milestone) == (Edge(25, 10, 7), Edge(26, 6, 3), "2.20")
    assert {"iptables-nft", "undeclared-service-ports"} <= {change.id for change in first.changes}
    assert "gateway-api-crds-left-out" not in {change.id for change in first.changes}, (
        "from 25.4.4 on they are kept"
    )
    # meshroll leaves the Gateway API to the cluster at every hop, not only where the chart's default does.
    (older,) = describe(Edge(24, 11, 8), (Edge(25, 4, 4),), CATALOGUE, breaking_changes(), None, None)
    assert "gateway-api-crds-left-out" in {change.id for change in older.changes}
    assert [need.what for need in first.needs] == ["Kubernetes"]
    kubernetes, gateway_api = second.needs
    assert (kubernetes.before, kubernetes.after, kubernetes.met) == ("1.23 to 1.35", "1.31 to 1.35", True)
    assert (gateway_api.after, gateway_api.here, gateway_api.met) == ("1.2.1 to 1.5.1", "v1.1.1", False)
    assert any("injector before edge-26.5.2" in door for door in second.one_way_doors)
