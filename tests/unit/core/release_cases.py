"""Catalogues, policies and bounds for tests of what is picked and how one gets there."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
from hypothesis import strategies as st

from meshroll.adapters.catalogue import shipped
from meshroll.core.release_policy import Bounds
from meshroll.core.releases import Catalogue, Edge, Release
from meshroll.core.settings import ReleasePolicy

CATALOGUE = shipped()
EVERYWHERE = frozenset(release.version for release in CATALOGUE.releases)
TODAY = datetime.date(2026, 11, 25)


def bounds(
    as_of: datetime.date = TODAY,
    kubernetes: str | None = "v1.35.4",
    available: frozenset[Edge] | None = None,
    **policy: Any,
) -> Bounds:
    return Bounds(msgspec.convert(policy, ReleasePolicy), as_of, kubernetes, available)


edges = st.builds(Edge, st.integers(25, 26), st.integers(1, 12), st.integers(1, 9))
days = st.dates(datetime.date(2024, 11, 1), datetime.date(2027, 3, 1))
minors = st.none() | st.integers(22, 40).map(lambda minor: f"1.{minor}")


@st.composite
def _release(draw: st.DrawFn) -> Release:
    edge = draw(edges)
    released = datetime.date(2000 + edge.year, edge.month, draw(st.integers(1, 28)))
    mark = draw(st.sampled_from(["recommended", "not_recommended", "unmarked"]))
    milestone = draw(st.booleans()) and mark == "recommended"
    return Release(
        edge=str(edge),
        date=draw(st.sampled_from([released, released, None])),
        milestone=f"2.{edge.year}{edge.month:02}{edge.number}" if milestone else None,
        kubernetes_min=draw(minors),
        kubernetes_max=draw(minors),
        mark=mark,
        reason="" if mark == "unmarked" else "A reason.",
        marked_on=None if mark == "unmarked" else released + datetime.timedelta(draw(st.integers(0, 90))),
    )


catalogues = st.lists(_release(), max_size=12, unique_by=lambda release: release.edge).map(
    lambda rows: Catalogue(datetime.date(2026, 7, 1), {}, rows)
)
policies = st.fixed_dictionaries(
    {},
    optional={
        "channel": st.sampled_from(["recommended", "milestone", "newest"]) | edges.map(str),
        "minimum_age_days": st.integers(0, 400),
        "kubernetes_min": st.sampled_from(["1.23", "1.29", "1.31"]),
        "kubernetes_max": st.sampled_from(["1.31", "1.35"]),
    },
)
