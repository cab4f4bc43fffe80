"""Scanners of the cluster itself: Kubernetes, its nodes, the CNI, the Gateway API and the links to other clusters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from meshroll.core.chart_values import CRDS_CHART
from meshroll.core.extensions import CNI
from meshroll.core.facts import Facts
from meshroll.core.go_values import duration_seconds
from meshroll.core.model import Object, containers_of, kubernetes_minor
from meshroll.core.scan.row import Hit, Scanner, listed
from meshroll.core.uninstall import HELM_KEEPS, helm_deletes

KUBERNETES_MIN = (1, 31)
# iptables-nft goes through the kernel's nft_compat; the kernels that distributions still called 3.10 and 4.x of before
# their switch to nft (RHEL 7 and its kin) lack parts of it.
KERNEL_MIN = (4, 18)
CLI_IMAGE = re.compile(r"/cli-bin(?:[:@]|$)")


def _kubernetes(facts: Facts) -> Iterator[Hit]:
    version = facts.view.kubernetes_version
    if kubernetes_minor(version) < KUBERNETES_MIN:
        yield Hit(f"The API server is {version}.")


def _gateway_api(facts: Facts) -> Iterator[Hit]:
    if facts.view.gateway_api_version is None:
        yield Hit("There is no CRD httproutes.gateway.networking.k8s.io.")


def _gateway_api_left_out(facts: Facts) -> Iterator[Hit]:
    """Helm looks for the annotation on the object as it is in the cluster, so annotating it before is enough."""
    for name in (crd["metadata"]["name"] for crd in facts.objects("gateway_crds") if helm_deletes(crd)):
        yield Hit(
            f"The CRD {name} is Helm's release {CRDS_CHART}'s own, and nothing tells Helm to keep it: it is deleted, "
            f"and all {name.partition('.')[0]} with it.",
            object=f"CustomResourceDefinition/{name}",
            fix=f"kubectl annotate crd {name} {HELM_KEEPS[0]}={HELM_KEEPS[1]}",
        )


def _arm_v7(facts: Facts) -> Iterator[Hit]:
    nodes = [
        node["metadata"]["name"] for node in facts.view.nodes if _info(node).get("architecture") == "arm"
    ]
    if nodes:
        yield Hit(f"{listed(nodes)}: nodes of 32-bit ARM.")


def _iptables(facts: Facts) -> Iterator[Hit]:
    """Where rules cannot be made in nft mode: by linkerd-init in the pod, or by the CNI with what the node has."""
    cni = facts.extension(CNI)
    mode = (facts.own_values.get("proxyInit") or {}).get("iptablesMode", "nft")
    nodes = facts.view.nodes
    if cni:
        bottlerocket = [node["metadata"]["name"] for node in nodes if "Bottlerocket" in os_of(node)]
        if bottlerocket:
            yield Hit(
                f"{listed(bottlerocket)}: on Bottlerocket linkerd2-cni ({cni.namespace}) finds no iptables-nft.",
                cni.namespace,
                "DaemonSet/linkerd-cni",
                "Set the CNI chart's iptablesMode to legacy, or to plain, before it is upgraded.",
            )
    if mode == "nft":
        old = [node["metadata"]["name"] for node in nodes if kernel_of(node) < KERNEL_MIN]
        if old:
            yield Hit(
                f"{listed(old)}: a kernel older than {'.'.join(map(str, KERNEL_MIN))} may have no nft for iptables.",
                fix="Set proxyInit.iptablesMode to legacy, and the CNI chart's iptablesMode where it is used.",
            )


def _cni_installer(facts: Facts) -> Iterator[Hit]:
    if cni := facts.extension(CNI):
        yield Hit(f"linkerd2-cni is in {cni.namespace}.", cni.namespace, "DaemonSet/linkerd-cni")


def _cli_image(facts: Facts) -> Iterator[Hit]:
    for workload in facts.view.all_workloads:
        spec = workload.template.get("spec") or {}
        containers = [*containers_of(workload.template), *(spec.get("initContainers") or [])]
        if any(CLI_IMAGE.search(container.get("image") or "") for container in containers):
            yield Hit(f"{workload.id} runs the image cli-bin.", workload.namespace, workload.id)


def _link_probe_period(facts: Facts) -> Iterator[Hit]:
    for link in facts.objects("links"):
        period = str((link["spec"].get("probeSpec") or {}).get("period") or "")
        if period and duration_seconds(period) is None:
            yield _of_link(link, f"has probeSpec.period {period}, which is no duration such as {period}s.")


def _multicluster_controllers(facts: Facts) -> Iterator[Hit]:
    for link in facts.objects("links"):
        yield _of_link(
            link,
            f"has its service mirror from `linkerd multicluster link`, which the chart replaces by controllers[] "
            f"with link.ref.name {link['metadata']['name']}.",
        )


def _of_link(link: Object, text: str) -> Hit:
    name = f"Link/{link['metadata']['name']}"
    return Hit(f"{name} {text}", link["metadata"]["namespace"], name)


def _info(node: Object) -> Any:
    return (node.get("status") or {}).get("nodeInfo") or {}


def os_of(node: Object) -> str:
    """``Amazon Linux 2023.9.20251105``; "" where it does not say."""
    return str(_info(node).get("osImage") or "")


def kernel_of(node: Object) -> tuple[int, ...]:
    """(5, 10) of ``5.10.225-213.878.amzn2.x86_64``; newer than anything where it does not say."""
    found = re.match(r"(\d+)\.(\d+)", str(_info(node).get("kernelVersion") or ""))
    return (int(found[1]), int(found[2])) if found else (1000,)


SCANNERS: dict[str, Scanner] = {
    "link-probe-period": _link_probe_period,
    "multicluster-controllers": _multicluster_controllers,
    "gateway-api-mandatory": _gateway_api,
    "arm-v7": _arm_v7,
    "iptables-nft": _iptables,
    "cli-image": _cli_image,
    "gateway-api-crds-left-out": _gateway_api_left_out,
    "kubernetes-1-31": _kubernetes,
    "cni-go-installer": _cni_installer,
}
