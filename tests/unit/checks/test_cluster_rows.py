"""What the rows about cluster, control plane and nodes see, and what they say where they could not look."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.checks.example import with_facts
from unit.checks.examples.nodes import imaged, node
from unit.checks.examples.quotas import limits
from unit.checks.test_rows import asked
from unit.core.check_cases import case, with_identity
from unit.core.factories import service, workload
from unit.core.identities import chain

from meshroll.core.certificate_dates import ISSUER, Dated
from meshroll.core.checks import Case
from meshroll.core.facts import Hidden
from meshroll.core.mesh_identity import MeshIdentity
from meshroll.core.releases import Edge

UNREAD = Dated(what=ISSUER, state="not_read", reason="the account may not read it")
EXPIRED = Dated(what="trust anchor", state="expired", not_after="2026-11-22T00:00:00Z", days_left=-3)
AL2023, OLD = "Amazon Linux 2023.9.20251105", Edge(25, 4, 4)


def dated(*certificates: Dated) -> Case:
    found = case()
    return replace(found, view=replace(found.view, certificates=certificates))


@pytest.mark.parametrize("row", ["certificate-not-valid", "issuer-unusable", "proxies-without-anchor"])
def test_an_issuer_that_may_not_be_read_is_skipped_and_not_passed(row: str) -> None:
    found = asked(row, dated(UNREAD))
    assert (found.state, found.reason) == ("skipped", "issuer: the account may not read it")


def test_a_certificate_that_is_over_is_told_beside_one_that_was_not_read() -> None:
    found = asked("certificate-not-valid", dated(UNREAD, EXPIRED))
    assert (found.state, len(found.findings)) == ("block", 1)


def test_an_issuer_that_was_read_is_judged_though_a_webhook_was_not() -> None:
    found = with_identity(MeshIdentity(chain()))
    webhook = replace(
        found, view=replace(found.view, certificates=(Dated(what="webhook x", state="not_read"),))
    )
    assert asked("issuer-unusable", webhook).state == "pass"


def test_a_service_address_of_ipv6_is_seen_where_pods_have_none_yet() -> None:
    six = service("omni", "omni")
    six["spec"]["clusterIP"] = "fd00:10::7"
    (finding,) = asked("ipv6-disabled", case(services=(six,))).findings
    assert finding.message.startswith("Services have IPv6 addresses")
    assert asked("ipv6-disabled", case(services=(service("omni", headless=True),))).state == "pass"


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (imaged(AL2023, OLD, kernel="6.1.155-176.282.amzn2023.x86_64"), "pass"),
        (imaged("Bottlerocket OS 1.44.0 (aws-k8s-1.33)", OLD), "block"),
        (imaged(AL2023, proxyInit={"iptablesMode": "legacy"}), "block"),
        (imaged(AL2023, mode="legacy", cniEnabled=True), "block"),
        (imaged(AL2023, mode="nft", cniEnabled=True, proxyInit={"iptablesMode": "legacy"}), "pass"),
        (imaged("Bottlerocket OS 1.40.0", mode="plain", cniEnabled=True), "pass"),
    ],
)
def test_legacy_tables_go_by_the_kernel_and_the_mode_by_who_writes_rules(found: Case, state: str) -> None:
    assert asked("iptables-mode", found).state == state


@pytest.mark.parametrize(
    "config", [(), ({"data": {"cni_network_config": "{"}},), ({},), Hidden("not allowed")]
)
def test_a_mode_of_linkerd_cni_that_was_not_read_is_skipped(config: Any) -> None:
    found = imaged(AL2023, cniEnabled=True)
    assert asked("iptables-mode", with_facts(found, listed={"cni_config": config})).state == "skipped"


def test_what_a_limit_range_gives_proxies_needs_room_too() -> None:
    roomy = case(nodes=[node(cpu="1")])
    gift = limits(defaultRequest={"cpu": "600m"})
    assert asked("nodes-without-room", with_facts(roomy)).state == "pass"
    assert asked("nodes-without-room", with_facts(roomy, listed={"limit_ranges": (gift,)})).state == "warn"


def test_in_eks_auto_mode_nodes_bring_kube_proxy_and_come_by_themselves() -> None:
    auto = node(cpu="100m")
    auto["metadata"]["labels"] = {"eks.amazonaws.com/compute-type": "auto"}
    owner = workload(annotations={"config.linkerd.io/proxy-cpu-request": "1"})
    for nodes, state in (([auto], "pass"), ([auto, node("node-2")], "warn"), ([], "warn")):
        found = with_facts(case(owner, kubernetes="v1.33.1-eks-a1b2c3d", nodes=nodes))
        assert asked("kube-proxy-missing", found).state == state
    (full,) = asked("nodes-without-room", with_facts(case(owner, nodes=[auto]))).findings
    assert full.hint == "EKS Auto Mode would have to add nodes: see that it may."
