"""What of EKS and its nodes can be told from inside of the cluster."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshroll.core.checks.row import Case, Check
from meshroll.core.facts import Unseen
from meshroll.core.model import Object, labels_of
from meshroll.core.releases import Edge
from meshroll.core.scan.cluster import kernel_of, os_of
from meshroll.core.scan.row import Hit, listed

# The first edge whose charts use nft where nothing else is told, and the first CNI image that looks for iptables on
# its PATH.
NFT_BY_DEFAULT, CNI_SEARCHES_PATH = Edge(25, 8, 2), Edge(26, 7, 1)
# Amazon Linux 2023 and Bottlerocket have no legacy tables from this kernel on: images of EKS 1.33 and newer have it.
NFT_ALONE_SINCE = (6, 12)
COMPUTE_TYPE = "eks.amazonaws.com/compute-type"


def is_eks(case: Case) -> bool:
    return "-eks-" in case.view.kubernetes_version


def auto_mode(case: Case) -> bool:
    """Whether EKS itself makes all nodes: with kube-proxy in them, and more of them where pods need more."""
    return bool(case.view.nodes) and all(
        labels_of(node).get(COMPUTE_TYPE) == "auto" for node in case.view.nodes
    )


def _kube_proxy(case: Case) -> Iterator[Hit]:
    names = {workload.name for workload in case.view.all_workloads if workload.kind == "DaemonSet"}
    if is_eks(case) and not auto_mode(case) and not names & {"kube-proxy", "cilium", "calico-node"}:
        yield Hit("No DaemonSet kube-proxy is there, nor anything known that stands for it.")


def _running(case: Case, *systems: str) -> list[Object]:
    return [node for node in case.view.nodes if os_of(node).startswith(systems)]


def _iptables(case: Case) -> Iterator[Hit]:
    """Of linkerd-init, or of linkerd-cni, whose mode is in its own chart's values. Raises Unseen."""
    assert case.edge is not None
    cni = bool(case.values.get("cniEnabled"))
    told = _mode_of_cni(case) if cni else (case.values.get("proxyInit") or {}).get("iptablesMode")
    mode = told or ("nft" if case.edge >= NFT_BY_DEFAULT else "legacy")
    key = "iptablesMode in the values of linkerd2-cni" if cni else "proxyInit.iptablesMode"
    bare = [
        node
        for node in _running(case, "Amazon Linux 2023", "Bottlerocket")
        if kernel_of(node) >= NFT_ALONE_SINCE
    ]
    if mode == "legacy" and bare:
        yield Hit(
            f"iptablesMode is legacy, and the kernel has no legacy tables: {_names(bare)}.",
            fix=f"Set {key} to nft.",
        )
    bottlerocket = _running(case, "Bottlerocket")
    if cni and mode == "nft" and bottlerocket and case.edge < CNI_SEARCHES_PATH:
        yield Hit(
            f"linkerd-cni of {case.edge} uses nft, and Bottlerocket has no iptables-nft: {_names(bottlerocket)}.",
            fix=f"Set {key} to plain, or take edge-26.7.1 or newer (linkerd2 #14538).",
        )


def _names(nodes: list[Object]) -> str:
    return listed(node["metadata"]["name"] for node in nodes)


def _mode_of_cni(case: Case) -> str | None:
    """Of its ConfigMap (charts/linkerd2-cni/templates/cni-plugin.yaml). Raises Unseen."""
    for config in case.seen.objects("cni_config"):
        try:
            told = msgspec.json.decode((config.get("data") or {})["cni_network_config"])
            return str(told["linkerd"].get("iptables-mode") or "") or None
        except (KeyError, TypeError, AttributeError, ValueError):
            raise Unseen("linkerd-cni-config says nothing that can be read") from None
    raise Unseen("linkerd-cni is not there")


def _webhooks_here(case: Case) -> Iterator[Hit]:
    """Servers of the API server's own calls: without them pods, or nodes, are not made."""
    taken = {(space.name, workload.id) for _, space, workload in case.taken()}
    configurations = [*case.seen.objects("mutating_webhooks"), *case.seen.objects("validating_webhooks")]
    for webhook in [each for found in configurations for each in found.get("webhooks") or []]:
        service = (webhook.get("clientConfig") or {}).get("service") or {}
        space = case.view.namespaces.get(service.get("namespace", ""))
        found = space.service(service["name"]) if space else None
        if space is None or found is None:
            continue
        hit = [each.id for each in space.servers_of(found) if (space.name, each.id) in taken]
        if hit:
            yield Hit(
                f"{listed(hit)} answer{'s' if len(hit) == 1 else ''} the API server for the webhook {webhook['name']}.",
                space.name,
                hit[0],
            )


CHECKS = (
    Check(
        "kube-proxy-missing",
        "something routes the addresses of Services",
        _kube_proxy,
        severity="warn",
        why="Control plane and Prometheus are reached by Service addresses, which kube-proxy (or Cilium, or Calico's "
        "eBPF) turns into pods'. In EKS Auto Mode it is part of the nodes.",
        fix="Install the add-on kube-proxy.",
    ),
    Check(
        "iptables-mode",
        "the proxies' iptables mode is one that the nodes have",
        _iptables,
        needs=("cni_config",),
        acceptable=True,
        why="linkerd-init, or linkerd-cni, redirects a pod's traffic with iptables. Amazon Linux 2023 and Bottlerocket "
        "with kernel 6.12 (EKS 1.33 and newer) have no legacy tables, Bottlerocket no iptables-nft for the CNI: pods "
        "stay in Init.",
        fix="Set proxyInit.iptablesMode to what the nodes have (nft or legacy); with linkerd-cni iptablesMode in the "
        "values of its own chart (nft, legacy or plain).",
    ),
    Check(
        "webhook-server",
        "no workload answers the API server's own calls",
        _webhooks_here,
        severity="warn",
        needs=("mutating_webhooks", "validating_webhooks"),
        why="A webhook's server that waits for a proxy, which waits for the injector, which waits for a node, may "
        "never start again after the cluster was down: Karpenter and cert-manager are such (linkerd2 #10373).",
        fix="Annotate its pod template with linkerd.io/inject: disabled.",
    ),
)
