"""Do NetworkPolicies and security groups let proxies do their work?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshroll.core.checks.row import Case, Check
from meshroll.core.facts import MeshedPod
from meshroll.core.model import NamespaceView, Object, Workload, labels_of
from meshroll.core.scan.reach import Way, cuts, ways
from meshroll.core.scan.row import Hit, listed
from meshroll.core.selectors import selects

INBOUND_PORT, ADMIN_PORT = 4143, 4191
# destination, policy, identity (charts/linkerd-control-plane/templates: linkerd-dst, linkerd-policy, linkerd-identity)
CONTROL_PORTS = (8086, 8090, 8080)
TRANSPARENT = "transparent"


def _between(case: Case) -> Iterator[Hit]:
    """What meshed pods of these namespaces could not reach of each other any more (linkerd2 5d0275e3f)."""
    mode = (case.values.get("proxy") or {}).get("outboundTransportMode")
    policies = _policies(case)
    if mode == TRANSPARENT or not policies:
        return
    pods = [
        MeshedPod(
            space.name,
            pod.name,
            workload.id,
            labels_of(pod.manifest),
            str((pod.manifest.get("status") or {}).get("podIP") or ""),
        )
        for _, space, workload in case.taken()
        for pod in space.pods_of(workload.id)
    ]
    labels = {space.name: labels_of(space.manifest or {}) for _, space in case.spaces()}

    def of(namespace: str) -> dict[str, str]:
        return {"kubernetes.io/metadata.name": namespace, **labels.get(namespace, {})}

    for cut in cuts(policies, pods, of, INBOUND_PORT):
        meta = cut.policy["metadata"]
        yield Hit(
            f"NetworkPolicy/{meta['name']} lets {listed(cut.callers)} reach {listed(cut.servers)} on port "
            f"{', '.join(cut.ports)} and not on {INBOUND_PORT}, which proxies use.",
            meta["namespace"],
            f"NetworkPolicy/{meta['name']}",
            f"Allow port {INBOUND_PORT} (TCP) in its {cut.way.lower()} rules with those ports.",
        )


def _to_control_plane(case: Case) -> Iterator[Hit]:
    for space, policy, workloads in _over(case, "Egress"):
        closed = [port for port in CONTROL_PORTS if not _lets(policy["spec"].get("egress") or [], port)]
        if closed and not _opened_elsewhere(case, space, workloads, "Egress", closed):
            yield _hit(space, policy, workloads, "do not reach the control plane", closed)


def _to_admin(case: Case) -> Iterator[Hit]:
    for space, policy, workloads in _over(case, "Ingress"):
        if not _lets(policy["spec"].get("ingress") or [], ADMIN_PORT) and not _opened_elsewhere(
            case, space, workloads, "Ingress", [ADMIN_PORT]
        ):
            yield _hit(space, policy, workloads, "cannot be scraped", [ADMIN_PORT])


def _hit(
    space: NamespaceView, policy: Object, workloads: Sequence[Workload], what: str, ports: Sequence[int]
) -> Hit:
    name = policy["metadata"]["name"]
    told = ", ".join(str(port) for port in ports)
    return Hit(
        f"Behind NetworkPolicy/{name} the proxies of {listed(each.id for each in workloads)} {what} (port {told}).",
        space.name,
        f"NetworkPolicy/{name}",
    )


def _policies(case: Case) -> list[Object]:
    return [
        policy
        for policy in case.seen.objects("network_policies")
        if policy["metadata"]["namespace"] in case.view.namespaces
    ]


def _over(case: Case, way: Way) -> Iterator[tuple[NamespaceView, Object, list[Workload]]]:
    """Each policy that isolates workloads of this run in this way, with them."""
    policies = _policies(case)
    for _, space in case.spaces():
        taken = [workload for _, home, workload in case.taken() if home.name == space.name]
        for policy in policies:
            if policy["metadata"]["namespace"] != space.name or way not in ways(policy):
                continue
            selected = [each for each in taken if _selects(policy, each)]
            if selected:
                yield space, policy, selected


def _selects(policy: Object, workload: Workload) -> bool:
    return selects(policy["spec"].get("podSelector") or {}, labels_of(workload.template))


def _lets(rules: Sequence[Object], port: int) -> bool:
    """Whether any rule lets somebody through on ``port``; who that is, is not looked at."""
    return any(
        not rule.get("ports")
        or any(
            each.get("protocol", "TCP") == "TCP"
            and (
                each.get("port") is None
                or (
                    isinstance(each["port"], int)
                    and each["port"] <= port <= int(each.get("endPort") or each["port"])
                )
                or each["port"] in ("linkerd-admin", "linkerd-proxy")
            )
            for each in rule["ports"]
        )
        for rule in rules
    )


def _opened_elsewhere(
    case: Case, space: NamespaceView, workloads: Sequence[Workload], way: Way, ports: Sequence[int]
) -> bool:
    """Whether other policies over all of these workloads let the ports through: policies add up."""
    rules = "egress" if way == "Egress" else "ingress"
    return all(
        any(
            _lets(policy["spec"].get(rules) or [], port)
            for policy in _policies(case)
            if policy["metadata"]["namespace"] == space.name
            and way in ways(policy)
            and _selects(policy, workload)
        )
        for workload in workloads
        for port in ports
    )


def _security_groups(case: Case) -> Iterator[Hit]:
    for policy in case.seen.objects("security_group_policies"):
        space = case.view.namespaces[policy["metadata"]["namespace"]]
        selector = policy["spec"].get("podSelector")
        over = [
            workload.id
            for _, home, workload in case.taken()
            if home.name == space.name
            and (selector is None or selects(selector, labels_of(workload.template)))
        ]
        if over:
            name = policy["metadata"]["name"]
            yield Hit(
                f"SecurityGroupPolicy/{name} puts {listed(over)} into security groups of their own.",
                space.name,
                f"SecurityGroupPolicy/{name}",
            )


CHECKS = (
    Check(
        "network-policy-between-proxies",
        "NetworkPolicies let proxies reach each other",
        _between,
        needs=("network_policies",),
        acceptable=True,
        why="Since edge-25.3.2 all traffic between proxies goes to port 4143 of the server's pod, whatever port was "
        "dialled: a policy that lets only the application's port through cuts them off (linkerd2 #15246).",
        fix="Allow port 4143, or set proxy.outboundTransportMode to transparent.",
    ),
    Check(
        "network-policy-to-control-plane",
        "NetworkPolicies let proxies reach the control plane",
        _to_control_plane,
        needs=("network_policies",),
        acceptable=True,
        why="A proxy that does not reach identity (8080) gets no certificate and does not become Ready; without "
        "destination (8086) and policy (8090) it knows no endpoints.",
        fix="Allow egress to ports 8086, 8090 and 8080 of Linkerd's namespace.",
    ),
    Check(
        "network-policy-to-admin-port",
        "NetworkPolicies let Prometheus reach the proxies",
        _to_admin,
        severity="warn",
        needs=("network_policies",),
        why="Golden signals come from port 4191 of each proxy. A gate that cannot be measured pauses the rollout.",
        fix="Allow ingress to port 4191 from Prometheus.",
    ),
    Check(
        "security-groups-for-pods",
        "no workload has security groups of its own",
        _security_groups,
        severity="warn",
        needs=("security_group_policies",),
        why="Security groups for pods are firewalls that Kubernetes does not show: they have to let 4143 through "
        "between pods, 8086, 8090 and 8080 to the control plane, 4191 from Prometheus, and 53.",
        fix="Look at their rules in AWS, and add those ports.",
    ),
)
