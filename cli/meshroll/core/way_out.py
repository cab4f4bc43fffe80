"""The way to the fallback, in the order that never leaves a client with nothing to call or a new pod with a proxy."""

from __future__ import annotations

from collections.abc import Sequence

from meshroll.core import dial
from meshroll.core.changes import Change, fields_between, pointer
from meshroll.core.conversion import cluster_domain, state_of, to_clusterip, to_convert
from meshroll.core.errors import Problem
from meshroll.core.injection import uninjected
from meshroll.core.model import INJECT, ClusterView, NamespaceView, Workload
from meshroll.core.plan import Plan, Step
from meshroll.core.scope import home_clients
from meshroll.core.services import alongside, service_problems
from meshroll.core.settings import Client, Namespace, Service, Settings
from meshroll.core.source import conversion_problems
from meshroll.core.waves import budgeted


def fallback_plan(view: ClusterView, settings: Settings, run_id: str) -> Plan:
    """To no proxy, ClusterIP Services and clients that dial once per request; from any state, touched or not."""
    steps: list[Step] = []
    notes: list[str] = []
    for namespace in settings.namespaces:
        space = view.namespaces[namespace.name]
        steps += _namespace_steps(space, namespace, cluster_domain(view, settings), run_id)
        notes += [*by_hand(namespace), *_left_out(space, namespace), *_unknown_callers(space, namespace)]
    return Plan("fallback", None, budgeted(steps, view, settings), notes)


def proxies_left(view: ClusterView) -> list[Problem]:
    """Pods that still have a proxy; those of Jobs end by themselves."""
    left: dict[tuple[str, str], list[str]] = {}
    for space in view.namespaces.values():
        for pod in space.pods:
            owner = pod.owner or f"Pod/{pod.name}"
            if pod.proxy and not pod.ending and not pod.finished and not owner.startswith("Job/"):
                left.setdefault((space.name, owner), []).append(pod.name)
    return [
        Problem(
            "proxy-left",
            f"{owner} still has a proxy in {', '.join(pods)}.",
            "meshroll restarts Deployments, StatefulSets and DaemonSets; restart what is of another kind yourself.",
            namespace=namespace,
            object=owner,
        )
        for (namespace, owner), pods in sorted(left.items())
    ]


def by_hand(namespace: Namespace) -> list[str]:
    """What a person has to set back, a sentence a client."""
    return [
        f"{client.workload}: set it back to dialling once per request by hand. {client.manual}"
        for client in home_clients(namespace)
        if client.manual
    ]


def _left_out(space: NamespaceView, namespace: Namespace) -> list[str]:
    """What the inventory names and the cluster does not have any more: no reason to stay on the mesh in an incident."""
    problems = [
        *(problem for service in namespace.services for problem in _in_the_way(service, space)),
        *(problem for client in home_clients(namespace) for problem in dial.dial_problems(client, space)),
    ]
    return [f"Left as it is: {problem.message} {problem.hint}" for problem in problems]


def _unknown_callers(space: NamespaceView, namespace: Namespace) -> list[str]:
    """Who balanced by itself over a headless Service and is not told to dial once per request."""
    return [
        f"Service {service.name} of {space.name} is headless no longer: a caller that the inventory does not name and "
        "that holds its connection keeps to one pod from its next connection on."
        for service in to_convert(namespace, space)
        if _moves(service, space)
    ]


def _moves(service: Service, space: NamespaceView) -> bool:
    """Whether it is headless, or half-way from there, and nothing is in the way of its conversion."""
    found = space.service(service.name)
    if found is None or state_of(found) not in ("headless", "halfway"):
        return False
    return not _in_the_way(service, space)


def _in_the_way(service: Service, space: NamespaceView) -> list[Problem]:
    """Why this Service is left as it is: what is half-way is finished, whatever anybody says by now."""
    found = space.service(service.name)
    if found and state_of(found) == "halfway":
        return []
    return [*service_problems(service, space), *conversion_problems(service, space)]


def _namespace_steps(space: NamespaceView, namespace: Namespace, domain: str, run_id: str) -> list[Step]:
    assert space.manifest is not None
    inject = pointer("metadata", "annotations", INJECT)
    fields = (
        fields_between(space.manifest, [(inject, None)])
        if space.annotations.get(INJECT) != "disabled"
        else []
    )
    off = (
        [Change("Namespace", "", space.name, "patch", "new pods start without a proxy", fields)]
        if fields
        else []
    )
    beside: list[Change] = []
    converted: list[Change] = []
    for service in to_convert(namespace, space):
        found = space.service(service.name)
        if found is None or _in_the_way(service, space):
            continue
        if change := alongside(service, space):
            beside.append(change)
        moves = _moves(service, space)
        (converted if moves else beside).extend(to_clusterip(service, space, domain))
    by_client: dict[str, list[Client]] = {}
    for client in home_clients(namespace):
        if not dial.dial_problems(client, space):
            by_client.setdefault(client.workload, []).append(client)
    clients = [workload for workload in space.workloads if workload.id in by_client]
    others = [workload for workload in space.workloads if workload.id not in by_client]
    client_changes = [c for w in clients for c in _client_changes(space, w, by_client[w.id], run_id)]
    server_changes = [c for w in others for c in _client_changes(space, w, [], run_id)]
    return [
        Step("namespace", f"Namespace {space.name}", space.name, off),
        Step("services", f"Services beside the headless ones of {space.name}", space.name, beside),
        Step("services", f"Services of {space.name}: from headless to ClusterIP", space.name, converted),
        step_out(
            "clients",
            f"Clients of {space.name} dial once per request, without a proxy",
            space,
            client_changes,
            _leaving(space, clients),
        ),
        step_out(
            "servers",
            f"Other workloads of {space.name} without a proxy",
            space,
            server_changes,
            _leaving(space, others),
        ),
    ]


def _leaving(space: NamespaceView, workloads: Sequence[Workload]) -> list[str]:
    """Workloads whose template says no proxy already, and whose pods are still being replaced."""
    return [
        workload.id
        for workload in workloads
        if not workload.rolled and any(pod.proxy for pod in space.pods_of(workload.id))
    ]


def _client_changes(
    space: NamespaceView, workload: Workload, clients: list[Client], run_id: str
) -> list[Change]:
    """Uninjection and dial mode in one template change, so that each pod restarts once."""
    config_maps = [
        c for client in clients for c in dial.config_map_changes(client, workload, space, "per_request")
    ]
    extra: list[tuple[str, str | None]] = []
    for client in clients:
        extra += dial.template_fields(client, workload, "per_request")
    change = uninjected(workload, extra)
    if change is None and (
        config_maps or (workload.rolled and any(pod.proxy for pod in space.pods_of(workload.id)))
    ):
        fields = dial.restart_field(workload, run_id)
        why = "restart pods that still have a proxy"
        pods = workload.replicas
        if fields:
            change = Change(workload.kind, workload.namespace, workload.name, "patch", why, fields, pods=pods)
    return [*config_maps, *([change] if change else [])]


def step_out(stage: str, title: str, space: NamespaceView, changes: list[Change], waited: list[str]) -> Step:
    """The changes, and the workloads whose pods must be without a proxy then; ``waited`` are on their way already."""
    names = [change.workload for change in changes if change.workload and change.kind != "CronJob"]
    on_their_way = [name for name in waited if name not in names]
    return Step(
        "clients" if stage == "clients" else "servers",
        title,
        space.name,
        changes,
        workloads=[*names, *on_their_way],
        waited=on_their_way,
        meshed=False,
    )
