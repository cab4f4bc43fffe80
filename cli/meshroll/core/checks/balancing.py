"""Who balances calls today, and whether Linkerd will be able to?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from meshroll.core import dial
from meshroll.core.accounting import is_meshed, listed
from meshroll.core.callers import Caller, callers_of, texts
from meshroll.core.checks.row import Case, Check
from meshroll.core.facts import Unseen, gathered
from meshroll.core.model import NamespaceView, Object
from meshroll.core.scan.row import Hit
from meshroll.core.scan.row import listed as told
from meshroll.core.scan.services import undeclared
from meshroll.core.services import is_headless
from meshroll.core.settings import Namespace

# Targets of clients that dial pods themselves: github.com/sercand/kuberesolver, and gRPC's own xDS.
_OWN_RESOLVERS = {
    "kuberesolver": re.compile(r"(?<![-\w])kubernetes://"),
    "xDS": re.compile(r"(?<![-\w])xds://"),
}
_YES = frozenset({"1", "true", "yes", "on", "enabled"})


def _headless(case: Case) -> Iterator[Hit]:
    for namespace, space in case.spaces():
        converted = {service.name for service in namespace.services}
        for service in space.services:
            name = service["metadata"]["name"]
            if not is_headless(service) or name in converted or not space.servers_of(service):
                continue
            callers = callers_of(case.view, space.name, name)
            if callers:
                yield Hit(
                    f"{told(caller.name for caller in callers)} call{'s' if len(callers) == 1 else ''} "
                    f"{name}, which is headless.",
                    space.name,
                    f"Service/{name}",
                    _headless_fix(space, name),
                )


def _headless_fix(space: NamespaceView, name: str) -> str:
    governed = [
        workload.id
        for workload in space.workloads
        if workload.kind == "StatefulSet" and workload.manifest["spec"].get("serviceName") == name
    ]
    if governed:
        return (
            f"It gives the pods of {told(governed)} their names and stays. Make a ClusterIP Service beside it for "
            "clients that may reach any pod."
        )
    return f"List {name} in services of {space.name}, and its callers in clients: a rollout makes a ClusterIP Service."


def _by_client(case: Case) -> Iterator[Hit]:
    """The four parts that balancing by the client takes; a part that is missing explains what is uneven today."""
    for namespace, space in case.spaces():
        for service in space.services:
            if not is_headless(service):
                continue
            for caller in callers_of(case.view, space.name, service["metadata"]["name"]):
                hit = _parts(case, namespace, service, caller)
                if hit:
                    yield hit


def _parts(case: Case, namespace: Namespace, service: Object, caller: Caller) -> Hit | None:
    name = service["metadata"]["name"]
    space = case.view.space(caller.namespace)
    said = list(texts(caller.workload, space.config_maps if space else ()))
    parts = {
        "a headless Service": True,
        "a dns:/// target": any("dns:///" in text for text in said),
        "round_robin": any("round_robin" in text for text in said),
        "a pool of connections": _pools(caller, name, namespace, space),
    }
    if sum(parts.values()) < 2:  # whoever only reaches one pod by its name balances nothing
        return None
    has = [part for part, there in parts.items() if there]
    lacks = [part for part, there in parts.items() if not there]
    missing = f"; not seen: {', '.join(lacks)}" if lacks else ""
    return Hit(
        f"{caller.name} balances calls to {name} by itself: {', '.join(has)}{missing}.",
        caller.namespace,
        caller.workload.id,
    )


def _pools(caller: Caller, service: str, namespace: Namespace, space: NamespaceView | None) -> bool:
    """By the switch that the inventory names, or by a variable that says so."""
    client = listed(caller, service, namespace)
    if client is not None and space is not None and dial.says_pooled(client, caller.workload, space):
        return True
    return any(
        str(variable.get("value", "")).lower() == "pooled"
        or (
            "POOL" in str(variable.get("name", "")).upper() and str(variable.get("value", "")).lower() in _YES
        )
        for container in caller.workload.template["spec"].get("containers") or []
        for variable in container.get("env") or []
    )


def _own_resolver(case: Case) -> Iterator[Hit]:
    for _, space, workload in case.taken():
        said = list(texts(workload, space.config_maps))
        for resolver, target in _OWN_RESOLVERS.items():
            if any(target.search(text) for text in said):
                yield Hit(
                    f"{workload.id} has a target of {resolver}, which dials pods itself.",
                    space.name,
                    workload.id,
                )


def _callers_elsewhere(case: Case) -> Iterator[Hit]:
    """Raises Unseen, at its end, where no pods may be read in a caller's namespace."""
    known, unseen = gathered(_meshed_elsewhere(case))
    meshed = frozenset(known)
    hidden = False
    for namespace, space in case.spaces():
        found: dict[tuple[str, str], list[str]] = {}
        for service in space.services:
            name = service["metadata"]["name"]
            for caller in callers_of(case.view, space.name, name):
                key = (caller.namespace, caller.workload.id)
                away = caller.namespace != space.name and caller.namespace not in case.view.namespaces
                if not away or listed(caller, name, namespace) is not None or is_meshed(case.view, caller):
                    continue
                if unseen and case.view.space(caller.namespace) is None:
                    hidden = True
                elif key not in meshed:
                    found.setdefault(key, []).append(name)
        for (home, workload), services in sorted(found.items()):
            yield Hit(f"{home}/{workload} calls {told(services)} and is not meshed.", home, workload)
    if hidden:
        raise Unseen(str(unseen))


