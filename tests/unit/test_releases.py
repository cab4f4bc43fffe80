"""Edge releases: order, chart versions, the catalogue that is shipped, and what policy picks."""

from __future__ import annotations

import datetime
from importlib import resources

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.errors import MeshrollError, Problem, Refused, UsageError
from meshroll.core.release_policy import Choice, choose
from meshroll.core.releases import Catalogue, Edge, Release, supports_native_sidecar

CATALOGUE = Catalogue.from_data(
    yaml.safe_load(resources.files("meshroll").joinpath("data/releases.yml").read_text())
)
ALL_CHARTS = frozenset(release.version.chart_version for release in CATALOGUE.releases)

edges = st.builds(Edge, st.integers(24, 30), st.integers(1, 12), st.integers(1, 120))
minors = st.sampled_from([None, *(f"1.{minor}" for minor in range(22, 40))])
releases = st.builds(
    lambda edge, mark, low, high: Release(
        edge=str(edge), mark=mark, kubernetes_min=low, kubernetes_max=high, reason="r"
    ),
    edges,
    st.sampled_from(["recommended", "not_recommended", "unmarked"]),
    minors,
    minors,
)


@given(edges, edges)
def test_edges_sort_as_numbers_and_survive_text_and_chart_version(one: Edge, other: Edge) -> None:
    as_numbers = [(edge.year, edge.month, edge.number) for edge in (one, other)]
    assert (one < other) == (as_numbers[0] < as_numbers[1])
    assert Edge.parse(str(one)) == one
    assert Edge.of_chart(one.chart_version) == one


def test_the_tenth_month_comes_after_the_ninth() -> None:
    assert Edge.parse("edge-25.10.1") > Edge.parse("edge-25.9.4")
    assert Edge.parse("edge-26.6.3").chart_version == "2026.6.3"


@pytest.mark.parametrize(
    "text", ["26.6.3", "edge-26.06.3", "stable-2.14.10", "edge-26.6", "edge-26.6.3-rc1", ""]
)
def test_what_is_no_edge_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an edge release"):
        Edge.parse(text)


@given(
    st.lists(releases, max_size=12, unique_by=lambda release: release.edge),
    st.sets(edges, max_size=6),
    st.integers(22, 40),
    st.booleans(),
    st.data(),
)
def test_no_choice_is_withdrawn_or_out_of_range_or_missing(
    rows: list[Release], only_charts: set[Edge], minor: int, pin: bool, data: st.DataObject
) -> None:
    catalogue = Catalogue(datetime.date(2026, 1, 1), {}, rows)
    charts = {edge.chart_version for edge in only_charts} | {
        release.version.chart_version for release in rows if data.draw(st.booleans())
    }
    wanted = str(data.draw(edges)) if pin and not rows else "recommended"
    if pin and rows:
        wanted = data.draw(st.sampled_from(rows)).edge
    choice, problem = outcome(wanted, catalogue, charts, f"v1.{minor}.2-eks-a1b2c3d")
    if choice is None:
        assert problem is not None
        assert problem.code in ("release-not-found", "release-not-recommended", "release-kubernetes-range")
        assert problem.hint
        return
    assert choice.release.mark != "not_recommended"
    assert choice.release.runs_on((1, minor))
    assert choice.edge.chart_version in charts
    if wanted == "recommended":
        assert choice.release.mark == "recommended"
        assert all(dropped.edge > choice.edge and dropped.reason for dropped in choice.dropped)
        newer = {release.version for release in rows if release.version > choice.edge}
        assert newer <= {dropped.edge for dropped in choice.dropped}


def outcome(
    wanted: str, catalogue: Catalogue, charts: set[str], kubernetes: str
) -> tuple[Choice | None, Problem | None]:
    try:
        return choose(wanted, catalogue, charts, kubernetes), None
    except MeshrollError as error:
        return None, error.problems[0]


def test_the_newest_milestone_is_chosen_and_each_newer_release_has_its_reason() -> None:
    choice = choose("recommended", CATALOGUE, ALL_CHARTS | {"2026.9.1"}, "v1.35.4")
    assert str(choice.edge) == "edge-26.6.3"
    assert [str(dropped.edge) for dropped in choice.dropped[:2]] == ["edge-26.9.1", "edge-26.8.3"]
    assert {dropped.reason for dropped in choice.dropped} == {"no source recommends it"}


def test_an_older_kubernetes_gets_an_older_release() -> None:
    choice = choose("recommended", CATALOGUE, ALL_CHARTS, "v1.29.1")
    assert str(choice.edge) == "edge-25.11.3"
    reasons = {str(dropped.edge): dropped.reason for dropped in choice.dropped}
    assert reasons["edge-26.6.3"] == "it is for Kubernetes 1.31 to 1.35"


def test_a_pin_that_nobody_has_is_refused_with_what_there_is() -> None:
    with pytest.raises(UsageError) as refused:
        choose("edge-26.6.4", CATALOGUE, {"2026.6.3", "2025.10.7", "30.8.5-edge"}, "v1.35.4")
    (problem,) = refused.value.problems
    assert problem.code == "release-not-found"
    assert "edge-26.6.3, edge-25.10.7" in problem.hint


def test_a_withdrawn_pin_is_refused_with_its_replacement_and_source() -> None:
    with pytest.raises(Refused) as refused:
        choose("edge-25.11.2", CATALOGUE, ALL_CHARTS, "v1.33.0")
    (problem,) = refused.value.problems
    assert problem.code == "release-not-recommended"
    assert "edge-25.11.3" in problem.hint
    assert "https://linkerd.io/" in problem.hint


def test_a_pin_out_of_range_names_one_that_fits() -> None:
    with pytest.raises(Refused) as refused:
        choose("edge-26.6.3", CATALOGUE, ALL_CHARTS, "v1.36.0")
    (problem,) = refused.value.problems
    assert problem.code == "release-kubernetes-range"
    assert "edge-26.8.3" in problem.hint


def test_a_pin_that_the_catalogue_does_not_know_is_the_operators_choice() -> None:
    choice = choose("edge-26.6.99", CATALOGUE, {"2026.6.99"}, "v1.35.4")
    assert (choice.release.mark, choice.dropped) == ("unmarked", ())


def test_native_sidecars_need_both_kubernetes_and_release() -> None:
    assert supports_native_sidecar((1, 29), Edge(25, 12, 3))
    assert not supports_native_sidecar((1, 28), Edge(26, 6, 3))
    assert not supports_native_sidecar((1, 35), Edge(25, 12, 2))


def test_the_shipped_catalogue_is_in_order_and_gives_each_mark_its_source() -> None:
    versions = [release.version for release in CATALOGUE.releases]
    assert versions == sorted(set(versions))
    for release in CATALOGUE.releases:
        assert (release.mark == "unmarked" and not release.reason) or release.source in CATALOGUE.sources
        assert release.mark != "not_recommended" or (release.reason and release.replacement)
    withdrawn = [release.edge for release in CATALOGUE.releases if release.mark == "not_recommended"]
    assert len([edge for edge in withdrawn if edge.startswith("edge-25.")]) == 16


def test_a_catalogue_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        Catalogue.from_data(
            {"as_of": datetime.date(2026, 1, 1), "sources": {}, "releases": [{"edge": "26.1.1"}]}
        )
    assert refused.value.problems[0].code == "catalogue-wrong"
