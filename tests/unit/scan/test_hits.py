"""What an upgrade is refused for, tells and goes on with, over all of its hops."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from unit.scan.cluster import example, facts

from meshroll.adapters.catalogue import breaking_changes
from meshroll.core.accepted import accepted_of
from meshroll.core.breaking_changes import met
from meshroll.core.hops import Hop
from meshroll.core.journal import Record
from meshroll.core.releases import Edge
from meshroll.core.scan import Hidden
from meshroll.core.settings import Acceptance
from meshroll.core.upgrade.hits import Hits, hits

WAY = (Edge(25, 2, 3), Edge(25, 4, 4), Edge(25, 10, 7))
HOPS = tuple(Hop(start, to, None, (), met(breaking_changes(), start, to)) for start, to in pairwise(WAY))
VIZ = {"kind": "Namespace", "metadata": {"name": "viz", "labels": {"linkerd.io/extension": "viz"}}}
PLANTED = [
    *example("transport-header", "hit").objects,
    *example("undeclared-service-ports", "hit").objects,
    *example("proxy-version-pin", "hit").objects,
    VIZ,
]


def found(*accepted: str, begun: str | None = None) -> Hits:
    reasons = [Acceptance(id=each, reason="Tried.") for each in accepted]
    seen = facts(PLANTED)
    seen = replace(seen, listed={**seen.listed, "links": Hidden("this account may not read links")})
    return hits(HOPS, begun, seen, reasons, "https://charts.example")


def test_every_hop_refuses_for_what_it_hits() -> None:
    codes = {problem.code for problem in found().problems}
    assert codes == {"transport-header", "undeclared-service-ports"}


def test_a_hop_that_has_begun_is_refused_for_nothing() -> None:
    codes = {problem.code for problem in found(begun="edge-25.4.4").problems}
    assert codes == {"undeclared-service-ports"}


def test_what_every_hop_meets_is_told_once() -> None:
    pins = [note for note in found().notes if note.startswith("proxy-version-pin: charging: Deployment/omni")]
    assert len(pins) == 1


def test_extensions_are_told_for_every_hop_and_what_was_not_seen_is_told() -> None:
    notes = found().notes
    assert [note.partition(" | ")[0] for note in notes if note.startswith("viz in viz")] == [
        "viz in viz: upgrade it after the control plane. linkerd viz install"
    ] * 2
    assert "Not seen (multicluster-controllers): this account may not read links." in notes


def test_what_is_accepted_is_kept_for_the_record_and_what_needs_no_accepting_is_told() -> None:
    told = found("transport-header", "undeclared-service-ports", "kubernetes-1-31")
    assert told.problems == ()
    assert {each.id for each in told.accepted} == {"transport-header", "undeclared-service-ports"}
    assert any("accept has kubernetes-1-31, which hits nothing here" in note for note in told.notes)
    rows = [{"id": each.id, "text": each.text, "reason": each.reason} for each in told.accepted]
    record = Record(
        run_id="r",
        command="upgrade",
        holder="h",
        namespaces=[],
        started_at="2026-01-01T00:00:00Z",
        entries=[],
        asked={"accepted": rows},
    )
    assert [each.reason for each in accepted_of(record)] == ["Tried."] * len(told.accepted)
    assert accepted_of(None) == []


def test_without_a_hop_nothing_is_said() -> None:
    assert hits((), None, facts(PLANTED), [Acceptance(id="app-protocol", reason="-")], "/charts") == Hits()
