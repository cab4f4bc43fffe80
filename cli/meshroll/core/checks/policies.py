"""Do NetworkPolicies and security groups let proxies do their work?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from meshroll.core.checks.row import Case, Check
from meshroll.core.control_plane import namespace_metadata
from meshroll.core.facts import MeshedPod, Unseen, gathered
from meshroll.core.model import NAMESPACE_NAME, NamespaceView, Object, Pod, Workload, labels_of
from meshroll.core.releases import Edge
from meshroll.core.scan.reach import Way, cuts, groups_of, has, is_peer, ways
from meshroll.core.scan.row import Hit, listed
from meshroll.core.scan.traffic import refuse_other_policies
from meshroll.core.selectors import selects

INBOUND_PORT = 4143
ADMIN = {4191: ("linkerd-admin",)}
# identity, destination and policy, as their containers call them, before and from edge-25.6.3 on
# (linkerd.io/2-edge/reference/controlplane-port-names).
CONTROL_PORTS = {8086: ("dest-grpc",), 8090: ("policy-grpc",), 8080: ("ident-grpc",)}
PORTS_RENAMED_SINCE = Edge(25, 6, 3)
TRANSPARENT = "transparent"
# The first edge whose proxies send all calls to INBOUND_PORT (linkerd2 5d0275e3f).
ONE_PORT_SINCE = Edge(25, 3, 2)
# Whether a peer of a policy's rule takes in the pods that are asked about.
Admits = Callable[[Object, Object], bool]


def _between(case: Case) -> Iterator[Hit]:
    """What meshed pods could not reach any more of pods of this run, and these of them. Raises Unseen, at its end."""
    assert case.edge is not None
    mode = (case.values.get("proxy") or {}).get("outboundTransportMode")
    policies = case.seen.objects("network_policies")
    if mode == TRANSPARENT or case.edge < ONE_PORT_SINCE:
        return
    taken = {f"{space.name}/{workload.id}" for _, space, workload in case.taken()}
    pods = [
        MeshedPod(space.name, pod.name, workload.id, labels_of(pod.manifest), _address(pod))
        for _, space, workload in case.taken()
        for pod in space.pods_of(workload.id)
    ]
    others, unseen = gathered(_others(case, taken))
    for cut in (
        cuts(policies, [*pods, *others], lambda name: _labels(case, name), INBOUND_PORT) if policies else ()
    ):
        meta = cut.policy["metadata"]
        if taken.isdisjoint((*cut.servers, *cut.callers)):
            continue
        yield Hit(
            f"NetworkPolicy/{meta['name']} lets {listed(cut.callers)} reach {listed(cut.servers)} on port "
            f"{', '.join(cut.ports)} and not on {INBOUND_PORT}, which proxies use.",
            meta["namespace"],
            f"NetworkPolicy/{meta['name']}",
            f"Allow port {INBOUND_PORT} (TCP) in its {cut.way.lower()} rules with those ports.",
        )
    if unseen:
        raise Unseen(unseen)
    refuse_other_policies(case.seen)


def _others(case: Case, taken: set[str]) -> Iterator[MeshedPod]:
    """Of the whole cluster. Raises Unseen where those, or the labels of their namespaces, may not be read."""
    case.seen.objects("namespaces")
    for pod in case.seen.meshed_pods:
        if f"{pod.namespace}/{pod.owner}" not in taken:
            yield pod


def _address(pod: Pod) -> str:
    return str((pod.manifest.get("status") or {}).get("podIP") or "")


def _labels(case: Case, namespace: str) -> Mapping[str, str]:
    """Of a namespace in hand, or any other. Raises Unseen."""
    space = case.view.namespaces.get(namespace)
    own = labels_of(space.manifest or {}) if space else case.seen.labels(namespace)
    return {NAMESPACE_NAME: namespace, **own}


def _to_control_plane(case: Case) -> Iterator[Hit]:
    """Raises Unseen, at its end."""
    assert case.edge is not None
    older = ("grpc",) if case.edge < PORTS_RENAMED_SINCE else ()
    ports = {port: (*names, *older) for port, names in CONTROL_PORTS.items()}
    home = case.view.control_plane.namespace
    labels = namespace_metadata(home, case.values)[0] if not case.view.control_plane.installed else {}
    policies = case.seen.objects("network_policies")
    if policies:
        labels = {**labels, **case.seen.labels(home)}
    # Its pods are taken to have addresses as the pods of this run have; which pods a rule picks is not looked at.
    addresses = {_address(pod) for _, space, workload in case.taken() for pod in space.pods_of(workload.id)}
    pods = [MeshedPod(home, "", "", {}, address) for address in addresses or {""}]
    groups = groups_of(policies, pods, lambda _: labels)

    def admits(peer: Object, policy: Object) -> bool:
        return any(is_peer({**peer, "podSelector": None}, group, policy) for group in groups)

    yield from _shut(case, "Egress", ports, admits, "do not reach the control plane")
    refuse_other_policies(case.seen)


def _to_admin(case: Case) -> Iterator[Hit]:
    """Prometheus is in another namespace but where the inventory says otherwise; who it is there is not looked at.

    Raises Unseen, at its end.
    """
    service = case.settings.prometheus.service

    def admits(peer: Object, policy: Object) -> bool:
        at_home = service is not None and service.namespace == policy["metadata"]["namespace"]
        return at_home or "namespaceSelector" in peer or "ipBlock" in peer

    yield from _shut(case, "Ingress", ADMIN, admits, "cannot be scraped")
    refuse_other_policies(case.seen)


def _shut(
    case: Case, way: Way, ports: Mapping[int, Sequence[str]], admits: Admits, what: str
) -> Iterator[Hit]:
    """A hit for each policy over workloads for which no policy over them opens these ports: policies add up."""
    for _, space in case.spaces():
        policies = [
            policy
            for policy in case.seen.objects("network_policies")
            if policy["metadata"]["namespace"] == space.name and way in ways(policy)
        ]
        found: dict[str, tuple[list[Workload], dict[int, None]]] = {}
        for workload in _taken_of(case, space) if policies else ():
            over = [policy for policy in policies if _selects(policy, workload)]
            for port, names in ports.items() if over else ():
                if not any(_lets(policy, way, port, names, admits) for policy in over):
                    for policy in over:
                        workloads, shut = found.setdefault(policy["metadata"]["name"], ([], {}))
                        workloads.append(workload)
                        shut[port] = None
        for name, (workloads, shut) in found.items():
            yield Hit(
                f"Behind NetworkPolicy/{name} the proxies of {listed(each.id for each in workloads)} {what} "
                f"(port {', '.join(str(port) for port in shut)}).",
                space.name,
                f"NetworkPolicy/{name}",
            )


def _taken_of(case: Case, space: NamespaceView) -> list[Workload]:
    return [workload for _, home, workload in case.taken() if home.name == space.name]


def _selects(policy: Object, workload: Workload) -> bool:
    return selects(policy["spec"].get("podSelector") or {}, labels_of(workload.template))


def _lets(policy: Object, way: Way, port: int, names: Sequence[str], admits: Admits) -> bool:
    rules, peers = ("egress", "to") if way == "Egress" else ("ingress", "from")
    return any(
        (
            not rule.get("ports")
            or any(each.get("protocol", "TCP") == "TCP" and has(each, port, *names) for each in rule["ports"])
        )
        and (not rule.get(peers) or any(admits(peer, policy) for peer in rule[peers]))
        for rule in policy["spec"].get(rules) or []
    )


def _security_groups(case: Case) -> Iterator[Hit]:
    """Raises Unseen, at its end, for those that go by labels of ServiceAccounts, which are not looked at."""
    by_account = []
    for policy in case.seen.objects("security_group_policies"):
        space, spec = case.view.namespaces[policy["metadata"]["namespace"]], policy.get("spec") or {}
        name = f"SecurityGroupPolicy/{policy['metadata']['name']}"
        selector = spec.get("podSelector")
        if selector is None:
            by_account += [f"{space.name}/{name}"] if spec.get("serviceAccountSelector") is not None else []
            continue
        over = [each.id for each in _taken_of(case, space) if selects(selector, labels_of(each.template))]
        if over:
            yield Hit(f"{name} puts {listed(over)} into security groups of their own.", space.name, name)
    if by_account:
        raise Unseen(
            f"{listed(by_account)}: which ServiceAccounts have the labels asked for is not looked at"
        )


CHECKS = (
    Check(
        "network-policy-between-proxies",
        "NetworkPolicies let proxies reach each other",
        _between,
        needs=("network_policies", "other_policies", "meshed_pods", "namespaces"),
        acceptable=True,
        why="Since edge-25.3.2 all traffic between proxies goes to port 4143 of the server's pod, whatever port was "
        "dialled: a policy that lets only the application's port through cuts them off (linkerd2 #15246).",
        fix="Allow port 4143, or set proxy.outboundTransportMode to transparent.",
    ),
    Check(
        "network-policy-to-control-plane",
        "NetworkPolicies let proxies reach the control plane",
        _to_control_plane,
        needs=("network_policies", "other_policies", "namespaces"),
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
        needs=("network_policies", "other_policies"),
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
