"""Scanners of what proxies do with calls between pods: whom policies let through, and who is seen as whose endpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from meshroll.core.facts import Facts, Unseen
from meshroll.core.model import Object, containers_of, labels_of
from meshroll.core.scan.reach import cuts
from meshroll.core.scan.row import Hit, Scanner, listed
from meshroll.core.selectors import selects


def _transport_header(facts: Facts) -> Iterator[Hit]:
    """Who was let through to an application's port and not to the proxy's (linkerd2 #15246)."""
    proxy = facts.values.get("proxy") or {}
    if proxy.get("outboundTransportMode") == "transparent":
        return
    port = int((proxy.get("ports") or {}).get("inbound") or 4143)
    policies = facts.objects("network_policies")
    for cut in cuts(policies, facts.meshed_pods, facts.labels, port) if policies else ():
        name = f"NetworkPolicy/{cut.policy['metadata']['name']}"
        rules = "ingress" if cut.way == "Ingress" else "egress"
        yield Hit(
            f"{name} lets {listed(cut.callers)} reach {listed(cut.servers)} on {'; '.join(cut.ports)} and not on "
            f"{port}, where all calls between meshed pods go then.",
            cut.policy["metadata"]["namespace"],
            name,
            f"Add port {port} (TCP) to its {rules} rules with those ports, or set proxy.outboundTransportMode to "
            "transparent.",
        )
    refuse_other_policies(facts)


def refuse_other_policies(facts: Facts) -> None:
    """Raises Unseen where there are policies beside NetworkPolicies: who may reach whom is not known then."""
    others = Counter(f"{each['kind']}" for each in facts.objects("other_policies"))
    if others:
        found = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items()))
        raise Unseen(f"NetworkPolicies were looked at, but there are other policies too: {found}")


def _servers_own_namespace(facts: Facts) -> Iterator[Hit]:
    """linkerd2 6bb3f67f3: only an opaque Server reached pods of other namespaces, by making their ports opaque."""
    for server in facts.objects("servers"):
        spec, meta = server["spec"], server["metadata"]
        if spec.get("proxyProtocol") != "opaque" or spec.get("podSelector") is None:
            continue
        hit = [
            f"{workload.namespace}/{workload.id}"
            for workload in facts.meshed_workloads
            if workload.namespace != meta["namespace"]
            and selects(spec["podSelector"], labels_of(workload.template))
            and _has_port(workload.template, spec.get("port"))
        ]
        if hit:
            yield Hit(
                f"Server/{meta['name']} makes port {spec.get('port')} of {listed(hit)} opaque, which are in other "
                "namespaces, and will not any more.",
                meta["namespace"],
                f"Server/{meta['name']}",
                "Annotate those pods and their Services with config.linkerd.io/opaque-ports, or make a Server there.",
            )


def _has_port(template: Object, port: object) -> bool:
    return any(
        port in (declared.get("containerPort"), declared.get("name"))
        for container in containers_of(template)
        for declared in container.get("ports") or []
    )


def _external_workload_namespace(facts: Facts) -> Iterator[Hit]:
    for external in facts.objects("external_workloads"):
        meta, labels = external["metadata"], labels_of(external)
        services = [
            f"{service['metadata']['namespace']}/{service['metadata']['name']}"
            for service in facts.objects("services")
            if service["metadata"]["namespace"] != meta["namespace"]
            and (selector := service["spec"].get("selector"))
            and all(labels.get(key) == value for key, value in selector.items())
        ]
        if services:
            yield Hit(
                f"ExternalWorkload/{meta['name']} is an endpoint of {listed(services)}, in other namespaces, and will "
                "not be any more.",
                meta["namespace"],
                f"ExternalWorkload/{meta['name']}",
            )


SCANNERS: dict[str, Scanner] = {
    "transport-header": _transport_header,
    "servers-own-namespace": _servers_own_namespace,
    "external-workload-namespace": _external_workload_namespace,
}
