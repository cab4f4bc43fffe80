"""What the rows that ask AWS make of ends, failures, profiles and groups."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from unit.checks.example import with_facts
from unit.checks.examples.aws import AWS, FROM_CLUSTER, told
from unit.core.check_cases import case
from unit.core.factories import workload

from meshroll.core import checks
from meshroll.core.checks import Checked
from meshroll.core.eks_facts import FargateProfile, Ingress, Nodegroup, Selector
from meshroll.core.facts import Hidden

ROWS = {row.id: row for row in checks.ALL}
AWS_ROWS = [row for row in checks.ALL if "aws" in row.needs]
KUBERNETES = "v1.33.1-eks-a1b2c3d"


def asked(row: str, found: checks.Case) -> Checked:
    (answer,) = checks.check(found, [ROWS[row]])
    return answer


def says(row: str, found: checks.Case) -> list[str]:
    return [finding.message for finding in asked(row, found).findings]


def test_a_cluster_that_is_none_of_eks_passes_every_row_unasked() -> None:
    found = with_facts(case())
    assert [each.state for each in checks.check(found, AWS_ROWS)] == ["pass"] * len(AWS_ROWS)


def test_a_cluster_of_eks_whose_account_was_not_asked_is_not_taken_for_passed() -> None:
    found = with_facts(case(kubernetes=KUBERNETES), eks=Hidden("no account"))
    states = {(each.state, each.reason) for each in checks.check(found, AWS_ROWS)}
    assert states == {("skipped", "no account")}


@pytest.mark.parametrize(
    ("policy", "day", "said"),
    [
        ("EXTENDED", date(2026, 7, 28), None),
        ("EXTENDED", date(2026, 7, 29), "is in extended support since 2026-07-29, at a higher price, until 2027-07-29"),
        ("EXTENDED", date(2027, 5, 30), "by EKS itself from 2027-07-29 on, in 60 days"),
        ("EXTENDED", date(2027, 7, 29), "has had no support since 2027-07-29"),
        ("STANDARD", date(2026, 5, 29), None),
        ("STANDARD", date(2026, 5, 30), "by EKS itself from 2026-07-29 on, in 60 days"),
        ("STANDARD", date(2026, 7, 29), "has had no support since 2026-07-29"),
        (None, date(2026, 7, 28), None),
    ],
)  # fmt: skip
def test_the_end_that_counts_is_that_of_the_upgrade_policy(
    policy: str | None, day: date, said: str | None
) -> None:
    found = says("eks-support", told(upgrade_policy=policy, day=day))
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_what_ails_a_cluster_is_told_also_where_its_add_ons_may_not_be_read() -> None:
    found = asked(
        "eks-health",
        told(
            status="UPDATING",
            issues=("Ec2SubnetNotFound: subnet-1",),
            addons=Hidden("AWS denies eks:ListAddons"),
            nodegroups=(Nodegroup("main", "DEGRADED"),),
        ),
    )
    assert [finding.message for finding in found.findings] == [
        "EKS says that prod is UPDATING.",
        "EKS says of prod: Ec2SubnetNotFound: subnet-1.",
        "The node group main is DEGRADED.",
    ]
    assert found.unseen == "AWS denies eks:ListAddons"


def test_a_profile_by_label_takes_only_the_pods_that_carry_it() -> None:
    aws = replace(AWS, fargate_profiles=(FargateProfile("f", (Selector("charging", {"on": "fargate"}),)),))
    found = with_facts(
        case(workload(name="a"), workload(name="b", labels={"on": "fargate"}), kubernetes=KUBERNETES), eks=aws
    )
    assert says("fargate-profile", found) == [
        "The Fargate profile f takes Deployment/b, and no pod gets a proxy there."
    ]


def test_each_set_of_groups_is_told_with_its_shut_ports_and_what_opens_them() -> None:
    found = asked(
        "webhook-security-group",
        told(
            additional_groups=("sg-more",),
            nodes={
                "i-1": (frozenset({"sg-a"}),),
                "i-2": (frozenset({"sg-a"}),),
                "i-3": (frozenset({"sg-b"}),),
            },
            rules={"sg-a": (Ingress("tcp", 8443, 8443, frozenset({"sg-more"})),), "sg-b": ()},
        ),
    )
    assert [finding.message for finding in found.findings] == [
        "sg-a of i-1, i-2 keeps the control plane (sg-cluster, sg-more) from TCP 9443.",
        "sg-b of i-3 keeps the control plane (sg-cluster, sg-more) from TCP 8443 and 9443.",
    ]
    assert found.findings[0].hint == (
        "aws ec2 authorize-security-group-ingress --group-id sg-a --protocol tcp --port 9443 --source-group sg-cluster"
    )


def test_nodes_in_the_clusters_own_group_are_open() -> None:
    own = {
        "nodes": {"i-1": (FROM_CLUSTER,)},
        "rules": {"sg-cluster": (Ingress("-1", 0, 65535, FROM_CLUSTER),)},
    }
    assert says("webhook-security-group", told(**own)) == []


def test_nodes_whose_instances_are_not_found_are_not_taken_for_open() -> None:
    nodes = [
        {
            "metadata": {"name": "fargate-ip-10-0-1-2"},
            "spec": {"providerID": "aws:///eu-central-1a/x/fargate-ip"},
        },
        {"metadata": {"name": "ip-10-0-1-3"}, "spec": {"providerID": "aws:///eu-central-1a/i-1"}},
    ]
    aws = replace(AWS, nodes={}, rules={})
    found = asked("webhook-security-group", with_facts(case(kubernetes=KUBERNETES, nodes=nodes), eks=aws))
    assert (found.state, found.reason) == (
        "skipped",
        "no running instance has the tag kubernetes.io/cluster/prod",
    )
    found = asked("webhook-security-group", with_facts(case(kubernetes=KUBERNETES, nodes=nodes[:1]), eks=aws))
    assert found.state == "pass"


def test_interfaces_of_other_groups_are_told_of_where_only_they_are_shut() -> None:
    node_group, pod_group = frozenset({"sg-node"}), frozenset({"sg-pod"})
    open_ = (Ingress("tcp", 8443, 9443, FROM_CLUSTER),)
    custom: dict[str, Any] = {"nodes": {"i-1": (node_group, pod_group)}}
    found = asked("webhook-security-group", told(**custom, rules={"sg-node": open_, "sg-pod": ()}))
    assert found.state == "skipped"
    assert "sg-pod of some interfaces of i-1 keeps the control plane from TCP 8443" in str(found.reason)
    assert says("webhook-security-group", told(**custom, rules={"sg-node": open_, "sg-pod": open_})) == []
    assert len(says("webhook-security-group", told(**custom, rules={"sg-node": (), "sg-pod": ()}))) == 1
