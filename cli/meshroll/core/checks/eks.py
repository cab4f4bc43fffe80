"""What of EKS and its nodes can be told from inside of the cluster."""

from __future__ import annotations

from collections.abc import Iterator

from meshroll.core.checks.row import Case, Check
from meshroll.core.releases import Edge
from meshroll.core.scan.row import Hit, listed

# The first edge whose charts use nft where nothing else is told, and the first CNI image that looks for iptables on
# its PATH.
NFT_BY_DEFAULT, CNI_SEARCHES_PATH = Edge(25, 8, 2), Edge(26, 7, 1)


def is_eks(case: Case) -> bool:
    return "-eks-" in case.view.kubernetes_version


def _kube_proxy(case: Case) -> Iterator[Hit]:
    names = {workload.name for workload in case.view.all_workloads if workload.kind == "DaemonSet"}
    if is_eks(case) and not names & {"kube-proxy", "cilium", "calico-node"}:
        yield Hit("No DaemonSet kube-proxy is there, nor anything known that stands for it.")


def _running(case: Case, system: str) -> list[str]:
    return [
        node["metadata"]["name"]
        for node in case.view.nodes
        if str(((node.get("status") or {}).get("nodeInfo") or {}).get("osImage", "")).startswith(system)
    ]


def _iptables(case: Case) -> Iterator[Hit]:
    """linkerd2-proxy-init: iptablesMode legacy needs kernel modules that AL2023 of EKS 1.33 has not."""
    values, edge = case.values, case.edge
    assert edge is not None
    told = (values.get("proxyInit") or {}).get("iptablesMode")
    mode = told or ("nft" if edge >= NFT_BY_DEFAULT else "legacy")
    amazon, bottlerocket = _running(case, "Amazon Linux 2023"), _running(case, "Bottlerocket")
    if mode == "legacy" and amazon:
        yield Hit(
            f"iptablesMode is legacy, and Amazon Linux 2023 has no legacy tables: {listed(amazon)}.",
            fix="Set proxyInit.iptablesMode to nft.",
        )
    if values.get("cniEnabled") and mode == "nft" and bottlerocket and edge < CNI_SEARCHES_PATH:
        yield Hit(
            f"linkerd-cni of {edge} uses nft, and Bottlerocket has no iptables-nft: {listed(bottlerocket)}.",
            fix="Set iptablesMode of linkerd2-cni to plain, or take edge-26.7.1 or newer (linkerd2 #14538).",
        )


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
        "eBPF) turns into pods'.",
        fix="Install the add-on kube-proxy.",
    ),
    Check(
        "iptables-mode",
        "the proxies' iptables mode is one that the nodes have",
        _iptables,
        acceptable=True,
        why="linkerd-init, or linkerd-cni, redirects a pod's traffic with iptables. EKS nodes of 1.33 and newer "
        "(Amazon Linux 2023) have no legacy tables, Bottlerocket no iptables-nft for the CNI: pods stay in Init.",
        fix="Set proxyInit.iptablesMode to what the nodes have.",
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