def _meshed_elsewhere(case: Case) -> Iterator[tuple[str, str]]:
    """(namespace, workload) of those whose pods all have a proxy, and of CronJobs whose pods get one. Raises Unseen."""
    proxies = Counter((pod.namespace, pod.owner) for pod in case.seen.meshed_pods)
    for each in case.seen.meshed_workloads:
        key = (each.namespace, each.id)
        if each.kind == "CronJob" or proxies[key] >= max(each.replicas, 1):
            yield key


def _undeclared(case: Case) -> Iterator[Hit]:
    services = [service for space in case.view.namespaces.values() for service in space.services]
    callers = [(workload, texts(workload, space.config_maps)) for _, space, workload in case.taken()]
    yield from undeclared(services, callers)


def _socket_balancer(case: Case) -> Iterator[Hit]:
    for config in case.seen.objects("cilium_config"):
        data = config.get("data") or {}
        replaces = str(data.get("kube-proxy-replacement", "false")).lower() in ("true", "strict")
        in_sockets = replaces or str(data.get("bpf-lb-sock", "false")).lower() == "true"
        if in_sockets and str(data.get("bpf-lb-sock-hostns-only", "false")).lower() != "true":
            yield Hit(
                "Cilium replaces a Service's address by a pod's in the caller's socket.",
                fix="Set Cilium's socketLB.hostNamespaceOnly=true, and restart its agents.",
            )
    for felix in case.seen.objects("felix_configurations"):
        spec = felix.get("spec") or {}
        if spec.get("bpfEnabled") and spec.get("bpfConnectTimeLoadBalancing", "TCP") != "Disabled":
            yield Hit(
                "Calico's eBPF data plane replaces a Service's address by a pod's when a connection is made.",
                fix="Set bpfConnectTimeLoadBalancing: Disabled in its FelixConfiguration.",
            )


CHECKS = (
    Check(
        "headless-service",
        "no client reaches a Service that Linkerd does not balance",
        _headless,
        severity="warn",
        why="A headless Service has no address that a proxy could ask about: each pod's address is taken as it is, so "
        "calls to it are encrypted and measured but not balanced, and no route, retry or circuit breaker holds "
        "(linkerd2 policy-controller/k8s/index/src/outbound/index.rs skips clusterIP None).",
        fix="List the Service in `services` and its callers in `clients`.",
    ),
    Check(
        "client-side-balancing",
        "no client balances by itself",
        _by_client,
        severity="note",
        why="A client that balances by itself takes a headless Service, a dns:/// target, round_robin in its service "
        "config and a pool of connections; with one of them missing it holds one pod. With all four it is blind to new "
        "pods for up to 30 s and gives slow pods as much as fast ones. Behind a proxy it is not needed any more.",
        fix="List it in `clients` with its dial mode, so that a rollout moves it to the ClusterIP Service.",
    ),
    Check(
        "own-resolver",
        "no client resolves pods itself",
        _own_resolver,
        severity="warn",
        why="kuberesolver and xDS hand pod addresses to the client, which holds connections to them: the proxy sees no "
        "Service and balances nothing.",
        fix="Give it the Service's DNS name and one connection; the proxy balances each call.",
    ),
    Check(
        "caller-elsewhere",
        "no unmeshed workload of another namespace calls these Services",
        _callers_elsewhere,
        severity="warn",
        needs=("meshed_pods", "namespaces"),
        why="The caller's proxy balances. A caller without one that holds its connection stays pinned to one pod, "
        "however well everything else is meshed, and gets no mTLS.",
        fix="Mesh its namespace too, or list it in `clients` with its namespace, so that it is accounted for.",
    ),
    Check(
        "port-undeclared",
        "every port that clients dial is one that the Service declares",
        _undeclared,
        severity="warn",
        why="Since edge-25.7.1 (26.7.1 with ServiceProfiles) proxies refuse connections to ports that a ClusterIP "
        "Service does not have in its spec.ports (linkerd2 #14149). A pod's port, dialled at a headless Service, needs "
        "no declaring; once the Service has an address it does.",
        fix="Declare the port in the Service, or dial one that is declared.",
    ),
    Check(
        "socket-load-balancer",
        "nothing chooses a pod before the proxy does",
        _socket_balancer,
        needs=("cilium_config", "felix_configurations"),
        acceptable=True,
        why="An eBPF load balancer in the socket turns the Service's address into a pod's before the proxy sees the "
        "connection, so the proxy has nothing to balance (linkerd2 #9674).",
        fix="Keep socket load balancing to the hosts' own namespace.",
    ),
)
