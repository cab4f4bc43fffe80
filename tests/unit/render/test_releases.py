"""Releases as people read them: the pick, the reasons, the hops; and that the answer is what the schema says."""

from __future__ import annotations

import datetime
import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from unit.core.release_cases import CATALOGUE, EVERYWHERE, bounds, seen
from unit.scan.cluster import example

from meshroll.adapters.catalogue import breaking_changes
from meshroll.core.release_answer import Seen, answer
from meshroll.core.releases import Edge
from meshroll.core.scan import Hidden
from meshroll.core.settings import Acceptance
from meshroll.render.result import print_result

SANDBOX = frozenset({Edge(25, 10, 7), Edge(26, 6, 3), Edge(26, 6, 99)})


def printed(*clusters: dict[str, Any], everything: bool = False) -> str:
    console = Console(file=io.StringIO(), width=140, highlight=False, markup=False, no_color=True)
    print_result(console, {"command": "releases", "data": {"clusters": list(clusters)}}, everything, {})
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def entry(name: str, day: str, found: Seen | None = None, **policy: Any) -> dict[str, Any]:
    available, kubernetes = (SANDBOX, "v1.35.4") if found else (None, None)
    held_against = bounds(datetime.date.fromisoformat(day), kubernetes, available, **policy)
    told, error = answer(CATALOGUE, held_against, breaking_changes(), found)
    return {
        "name": name,
        "outcome": "refused" if error else "success",
        "exit_code": 3 if error else 0,
        "releases": told,
    }


def test_the_pick_its_reasons_and_neighbours_of_one_reason_in_one_line() -> None:
    text = printed(entry("sandbox", "2026-08-24", seen(None, None)))
    assert "picked       edge-26.6.3 (Linkerd 2.20, of 2026-06-18)" in text
    assert "edge-26.6.99 to 26.8.3 (6) from 2026-07-16" in " ".join(text.split())
    assert "installed    none" in text
    assert "edge-25.10.7" not in text, "older than the pick"
    assert "3 days before that day" in text


def test_what_came_after_the_day_is_one_line() -> None:
    text = printed(entry("sandbox", "2026-01-15", seen(None, None)))
    assert "picked       edge-25.10.7" in text
    assert "released after 2026-01-15" in text
    assert "the chart source does not have it" in text
    assert "read on" not in text, "a catalogue is not old on a day before its own"


def test_hops_say_what_they_need_break_and_close() -> None:
    text = printed(entry("sandbox", "2026-08-24", seen(Edge(25, 10, 7), "v1.1.1")))
    assert "Hops from edge-25.10.7" in text
    assert "1. edge-26.6.3 (Linkerd 2.20)" in text
    assert "Gateway API 1.2.1 to 1.5.1; the cluster has v1.1.1, which is outside" in text
    assert "The chart demands Kubernetes 1.31." not in text, "it hits nothing here"
    assert "one way An injector before edge-26.5.2" in " ".join(text.split())


def hop_of(name: str, *accepted: str, everything: bool = False, **hidden: Hidden) -> str:
    """What is printed of hops in the cluster of a scanner's example."""
    planted = example(name, "hit")
    found = planted.facts()
    found = replace(found, listed={**found.listed, **hidden})  # type: ignore[dict-item]
    installed = Edge.parse(planted.release)
    held_against = bounds(datetime.date(2026, 8, 24), "v1.35.4", None)
    told, error = answer(
        CATALOGUE,
        held_against,
        breaking_changes(),
        seen(installed, planted.gateway_api, found),
        [Acceptance(id=each, reason="We know.") for each in accepted],
    )
    assert error is None
    cluster = {"name": "here", "outcome": "success", "exit_code": 0, "releases": told}
    return " ".join(printed(cluster, everything=everything).split())


def test_a_hop_says_what_it_hits_here_with_the_fix_and_that_it_is_refused() -> None:
    text = hop_of("undeclared-service-ports")
    assert (
        "blocking undeclared-service-ports: A connection to a port that the Service does not declare" in text
    )
    assert (
        "- charging: charging/Deployment/omni, charging/Deployment/pricing dial port 8080 of Service/tariffs"
        in text
    )
    assert "Declare port 8080 in its spec.ports" in text
    assert "What is blocking here refuses this hop, unless meshroll_upgrade.accept has its id." in text
    assert "breaking changes without a hit here, see --all" in text
    assert "app-protocol" not in text


def test_what_is_accepted_is_told_with_its_reason_and_refuses_nothing() -> None:
    text = hop_of("undeclared-service-ports", "undeclared-service-ports", "app-protocol")
    assert "Accepted: We know." in text
    assert "refuses this hop" not in text
    assert "meshroll_upgrade.accept has app-protocol, which hits nothing here: it can go." in text


def test_what_could_not_be_seen_is_told_also_where_nothing_was_found() -> None:
    text = hop_of("native-sidecar-default", servers=Hidden("this account may not read servers"))
    assert "servers-own-namespace" in text
    assert "Not seen: this account may not read servers" in text


def test_all_of_it_is_told_where_all_is_asked_for() -> None:
    text = hop_of("undeclared-service-ports", everything=True)
    assert "app-protocol" not in text, "an earlier release has it"
    for change in ("iptables-nft", "kubernetes-1-31", "ip-port-subscribers"):
        assert f"{change}: " in text
    assert "Not looked for: Dashboards and alerts" in text
    assert "without a hit here" not in text


def test_extensions_are_told_with_their_commands_in_their_order() -> None:
    text = hop_of("iptables-nft")
    assert "before cni in linkerd-cni: upgrade it before the control plane. linkerd install-cni |" in text


def test_no_way_is_said_with_its_hint() -> None:
    text = printed(entry("sandbox", "2026-01-15", seen(Edge(26, 6, 3), "v1.2.1")))
    assert "edge-25.10.7 is older than edge-26.6.3, which runs" in text


def test_clusters_of_one_answer_share_it() -> None:
    text = printed(entry("a", "2026-08-24"), entry("b", "2026-08-24"), entry("c", "2026-01-15"))
    assert text.count("  picked  edge-") == 2
    assert "\na, b\n" in text


def test_every_release_is_listed_where_all_are_asked_for() -> None:
    text = printed(entry("a", "2026-08-24"), everything=True)
    assert all(f"  {edge} " in text for edge in EVERYWHERE)


@pytest.mark.parametrize(
    "policy", [{"channel": "edge-26.9.1"}, {"minimum_age_days": 9999}, {"kubernetes_min": "1.20"}]
)
def test_without_a_pick_there_is_an_error_and_still_every_reason(policy: dict[str, Any]) -> None:
    held_against = bounds(datetime.date(2026, 8, 24), "v1.35.4", SANDBOX, **policy)
    told, error = answer(CATALOGUE, held_against, breaking_changes(), seen(Edge(25, 10, 7), None))
    assert error is not None
    assert told["picked"] is None
    assert told["hops"] == []
    assert len(told["releases"]) > 70
    text = printed({"name": "x", "outcome": "refused", "exit_code": 3, "releases": told})
    assert "picked       none" in text
