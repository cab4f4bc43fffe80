"""What is hit refuses, warns or is accepted; what could not be seen is said, and never taken for clear."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.scan.cluster import Example, example, facts

from meshroll.adapters.catalogue import breaking_changes
from meshroll.core.errors import UsageError
from meshroll.core.facts import Kind
from meshroll.core.scan import SCANNERS, Facts, Hidden, Scanned, idle, refuse_unknown, scan
from meshroll.core.settings import Acceptance

CHANGES = {change.id: change for change in breaking_changes()}
REASON = "Calico lets it through."


def planted(identifier: str, **hidden: Hidden) -> Facts:
    found = example(identifier, "hit").facts()
    return replace(found, listed={**found.listed, **hidden})  # type: ignore[dict-item]


def scanned(identifier: str, found: Facts, *accepted: str) -> Scanned:
    return scan([CHANGES[identifier]], found, [Acceptance(id=each, reason=REASON) for each in accepted])


def test_what_is_blocking_refuses_all_at_once() -> None:
    seen = scanned("transport-header", planted("transport-header"))
    assert [each.object for each in seen.problems] == ["NetworkPolicy/tariffs", "NetworkPolicy/out"]
    assert (seen.warnings, seen.notes, seen.accepted) == ((), (), ())


@pytest.mark.parametrize(
    ("identifier", "where"), [("app-protocol", "warnings"), ("policy-controller-image", "notes")]
)
def test_what_is_less_is_told_and_refuses_nothing(identifier: str, where: str) -> None:
    seen = scanned(identifier, planted(identifier))
    assert seen.problems == ()
    assert len(getattr(seen, where)) == 1


@pytest.mark.parametrize("identifier", ["transport-header", "app-protocol", "policy-controller-image"])
def test_what_is_accepted_is_told_with_its_reason_and_nothing_else(identifier: str) -> None:
    seen = scanned(identifier, planted(identifier), identifier)
    assert (seen.problems, seen.warnings, seen.notes) == ((), (), ())
    assert {each.reason for each in seen.accepted} == {REASON}
    assert [each.state for each in seen.looked] == ["accepted"]


def test_an_acceptance_accepts_nothing_else() -> None:
    seen = scanned("transport-header", planted("transport-header"), "app-protocol")
    assert len(seen.problems) == 2
    assert seen.accepted == ()


def test_an_acceptance_that_no_hop_needs_is_told() -> None:
    accepted = [Acceptance(id=each, reason=REASON) for each in ("transport-header", "app-protocol")]
    hops = [
        scan([CHANGES["transport-header"]], planted("transport-header"), accepted),
        scan([CHANGES["app-protocol"]], planted("transport-header"), accepted),
    ]
    assert idle(accepted, hops) == [
        "meshroll_upgrade.accept has app-protocol, which hits nothing here: it can go."
    ]


def test_an_unknown_acceptance_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as raised:
        refuse_unknown(
            [Acceptance(id="transport-heder", reason="-"), Acceptance(id="zzz", reason="-")],
            breaking_changes(),
        )
    assert [problem.code for problem in raised.value.problems] == ["acceptance-unknown"] * 2
    assert [problem.hint for problem in raised.value.problems] == [
        "Did you mean transport-header?",
        "docs/reference/breaking-changes.md lists them.",
    ]


NEEDS: list[tuple[str, Kind]] = [
    ("transport-header", "network_policies"),
    ("transport-header", "namespaces"),
    ("app-protocol", "services"),
    ("undeclared-service-ports", "services"),
    ("undeclared-service-ports", "service_profiles"),
    ("gateway-api-crds-left-out", "gateway_crds"),
    ("control-plane-port-names", "pod_monitors"),
    ("servers-own-namespace", "servers"),
    ("external-workload-namespace", "external_workloads"),
    ("link-probe-period", "links"),
    ("proxy-version-pin", "namespaces"),
]


@pytest.mark.parametrize(("identifier", "part"), NEEDS)
def test_what_could_not_be_seen_is_not_clear(identifier: str, part: Kind) -> None:
    (looked,) = scanned(identifier, planted(identifier, **{part: Hidden("this account may not")})).looked
    assert (looked.state, looked.unseen, looked.hits) == ("unseen", "this account may not", ())


def test_without_the_pods_nobody_knows_who_has_a_proxy() -> None:
    found = replace(planted("app-protocol"), pods=Hidden("this account may not read pods"))
    (looked,) = scanned("app-protocol", found).looked
    assert (looked.state, looked.unseen) == ("unseen", "this account may not read pods")


def test_what_was_found_besides_is_told_with_what_was_not_seen() -> None:
    """ConfigMaps may not be read: the callers that are told in variables are found all the same."""
    found = replace(planted("undeclared-service-ports"), config_maps={"charging": Hidden("no")})
    seen = scanned("undeclared-service-ports", found)
    (looked,) = seen.looked
    assert "charging/Deployment/omni dial port 8080" in looked.hits[0].message
    assert (looked.state, looked.unseen) == ("hit", "no")
    assert seen.unseen == (looked,)


def test_hidden_config_maps_of_a_prometheus_are_told() -> None:
    found = replace(planted("control-plane-port-names"), config_maps={"monitoring": Hidden("no")})
    (looked,) = scanned("control-plane-port-names", found).looked
    assert len(looked.hits) == 2
    assert looked.unseen == "what monitoring/StatefulSet/prometheus read: no"


def test_policies_of_other_kinds_leave_it_open() -> None:
    other = {"kind": "CiliumNetworkPolicy", "metadata": {"name": "l7", "namespace": "charging"}}
    found = Example(objects=[*example("transport-header", "clear").objects, other]).facts()
    (looked,) = scanned("transport-header", found).looked
    assert looked.state == "unseen"
    assert "1 CiliumNetworkPolicy" in str(looked.unseen)


def test_a_transport_that_stays_as_it_was_cuts_nobody_off() -> None:
    stays: dict[str, Any] = {"proxy": {"outboundTransportMode": "transparent"}}
    found = facts(example("transport-header", "hit").objects, own_values=stays)
    assert scanned("transport-header", found).problems == ()


def test_what_nobody_can_look_for_is_no_clear_either() -> None:
    for change in breaking_changes():
        assert (change.id in SCANNERS) != bool(change.not_looked_for), change.id
    (looked,) = scanned("webhooks-tls-1-3", facts([])).looked
    assert looked.state == "not_looked_for"


def test_an_empty_cluster_is_hit_by_nothing() -> None:
    seen = scan(breaking_changes(), facts([], kubernetes="v1.35.4"), [])
    assert [each.change.id for each in seen.looked if each.state not in ("clear", "not_looked_for")] == []
