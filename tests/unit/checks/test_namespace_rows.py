"""What the rows about namespaces see, and what is none of a rollout's business."""

from __future__ import annotations

from typing import Any

from unit.checks.example import with_facts
from unit.checks.test_rows import asked
from unit.core.check_cases import case, server
from unit.core.factories import Json, pods, workload

from meshroll.core.checks import Case
from meshroll.core.facts import Hidden
from meshroll.core.model import Workload

REQUIRES_IDENTITY = "config.linkerd.io/proxy-require-identity-inbound-ports"


def told(row: str, found: Case) -> list[str]:
    return [finding.message for finding in asked(row, found).findings]


def test_a_server_that_leaves_all_to_authorization_policies_does_not_block_and_is_not_passed() -> None:
    for policy in (None, "deny"):
        found = asked("policy-denies-unmeshed", case(policy_servers=(server(policy), server("audit"))))
        assert found.state == "skipped"
        assert found.reason and "charging/Server/grpc: whom AuthorizationPolicies let in" in found.reason


def test_a_server_for_meshed_clients_blocks_beside_one_that_is_not_looked_at() -> None:
    found = asked(
        "policy-denies-unmeshed", case(policy_servers=(server("deny"), server("all-authenticated")))
    )
    assert (found.state, len(found.findings)) == ("block", 1)


def test_ports_that_require_identity_answer_no_unmeshed_client() -> None:
    row = "policy-denies-unmeshed"
    assert told(row, case(workload(annotations={REQUIRES_IDENTITY: "8080"}))) == [
        "Deployment/omni would answer no unmeshed client (identity required on ports 8080)."
    ]
    assert told(row, case(annotations={REQUIRES_IDENTITY: "8080"}))
    assert told(row, case(values={"proxy": {"requireIdentityOnInboundPorts": "8080"}}))
    own = case(workload(annotations={REQUIRES_IDENTITY: ""}), annotations={REQUIRES_IDENTITY: "8080"})
    assert told(row, own) == []


FARGATE_POD = {"eks.amazonaws.com/fargate-profile": "default"}
GATEWAY = [{"name": "envoy"}, {"name": "shutdown-manager"}]


def beside(other: Workload, direction: str = "in", **how: Any) -> Case:
    omni = workload()
    return case(omni, other, direction=direction, pods_seen=[*pods(omni), *pods(other, **how)])


def test_pods_of_a_workload_that_opted_out_are_no_matter() -> None:
    out = {"linkerd.io/inject": "disabled"}
    for said, state in ((out, "pass"), ({}, "block")):
        batch = workload(name="batch", annotations=said)
        assert asked("fargate", beside(batch, labels=FARGATE_POD)).state == state
        istio = workload(name="legacy", annotations=said, containers=[{"name": "istio-proxy"}])
        assert asked("other-mesh", beside(istio)).state == state


def test_a_probe_goes_by_all_pods_of_the_namespace() -> None:
    batch = workload(name="batch", annotations={"linkerd.io/inject": "disabled"})
    assert asked("fargate", beside(batch, direction="probe", labels=FARGATE_POD)).state == "block"


def test_envoy_is_a_sidecar_only_beside_an_application() -> None:
    assert told("other-mesh", beside(workload(name="gateway", containers=GATEWAY))) == []
    assert told("other-mesh", beside(workload(name="gateway", containers=[*GATEWAY, {"name": "app"}])))


def test_an_opt_out_in_the_wrong_place_is_told_once_and_blocks() -> None:
    outside = case(workload(metadata={"annotations": {"linkerd.io/inject": "disabled"}}))
    assert told("annotation-misplaced", outside) == []
    assert asked("opt-out-misplaced", outside).state == "block"


def hooked(selector: Json | None, **labels: str) -> Case:
    webhook = {"name": "linkerd-proxy-injector.linkerd.io", "namespaceSelector": selector}
    return with_facts(case(labels=labels), listed={"mutating_webhooks": ({"webhooks": [webhook]},)})


def test_the_injector_sees_what_its_own_selector_has_or_the_charts_where_it_was_not_read() -> None:
    row, only = "namespace-webhooks-disabled", {"matchLabels": {"mesh": "yes"}}
    assert told(row, case(name="cert-manager")) == [
        "cert-manager is left out by the namespaceSelector of the injector's webhook: nothing would be injected."
    ]
    assert asked(row, hooked(only)).state == "block"
    assert asked(row, hooked(only, mesh="yes")).state == "pass"
    assert asked(row, hooked(None)).state == "pass"
    unread = with_facts(case(), listed={"mutating_webhooks": Hidden("this account may not read it")})
    assert asked(row, unread).state == "pass"
