"""Whom NetworkPolicies let through to proxies, to the control plane and to Prometheus."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.checks.example import with_facts
from unit.checks.examples.ports_and_policies import behind, policy, ports
from unit.checks.test_rows import asked
from unit.core.check_cases import case
from unit.core.factories import settings

from meshroll.core.checks import Case, Checked
from meshroll.core.facts import Hidden, MeshedPod
from meshroll.core.model import NamespaceView, Pod
from meshroll.core.releases import Edge

Json = dict[str, Any]
BETWEEN, CONTROL, ADMIN = (
    "network-policy-between-proxies",
    "network-policy-to-control-plane",
    "network-policy-to-admin-port",
)
CALLER = MeshedPod("shop", "web-0", "Deployment/web", {"app": "web"})
SAME_NAMESPACE: Json = {"podSelector": {}}
DNS: Json = {
    "to": [{"namespaceSelector": {}}],
    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
}


def space(name: str, **labels: str) -> Json:
    return {"metadata": {"name": name, "labels": labels}}


def seeing(found: Case, *, pods: Any = (), **listed: Any) -> Case:
    facts = found.seen
    return replace(found, facts=replace(facts, pods=pods, listed={**facts.listed, **listed}))


def in_namespace(name: str, *numbers: int) -> Json:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
    return {"to": [peer], **ports(*numbers)}


def of_block(cidr: str, *without: str) -> Json:
    return {"to": [{"ipBlock": {"cidr": cidr, "except": list(without)}}]}


def addressed(found: Case, address: str) -> Case:
    def moved(pod: Pod) -> Pod:
        return Pod({**pod.manifest, "status": {**pod.manifest["status"], "podIP": address}})

    def of(each: NamespaceView) -> NamespaceView:
        return replace(each, pods=tuple(moved(pod) for pod in each.pods))

    view = replace(found.view, namespaces={name: of(each) for name, each in found.view.namespaces.items()})
    return replace(found, view=view, facts=replace(found.seen, view=view))


def from_shop(*numbers: int) -> Json:
    return policy(
        ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"team": "shop"}}}], **ports(*numbers)}]
    )


def test_a_meshed_caller_of_another_namespace_that_is_cut_off_is_seen() -> None:
    found = behind(from_shop(8080))
    assert asked(BETWEEN, found).state == "pass"
    told = asked(BETWEEN, seeing(found, pods=(CALLER,), namespaces=(space("shop", team="shop"),)))
    (finding,) = told.findings
    assert "lets shop/Deployment/web reach charging/Deployment/points on port 8080" in finding.message


def test_policies_between_other_namespaces_alone_are_none_of_this_run() -> None:
    rule = {"from": [SAME_NAMESPACE], **ports(8080)}
    elsewhere = {**policy(ingress=[rule], app="web"), "metadata": {"name": "web", "namespace": "shop"}}
    inside = replace(CALLER, name="cart-0", owner="Deployment/cart", labels={"app": "cart"})
    assert asked(BETWEEN, seeing(behind(elsewhere), pods=(CALLER, inside))).state == "pass"
    rule.pop("from")
    assert asked(BETWEEN, seeing(behind(elsewhere), pods=(CALLER, inside))).state == "block"


def test_what_is_cut_in_the_namespace_is_told_though_no_other_may_be_read() -> None:
    hidden = Hidden("this account may not read pods")
    found = asked(BETWEEN, seeing(behind(policy(ingress=[ports(8080)])), pods=hidden))
    assert (found.state, found.unseen) == ("block", "this account may not read pods")
    assert asked(BETWEEN, seeing(behind(from_shop(8080)), pods=hidden)).state == "skipped"


def test_before_all_calls_went_to_one_port_no_policy_cut_them() -> None:
    found = behind(policy(ingress=[ports(8080)]))
    assert asked(BETWEEN, replace(found, edge=Edge(25, 3, 1))).state == "pass"
    assert asked(BETWEEN, replace(found, edge=Edge(25, 3, 2))).state == "block"


def test_rules_for_the_proxys_own_ports_cut_nobody_off() -> None:
    assert asked(BETWEEN, behind(policy(ingress=[ports(4191), ports(4190)]))).state == "pass"


@pytest.mark.parametrize(
    ("egress", "state"),
    [
        ([{"to": [SAME_NAMESPACE]}, DNS], "block"),
        ([{"to": [SAME_NAMESPACE]}, DNS, in_namespace("linkerd", 8086, 8090, 8080)], "pass"),
        ([in_namespace("linkerd", 8086, 8080)], "block"),
        ([in_namespace("monitoring", 8086, 8090, 8080)], "block"),
        ([{"to": [{"namespaceSelector": {}}]}], "pass"),
        ([{"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"any": "pod"}}}]}], "pass"),
        ([{"to": [{"namespaceSelector": {"matchLabels": {"mesh": "yes"}}}]}], "pass"),
        ([{"ports": [{"port": name} for name in ("dest-grpc", "policy-grpc", "ident-grpc")]}], "pass"),
        ([{"ports": [{"port": "grpc"}]}], "block"),
        ([{"ports": [{"port": "linkerd-proxy"}]}], "block"),
        ([of_block("10.0.0.0/8")], "pass"),
        ([of_block("0.0.0.0/0", "10.0.0.0/8")], "block"),
        ([of_block("52.0.0.0/8")], "block"),
    ],
)
def test_egress_counts_for_whom_it_lets_one_reach(egress: list[Json], state: str) -> None:
    found = addressed(behind(policy(egress=egress)), "10.1.2.3")
    assert asked(CONTROL, seeing(found, namespaces=(space("linkerd", mesh="yes"),))).state == state


def test_before_edge_25_6_3_the_control_planes_ports_were_all_called_grpc() -> None:
    found = behind(policy(egress=[{"ports": [{"port": "grpc"}]}]))
    assert asked(CONTROL, replace(found, edge=Edge(25, 4, 4))).state == "pass"


@pytest.mark.parametrize(
    ("ingress", "service", "state"),
    [
        ([{"from": [SAME_NAMESPACE]}], None, "warn"),
        ([{"from": [SAME_NAMESPACE]}], "charging", "pass"),
        ([{"from": [SAME_NAMESPACE]}], "monitoring", "warn"),
        ([{"from": [{"namespaceSelector": {}}], **ports(4191)}], None, "pass"),
        ([{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}], None, "pass"),
        ([{}], None, "pass"),
        ([{"ports": [{"port": "linkerd-admin"}]}], None, "pass"),
    ],
)
def test_prometheus_is_in_another_namespace_unless_the_inventory_says_so(
    ingress: list[Json], service: str | None, state: str
) -> None:
    found = behind(policy(ingress=ingress))
    if service:
        asks = {"service": {"namespace": service, "name": "prometheus"}}
        found = replace(found, settings=settings({"name": "charging"}, prometheus=asks))
    assert asked(ADMIN, found).state == state


def grouped_by(spec: Json | None) -> Checked:
    policy = {"metadata": {"name": "database", "namespace": "charging"}, **({"spec": spec} if spec else {})}
    return asked(
        "security-groups-for-pods", with_facts(case(), listed={"security_group_policies": (policy,)})
    )


def test_a_security_group_policy_for_service_accounts_is_looked_at_only_in_part() -> None:
    by_account = {"serviceAccountSelector": {"matchLabels": {"team": "x"}}}
    found = grouped_by(by_account)
    assert (found.state, found.findings) == ("skipped", ())
    assert "charging/SecurityGroupPolicy/database" in str(found.reason)
    assert grouped_by({"podSelector": {}, **by_account}).state == "warn"
    assert grouped_by(None).state == "pass"


@pytest.mark.parametrize("row", [BETWEEN, CONTROL, ADMIN])
def test_beside_other_kinds_of_policies_nothing_is_told_as_passed(row: str) -> None:
    other = {"kind": "CiliumNetworkPolicy", "metadata": {"name": "strict"}}
    found = asked(row, seeing(behind(), other_policies=(other,)))
    assert found.state == "skipped"
    assert "1 CiliumNetworkPolicy" in str(found.reason)
