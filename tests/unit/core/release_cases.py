"""Catalogues, policies and bounds for tests of what is picked and how one gets there."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import strategies as st
from unit.core.factories import cluster

from meshroll.adapters.catalogue import shipped
from meshroll.core.model import ControlPlane
from meshroll.core.release_answer import Seen
from meshroll.core.release_policy import Bounds
from meshroll.core.releases import Catalogue, Edge, Release
from meshroll.core.scan import Facts
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


def one_milestone_at_most(start: Edge, to: Edge, milestones: Sequence[Edge]) -> bool:
    """The rule in other words: no milestone is passed, but one from between milestones to between milestones."""
    passed = [milestone for milestone in milestones if start < milestone < to]
    return not passed or (len(passed) == 1 and start not in milestones and to not in milestones)


def seen(installed: Edge | None, gateway_api: str | None, facts: Facts | None = None) -> Seen:
    """A cluster with nothing in it but Linkerd, or with ``facts``."""
    plane = ControlPlane(installed is not None, "linkerd", str(installed) if installed else None)
    found = facts or Facts(cluster(kubernetes="v1.35.4"))
    view = replace(found.view, control_plane=plane, gateway_api_version=gateway_api)
    return Seen(installed, replace(found, view=view), "https://helm.linkerd.io/edge")


def _edge(number: int) -> Edge:
    """Three a month, from edge-25.1.1 on."""
    return Edge(25 + number // 36, number // 3 % 12 + 1, number % 3 + 1)


edges = st.integers(0, 71).map(_edge)
days = st.just(TODAY) | st.just(TODAY) | st.dates(datetime.date(2024, 11, 1), datetime.date(2027, 3, 1))
PINS: dict[Any, str] = {"linkerd-control-plane": f"sha256:{'a' * 64}"}
KINDS = ("milestone", "milestone", "recommended", "not_recommended", "unmarked")


@st.composite
def _release(draw: st.DrawFn, edge: Edge) -> Release:
    released = datetime.date(2000 + edge.year, edge.month, draw(st.integers(1, 28)))
    kind = draw(st.sampled_from(KINDS))
    mark = "recommended" if kind == "milestone" else kind
    return Release(
        edge=str(edge),
        date=draw(st.sampled_from([released, released, None])),
        milestone=f"2.{edge.year}{edge.month:02}{edge.number}" if kind == "milestone" else None,
        kubernetes_min=draw(st.sampled_from([None, None, "1.23", "1.31"])),
        kubernetes_max=draw(st.sampled_from([None, None, "1.32", "1.35"])),
        charts=draw(st.sampled_from([None, None, PINS, {**PINS, "linkerd-crds": f"sha256:{'b' * 64}"}])),
        mark=mark,
        reason="" if mark == "unmarked" else "A reason.",
        marked_on=None if mark == "unmarked" else released + datetime.timedelta(draw(st.integers(0, 90))),
    )


catalogues = st.builds(
    Catalogue,
    st.sampled_from([TODAY, datetime.date(2026, 7, 1)]),
    st.just({}),
    st.sampled_from([8, 8, 0])
    .flatmap(lambda least: st.lists(edges, min_size=least, max_size=12, unique=True))
    .flatmap(lambda found: st.tuples(*(_release(edge) for edge in found)))
    .map(list),
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
