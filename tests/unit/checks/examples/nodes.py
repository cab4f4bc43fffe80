"""Nodes, what runs on each of them, and the room that they have."""

from __future__ import annotations

import json
from typing import Any

from unit.checks.example import Example, with_facts
from unit.core.check_cases import case
from unit.core.factories import EDGE, pods, service, workload

from meshroll.core.checks import Case
from meshroll.core.facts import Requested
from meshroll.core.releases import Edge

Json = dict[str, Any]
KUBE_PROXY = workload("DaemonSet", "kube-proxy", namespace="kube-system")


KERNEL = "6.12.46-66.121.amzn2023.x86_64"


def node(
    name: str = "node-1", image: str = "", cpu: str = "4", memory: str = "8Gi", kernel: str = KERNEL
) -> Json:
    info = {"osImage": image, "kernelVersion": kernel}
    return {
        "metadata": {"name": name},
        "spec": {},
        "status": {"allocatable": {"cpu": cpu, "memory": memory}, "nodeInfo": info},
    }


def on_eks(*elsewhere: Any) -> Case:
    return case(kubernetes="v1.33.1-eks-a1b2c3d", elsewhere=elsewhere)


def imaged(image: str, edge: Edge = EDGE, kernel: str = KERNEL, mode: str = "", **values: Any) -> Case:
    """``mode``: of linkerd-cni, "" where its ConfigMap does not say."""
    config = {"data": {"cni_network_config": json.dumps({"linkerd": {"iptables-mode": mode}})}}
    found = case(nodes=[node(image=image, kernel=kernel)], edge=edge, values=values)
    return with_facts(found, listed={"cni_config": (config,)})


def asking(cpu: str, free: str, *elsewhere: Requested) -> Case:
    owner = workload(annotations={"config.linkerd.io/proxy-cpu-request": cpu})
    found = case(owner, nodes=[node(cpu=free)], pods_seen=pods(owner))
    return with_facts(found, requests=elsewhere)


def hooked(namespace: str) -> Case:
    karpenter = workload(name="karpenter")
    client = {"service": {"namespace": namespace, "name": "karpenter"}}
    webhook = {"webhooks": [{"name": "validation.webhook.karpenter.sh", "clientConfig": client}]}
    found = case(karpenter, services=(service("karpenter", "karpenter"),))
    return with_facts(found, listed={"mutating_webhooks": (), "validating_webhooks": (webhook,)})


EXAMPLES = [
    Example(
        "kube-proxy-missing",
        lambda: on_eks(KUBE_PROXY),
        lambda: on_eks(),
        "No DaemonSet kube-proxy is there, nor anything known that stands for it.",
    ),
    Example(
        "iptables-mode",
        lambda: imaged("Amazon Linux 2023.9.20251105"),
        lambda: imaged("Amazon Linux 2023.9.20251105", Edge(25, 4, 4)),
        "iptablesMode is legacy, and the kernel has no legacy tables: node-1.",
    ),
    Example(
        "iptables-mode",
        lambda: imaged("Bottlerocket OS 1.40.0", Edge(26, 7, 1), cniEnabled=True),
        lambda: imaged("Bottlerocket OS 1.40.0", cniEnabled=True),
        "linkerd-cni of edge-26.6.3 uses nft, and Bottlerocket has no iptables-nft: node-1.",
    ),
    Example(
        "webhook-server",
        lambda: hooked("karpenter"),
        lambda: hooked("charging"),
        "Deployment/karpenter answers the API server for the webhook validation.webhook.karpenter.sh.",
    ),
    Example(
        "nodes-without-room",
        lambda: asking("500m", "2"),
        lambda: asking("500m", "2", Requested("node-1", 1.5, 0.0)),
        "The proxies ask for 1000m of cpu, and 500m is free on nodes that take pods.",
    ),
]
