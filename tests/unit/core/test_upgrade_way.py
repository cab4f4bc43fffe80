"""Which way an upgrade goes: legal hops, proxies that are behind first, and nobody left too far behind."""

from __future__ import annotations

import datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from unit.core.factories import Json, cluster, pod, pods, settings, space, workload
from unit.core.release_cases import (
    CATALOGUE,
    EVERYWHERE,
    bounds,
    catalogues,
    days,
    edges,
    one_milestone_at_most,
    policies,
)

from meshroll.core.errors import MeshrollError, Refused, UsageError
from meshroll.core.hops import steps_apart
from meshroll.core.model import ClusterView, ControlPlane
from meshroll.core.releases import Catalogue, Edge
from meshroll.core.settings import Settings
from meshroll.core.upgrade.way import (
    Way,
    asked_for,
    gateway_api_problems,
    outside,
    outside_notes,
    skew_problems,
    way,
)

OLD, MILESTONE, NEW = Edge(25, 10, 7), Edge(26, 6, 3), Edge(26, 8, 3)
MESHED = {"linkerd.io/inject": "enabled"}
PIN = "config.linkerd.io/proxy-version"
OMNI = workload(annotations=MESHED)


def home(
    installed: Edge = OLD, proxies: str | None = None, gateway_api: str | None = "v1.2.1"
) -> ClusterView:
    """A cluster that runs ``installed``, with a workload whose pods have the proxy of ``proxies``."""
    plane = ControlPlane(True, "linkerd", str(installed), injectors_ready=2)
    found = pods(OMNI, proxy="wait", release=proxies or str(installed))
    seen = cluster(space(OMNI, pods_seen=found), kubernetes="v1.33.1", plane=plane)
    return ClusterView(**{**seen.__dict__, "gateway_api_version": gateway_api})


def found_way(
    view: ClusterView,
    installed: Edge = OLD,
    onto: Edge | None = None,
    inventory: Settings | None = None,
    **policy: Any,
) -> list[str]:
    held_against = bounds(kubernetes="v1.33.1", available=EVERYWHERE, **policy)
    found = way(view, inventory or settings(), installed, CATALOGUE, held_against, [], onto)
    return [str(edge).removeprefix("edge-") for edge in found.hops]


@hypothesis(max_examples=150)
@given(catalogues, days, policies, st.data())
def test_every_hop_is_legal_and_proxies_that_are_behind_come_first(
    catalogue: Catalogue, day: datetime.date, policy: dict[str, Any], data: st.DataObject
) -> None:
    known = sorted(release.version for release in catalogue.releases) or [OLD]
    installed = data.draw(st.sampled_from(known[:4]) | edges)
    proxies = data.draw(st.just(installed) | edges)
    onto = data.draw(st.none() | st.sampled_from(known[:6]))
    view = home(installed, str(proxies))
    try:
        found = way(view, settings(), installed, catalogue, bounds(day, "v1.32.1", **policy), [], onto)
    except MeshrollError as error:
        event(error.problems[0].code)
        assert all(problem.hint for problem in error.problems)
        return
    start = onto or installed
    first = onto or (installed if proxies != installed else None)
    rest = found.hops[1:] if first else found.hops
    event(f"{len(found.hops)} hops")
    assert found.hops[:1] == ((first,) if first else found.hops[:1])
    for before, after in pairwise([start, *rest]):
        assert before < after
        assert steps_apart(before, after, catalogue.milestones) <= 2
        assert one_milestone_at_most(before, after, catalogue.milestones)
    assert [hop.to for hop in found.described] == list(rest)
    assert found.target == (rest[-1] if rest else start)
    assert found.nothing_to_do == (not found.hops)
    assert not found.nothing_to_do or (found.target == installed == proxies)


def test_a_cluster_goes_over_the_milestones_to_what_policy_picks() -> None:
    assert found_way(home()) == ["26.6.3"]
    assert found_way(home(), channel="edge-26.8.3") == ["26.6.3", "26.8.3"]
    assert found_way(home(MILESTONE), MILESTONE) == []


@pytest.mark.parametrize("proxies", ["edge-25.8.5", "edge-26.8.3", "edge-26.6.3-fork"])
def test_proxies_of_another_release_are_brought_to_the_one_that_runs_first(proxies: str) -> None:
    assert found_way(home(proxies=proxies)) == ["25.10.7", "26.6.3"]
    assert found_way(home(MILESTONE, proxies), MILESTONE) == ["26.6.3"]


def test_a_pinned_proxy_is_behind_by_somebodys_decision() -> None:
    pinned = workload(annotations={**MESHED, PIN: "edge-25.8.5"})
    view = cluster(space(pinned, pods_seen=pods(pinned, proxy="wait", release="edge-25.8.5")))
    assert found_way(view, MILESTONE) == []


def test_a_hop_that_is_open_is_gone_to_its_end_first_whatever_is_wanted_by_now() -> None:
    half = home(MILESTONE, str(OLD))
    assert found_way(half, MILESTONE, onto=MILESTONE) == ["26.6.3"]
    assert found_way(half, MILESTONE, onto=MILESTONE, channel="edge-26.8.3") == ["26.6.3", "26.8.3"]
    assert found_way(home(), OLD, onto=MILESTONE, deny=["edge-26.6.3"]) == ["26.6.3"]


