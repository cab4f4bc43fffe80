"""Edge releases: their order, their chart versions, and the catalogue that is shipped."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.adapters.catalogue import shipped
from meshroll.core.errors import UsageError
from meshroll.core.releases import Catalogue, Edge, Release, supports_native_sidecar

CATALOGUE = shipped()

edges = st.builds(Edge, st.integers(24, 30), st.integers(1, 12), st.integers(1, 120))


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
    "text",
    [
        "26.6.3",
        "edge-26.06.3",
        "stable-2.14.10",
        "edge-26.6",
        "edge-26.6.3-rc1",
        "edge-26.6.03",
        "edge-26.13.1",
        "",
    ],
)
def test_what_is_no_edge_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an edge release"):
        Edge.parse(text)


def test_native_sidecars_need_both_kubernetes_and_release() -> None:
    assert supports_native_sidecar((1, 29), Edge(25, 12, 3))
    assert not supports_native_sidecar((1, 28), Edge(26, 6, 3))
    assert not supports_native_sidecar((1, 35), Edge(25, 12, 2))


def test_the_shipped_catalogue_is_in_order_and_gives_each_mark_its_source_and_day() -> None:
    versions = [release.version for release in CATALOGUE.releases]
    assert versions == sorted(set(versions))
    for release in CATALOGUE.releases:
        assert bool(release.reason) == bool(release.source) == bool(release.marked_on), release.edge
        assert not release.source or release.source in CATALOGUE.sources
        assert release.mark == "unmarked" or release.reason
        assert release.mark != "not_recommended" or release.replacement
        assert release.marked_on is None or release.marked_on >= release.earliest()
    withdrawn = [release.edge for release in CATALOGUE.releases if release.mark == "not_recommended"]
    assert len([edge for edge in withdrawn if edge.startswith("edge-25.")]) == 16


def test_the_shipped_catalogue_knows_of_every_release_what_a_plan_goes_by() -> None:
    for release in CATALOGUE.releases:
        known = (release.date, release.kubernetes_min, release.kubernetes_max, release.proxy)
        assert all(known) and release.native_sidecar_default is not None, release.edge
        assert release.gateway_api_range, release.edge
    milestones = [release for release in CATALOGUE.releases if release.milestone]
    assert [(release.edge, release.chart_version) for release in milestones] == [
        ("edge-24.2.4", None),
        ("edge-24.8.2", "2024.8.2"),
        ("edge-24.11.8", "2024.11.8"),
        ("edge-25.4.4", "2025.4.4"),
        ("edge-25.10.7", "2025.10.7"),
        ("edge-26.6.3", "2026.6.3"),
    ]


def test_a_replacement_is_newer_and_not_withdrawn_itself() -> None:
    for release in CATALOGUE.releases:
        if release.replacement:
            replacement = CATALOGUE.find(Edge.parse(release.replacement))
            assert replacement and replacement.version > release.version, release.edge
            assert replacement.mark != "not_recommended", release.edge


def test_a_mark_counts_from_its_day_on() -> None:
    release = CATALOGUE.find(Edge(25, 6, 3))
    assert release
    assert release.as_known_on(datetime.date(2025, 7, 31)).mark == "unmarked"
    assert release.as_known_on(datetime.date(2025, 8, 1)).mark == "not_recommended"


@pytest.mark.parametrize(
    ("bundle", "fits"),
    [("v1.2.1", True), ("v1.5.1", True), ("v1.1.1", False), ("v1.10.0", False), ("unknown", None)],
)
def test_versions_of_the_gateway_api_compare_as_numbers(bundle: str, fits: bool | None) -> None:
    release = Release(edge="edge-26.6.3", gateway_api_min="1.2.1", gateway_api_max="1.5.1")
    assert release.takes_gateway_api(bundle) is fits
    assert Release(edge="edge-26.6.3").takes_gateway_api(bundle) is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "object"),
        ({"as_of": "2026-01-01", "sources": {}, "releases": [{"edge": "26.1.1"}]}, "edge"),
        (
            {"as_of": "2026-01-01", "sources": {}, "releases": [{"edge": "edge-26.1.1", "marks": "x"}]},
            "marks",
        ),
        (
            {"as_of": "2026-01-01", "sources": {}, "releases": [{"edge": "edge-26.1.1"}] * 2},
            "edge-26.1.1 stands there twice",
        ),
    ],
)
def test_what_is_no_catalogue_is_refused_with_its_name_and_what_is_wrong(data: Any, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        Catalogue.from_data(data, "own.yml")
    (problem,) = refused.value.problems
    assert problem.code == "catalogue-wrong"
    assert "own.yml" in problem.message
    assert said in problem.message
