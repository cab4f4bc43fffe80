"""What AWS says of a cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from unit.checks.example import Example, with_facts
from unit.core.check_cases import case

from meshroll.core.checks import Case
from meshroll.core.eks_facts import (
    Addon,
    EksFacts,
    FargateProfile,
    Ingress,
    Nodegroup,
    Selector,
    Support,
)

FROM_CLUSTER = frozenset({"sg-cluster"})
AWS = EksFacts(
    name="prod",
    day=date(2026, 7, 1),
    version="1.33",
    status="ACTIVE",
    upgrade_policy="EXTENDED",
    cluster_group="sg-cluster",
    support=Support(date(2026, 7, 29), date(2027, 7, 29)),
    addons=(Addon("vpc-cni", "v1.20.4-eksbuild.2", "ACTIVE", (), True),),
    fargate_profiles=(FargateProfile("batch", (Selector("batch"),)),),
    nodegroups=(Nodegroup("main", "ACTIVE"),),
    nodes={"i-1": (frozenset({"sg-nodes"}),)},
    rules={"sg-nodes": (Ingress("tcp", 1025, 65535, FROM_CLUSTER),)},
)


def told(**more: Any) -> Case:
    found = case(kubernetes="v1.33.1-eks-a1b2c3d")
    return with_facts(found, eks=replace(AWS, **more))


EXAMPLES = [
    Example(
        "eks-support",
        told,
        lambda: told(upgrade_policy="STANDARD"),
        "Kubernetes 1.33 of prod is upgraded by EKS itself from 2026-07-29 on, in 28 days.",
    ),
    Example(
        "eks-health",
        told,
        lambda: told(
            addons=(Addon("coredns", "v1.12.1", "DEGRADED", ("InsufficientNumberOfReplicas: no nodes",)),)
        ),
        "The add-on coredns is DEGRADED: InsufficientNumberOfReplicas: no nodes.",
    ),
    Example(
        "eks-addon-version",
        told,
        lambda: told(addons=(Addon("kube-proxy", "v1.30.3-eksbuild.5", "ACTIVE", (), False),)),
        "kube-proxy v1.30.3-eksbuild.5 is none of the versions for Kubernetes 1.33.",
    ),
    Example(
        "fargate-profile",
        told,
        lambda: told(fargate_profiles=(FargateProfile("all", (Selector("char*"),)),)),
        "The Fargate profile all takes Deployment/omni, and no pod gets a proxy there.",
    ),
    Example(
        "webhook-security-group",
        told,
        lambda: told(rules={"sg-nodes": (Ingress("tcp", 10250, 10250, FROM_CLUSTER),)}),
        "sg-nodes of i-1 keeps the control plane (sg-cluster) from TCP 8443 and 9443.",
    ),
]
