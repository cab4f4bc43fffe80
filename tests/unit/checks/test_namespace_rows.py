"""What the rows about namespaces see, and what is none of a rollout's business."""

from __future__ import annotations

from unit.checks.test_rows import asked
from unit.core.check_cases import case, server
from unit.core.factories import workload

from meshroll.core.checks import Case

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