def test_a_cluster_that_is_ahead_of_its_policy_stays_and_of_its_pin_is_refused() -> None:
    assert found_way(home(NEW), NEW) == []
    with pytest.raises(Refused) as refused:
        found_way(home(NEW), NEW, channel="edge-26.6.3")
    assert refused.value.problems[0].code == "hop-downgrade"


def test_a_release_that_somebody_names_takes_the_place_of_the_channel() -> None:
    policy = bounds(channel="milestone", minimum_age_days=30)
    assert asked_for(policy, None) is policy
    named = asked_for(policy, "edge-26.8.3").policy
    assert (named.pin, named.minimum_age_days) == (NEW, 30)


@pytest.mark.parametrize("to", ["26.6.3", "2.20", "stable-2.14.10", "edge-26.06.3", "edge-26.6.3 ", ""])
def test_what_is_no_edge_release_is_not_gone_to(to: str) -> None:
    with pytest.raises(UsageError) as wrong:
        asked_for(bounds(), to)
    assert wrong.value.problems[0].code == "release-unknown"


def test_a_release_that_the_inventory_denies_is_refused_although_somebody_names_it() -> None:
    with pytest.raises(Refused) as refused:
        asked_for(bounds(deny=["edge-26.6.3"]), "edge-26.6.3")
    (problem,) = refused.value.problems
    assert (problem.code, problem.message) == ("release-denied", "edge-26.6.3 is denied by the inventory.")


def gateway(here: str | None, *hops: Edge) -> list[str]:
    return [problem.code for problem in gateway_api_problems(home(gateway_api=here), hops, CATALOGUE)]


def test_the_gateway_apis_crds_are_there_and_new_enough_for_every_hop() -> None:
    assert gateway("v1.2.1", OLD, MILESTONE) == []
    assert gateway(None, Edge(25, 3, 3)) == []
    assert gateway(None, Edge(25, 3, 3), MILESTONE) == ["gateway-api-missing"]
    assert gateway("v1.1.1", OLD, MILESTONE) == ["gateway-api-too-old"]
    assert gateway("unknown", OLD, MILESTONE) == []


def placed(name: str, release: str | None, **how: Any) -> Json:
    owner = workload(namespace=name)
    return dict(pod(owner, proxy="wait", release=release, **how).manifest)


def test_left_are_pods_with_a_proxy_that_the_inventory_does_not_bring_up() -> None:
    pinned = workload(name="pinned", annotations={**MESHED, PIN: "edge-25.8.5"})
    quiet = workload(name="quiet", annotations={"linkerd.io/inject": "disabled"})
    seen = [
        *pods(OMNI, proxy="wait"),
        *pods(pinned, proxy="wait", release="edge-25.8.5"),
        *pods(quiet, proxy="wait"),
    ]
    view = cluster(space(OMNI, pinned, quiet, pods_seen=seen))
    everywhere = [
        *(each.manifest for each in seen),
        placed("parking", "edge-25.10.7"),
        placed("parking", "edge-25.10.7"),
        placed("parking", "edge-25.4.4"),
        placed("parking", "edge-25.1.1", ending=True),
        placed("parking", None),
        placed("linkerd", "edge-25.1.1"),
    ]
    done = placed("parking", "edge-25.1.1")
    done["status"] = {"phase": "Succeeded"}
    assert outside([*everywhere, done], view, settings()) == {
        "charging": {"edge-25.8.5": 2, "edge-26.6.3": 2},
        "parking": {"edge-25.10.7": 2, "edge-25.4.4": 1},
    }


@given(catalogues, st.lists(edges, max_size=4), st.lists(edges, unique=True, max_size=4))
def test_a_proxy_that_is_left_stands_in_the_way_exactly_when_a_hop_takes_it_over_a_milestone_too_far(
    catalogue: Catalogue, hops: list[Edge], proxies: list[Edge]
) -> None:
    left = {f"n{number}": {str(edge): number + 1} for number, edge in enumerate(proxies)}
    problems = skew_problems(left, hops, catalogue.milestones)
    too_far = {
        name
        for name, edge in zip(left, proxies, strict=True)
        if any(edge < hop and not one_milestone_at_most(edge, hop, catalogue.milestones) for hop in hops)
    }
    assert [problem.namespace for problem in problems] == sorted(too_far)
    assert all(f"List {problem.namespace} in meshroll_namespaces" in problem.hint for problem in problems)


def test_who_is_too_far_behind_is_named_with_how_many_and_of_what() -> None:
    left = {"parking": {"edge-25.4.4": 1, "edge-25.10.7": 5}, "tolls": {"edge-26.6.3-fork": 2}}
    (problem,) = skew_problems(left, [OLD, MILESTONE], CATALOGUE.milestones)
    assert problem.code == "data-plane-too-old"
    assert problem.message.startswith(
        "1 pod of parking has the proxy of edge-25.4.4, more than one milestone behind edge-26.6.3"
    )


def test_who_keeps_an_older_proxy_is_told_of_a_namespace_at_a_time() -> None:
    left = {"parking": {"edge-25.10.7": 1, "edge-26.6.3": 1}, "tolls": {"edge-26.6.3": 2}}
    (note,) = outside_notes(left, MILESTONE)
    assert note.startswith("parking keeps its proxies until its pods restart: edge-25.10.7, edge-26.6.3. ")
    assert "kubectl -n parking rollout restart" in note


def test_nothing_is_to_do_where_there_is_no_hop() -> None:
    assert Way(OLD, OLD, (), ()).nothing_to_do
    assert not Way(OLD, OLD, (OLD,), ()).nothing_to_do, "proxies that are behind are brought up"
