"""Which release policy picks, and that each newer one has its reason."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.release_cases import CATALOGUE, EVERYWHERE, bounds, catalogues, days, edges, policies

from meshroll.core.errors import MeshrollError, Problem, Refused, UsageError
from meshroll.core.release_policy import Bounds, Choice, choose, survey
from meshroll.core.releases import Catalogue, Edge

SANDBOX = frozenset({Edge(25, 10, 7), Edge(26, 6, 3), Edge(26, 6, 99)})


def outcome(catalogue: Catalogue, held_against: Bounds) -> tuple[Choice | None, Problem | None]:
    try:
        return choose(catalogue, held_against), None
    except MeshrollError as error:
        return None, error.problems[0]


@given(
    catalogues,
    policies,
    days,
    st.none() | st.integers(20, 40),
    st.none() | st.frozensets(edges, max_size=6),
    st.booleans(),
)
def test_no_choice_breaks_a_rule_and_every_newer_release_has_its_reason(
    catalogue: Catalogue,
    policy: dict[str, Any],
    day: datetime.date,
    minor: int | None,
    only_charts: frozenset[Edge] | None,
    mirror_has_all: bool,
) -> None:
    known = {release.version for release in catalogue.releases}
    available = None if only_charts is None else only_charts | (known if mirror_has_all else frozenset())
    held_against = bounds(day, f"v1.{minor}.2-eks-a1b2c3d" if minor else None, available, **policy)
    choice, problem = outcome(catalogue, held_against)
    if choice is None:
        assert problem is not None
        assert problem.code in (
            "release-not-found",
            "release-not-recommended",
            "release-denied",
            "release-kubernetes-range",
            "release-too-young",
        )
        assert problem.hint
        return
    rules, release = held_against.policy, choice.release
    row = catalogue.find(choice.edge)
    marked = bool(row and row.marked_on and row.marked_on <= day)
    assert not (row and row.mark == "not_recommended" and marked)
    assert choice.release.edge not in rules.deny
    for wanted in (f"1.{minor}" if minor else None, rules.kubernetes_min, rules.kubernetes_max):
        assert wanted is None or release.runs_on((1, int(wanted.partition(".")[2])))
    assert available is None or choice.edge in available
    if rules.pin:
        assert choice.edge == rules.pin
    if rules.channel == "recommended":
        assert row and row.mark == "recommended" and marked
    if rules.channel == "milestone":
        assert row and row.milestone and marked
    if rules.pin is None:
        assert release.date is None or release.date <= day - datetime.timedelta(rules.minimum_age_days)
        assert release.date or not rules.minimum_age_days
    newer = {edge for edge in known | (available or set()) if edge > choice.edge}
    assert {each.release.version for each in choice.newer} == newer
    assert all(each.why_not for each in choice.newer)


@given(catalogues, days, st.integers(22, 40))
def test_what_may_run_is_what_a_pin_gets(catalogue: Catalogue, day: datetime.date, minor: int) -> None:
    known = frozenset(release.version for release in catalogue.releases)
    for held in survey(catalogue, bounds(day, f"v1.{minor}.0", known)):
        choice, _ = outcome(catalogue, bounds(day, f"v1.{minor}.0", known, channel=held.release.edge))
        assert (choice is not None) == held.may_run


@pytest.mark.parametrize(
    ("day", "picked", "reasons"),
    [
        (
            "2026-01-15",
            "edge-25.10.7",
            {
                "edge-26.6.99": "released after 2026-01-15",
                "edge-26.6.3": "released on 2026-06-18, after 2026-01-15",
                "edge-26.1.2": "no source recommends it",
                "edge-25.11.3": "the chart source does not have it",
                "edge-25.11.2": "not recommended: Mesh expansion does not work right with SPIRE. Use edge-25.11.3.",
            },
        ),
        (
            "2026-08-24",
            "edge-26.6.3",
            {"edge-26.6.99": "no source recommends it", "edge-26.8.3": "no source recommends it"},
        ),
    ],
)
def test_two_days_pick_different_releases_for_their_reasons(
    day: str, picked: str, reasons: dict[str, str]
) -> None:
    choice = choose(CATALOGUE, bounds(datetime.date.fromisoformat(day), "v1.35.4", SANDBOX))
    assert str(choice.edge) == picked
    said = {each.release.edge: each.why_not for each in choice.newer}
    assert {edge: said[edge] for edge in reasons} == reasons


def test_a_release_that_was_withdrawn_later_is_not_withdrawn_on_a_day_before() -> None:
    day = datetime.date(2025, 7, 20)
    before = choose(CATALOGUE, bounds(day, "v1.32.0", EVERYWHERE, channel="newest"))
    after = choose(CATALOGUE, bounds(day.replace(month=8), "v1.32.0", EVERYWHERE, channel="newest"))
    assert (str(before.edge), str(after.edge)) == ("edge-25.7.4", "edge-25.8.3")
    held = {each.release.edge: each for each in survey(CATALOGUE, bounds(day, "v1.32.0", EVERYWHERE))}
    assert held["edge-25.7.3"].may_run


def test_an_older_kubernetes_gets_an_older_release() -> None:
    choice = choose(CATALOGUE, bounds(kubernetes="v1.29.1", available=EVERYWHERE))
    assert str(choice.edge) == "edge-25.11.3"
    reasons = {each.release.edge: each.why_not for each in choice.newer}
    assert reasons["edge-26.6.3"] == "it is for Kubernetes 1.31 to 1.35"


@pytest.mark.parametrize(
    ("policy", "picked"),
    [
        ({"channel": "milestone"}, "edge-26.6.3"),
        ({"channel": "newest"}, "edge-26.8.3"),
        ({"channel": "newest", "minimum_age_days": 30}, "edge-26.7.1"),
        ({"channel": "newest", "deny": ["edge-26.8.3"]}, "edge-26.8.2"),
        ({"minimum_age_days": 90}, "edge-26.5.1"),
        ({"deny": ["edge-26.6.3"]}, "edge-26.5.1"),
        ({"kubernetes_min": "1.30"}, "edge-25.11.3"),
        ({"channel": "milestone", "kubernetes_min": "1.30"}, "edge-25.10.7"),
        ({"channel": "edge-26.7.2", "minimum_age_days": 3650}, "edge-26.7.2"),
    ],
)
def test_each_part_of_the_policy_counts(policy: dict[str, Any], picked: str) -> None:
    day = datetime.date(2026, 8, 22)
    assert str(choose(CATALOGUE, bounds(day, "v1.35.4", EVERYWHERE, **policy)).edge) == picked


def test_without_a_cluster_neither_kubernetes_nor_charts_are_asked_for() -> None:
    assert str(choose(CATALOGUE, bounds(kubernetes=None)).edge) == "edge-26.6.3"


def test_nothing_old_enough_is_refused_with_how_old_it_is() -> None:
    with pytest.raises(Refused) as refused:
        choose(CATALOGUE, bounds(datetime.date(2026, 6, 30), "v1.35.4", EVERYWHERE, minimum_age_days=3650))
    (problem,) = refused.value.problems
    assert problem.code == "release-too-young"
    assert "12 days old, and 3650 are wanted" in problem.message


def test_a_pin_that_nobody_has_is_refused_with_what_there_is() -> None:
    with pytest.raises(UsageError) as refused:
        choose(CATALOGUE, bounds(available=SANDBOX, channel="edge-26.6.4"))
    (problem,) = refused.value.problems
    assert problem.code == "release-not-found"
    assert "edge-26.6.99, edge-26.6.3, edge-25.10.7" in problem.hint


def test_a_withdrawn_pin_is_refused_with_its_replacement_and_source() -> None:
    with pytest.raises(Refused) as refused:
        choose(CATALOGUE, bounds(kubernetes="v1.33.0", available=EVERYWHERE, channel="edge-25.11.2"))
    (problem,) = refused.value.problems
    assert problem.code == "release-not-recommended"
    assert "edge-25.11.3" in problem.hint
    assert "https://linkerd.io/" in problem.hint


def test_a_pin_out_of_range_names_one_that_fits() -> None:
    with pytest.raises(Refused) as refused:
        choose(CATALOGUE, bounds(kubernetes="v1.36.0", available=EVERYWHERE, channel="edge-26.6.3"))
    (problem,) = refused.value.problems
    assert problem.code == "release-kubernetes-range"
    assert "the cluster runs v1.36.0" in problem.message
    assert "edge-26.8.3" in problem.hint


def test_a_range_of_the_inventory_that_no_release_covers_says_which_minor() -> None:
    with pytest.raises(Refused) as refused:
        choose(CATALOGUE, bounds(kubernetes=None, kubernetes_min="1.20"))
    assert "meshroll_release asks for 1.20 too" in refused.value.problems[0].message


def test_a_pin_that_the_catalogue_does_not_know_is_the_operators_choice() -> None:
    choice = choose(CATALOGUE, bounds(available=SANDBOX, channel="edge-26.6.99"))
    assert choice.release.mark == "unmarked"
    assert {each.why_not for each in choice.newer} == {"the inventory pins edge-26.6.99"}
