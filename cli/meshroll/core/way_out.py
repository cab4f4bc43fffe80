"""The way out, in the order that never leaves a client with nothing to call or a new pod with a proxy."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from meshroll.core import dial
from meshroll.core.changes import Change, fields_between, lookup, pointer, relocated, with_maps
from meshroll.core.conversion import cluster_domain, state_of, to_clusterip, to_convert
from meshroll.core.drift import Since, manifest_of
from meshroll.core.errors import Problem
from meshroll.core.injection import uninjected
from meshroll.core.journal import Entry
from meshroll.core.model import INJECT, ClusterView, NamespaceView, Workload
from meshroll.core.plan import Plan, Step
from meshroll.core.recreation import removed
from meshroll.core.scope import home_clients
from meshroll.core.services import alongside, service_problems
from meshroll.core.settings import Client, Namespace, Service, Settings
from meshroll.core.source import conversion_problems
from meshroll.core.taking_back import state_before, taken_back
from meshroll.core.waves import budgeted


def fallback_plan(view: ClusterView, settings: Settings, run_id: str) -> Plan:
    """To no proxy, ClusterIP Services and clients that dial once per request; from any state, touched or not."""
    steps: list[Step] = []
    notes: list[str] = []
    for namespace in settings.namespaces:
        space = view.namespaces[namespace.name]
        steps += _namespace_steps(space, namespace, cluster_domain(view, settings), run_id)
        notes += [*_by_hand(namespace), *_left_out(space, namespace)]
    return Plan("fallback", None, budgeted(steps, view, settings.max_restarting_pods), notes)


def previous_plan(
    view: ClusterView, settings: Settings, done: Sequence[Entry], taken: Collection[str] = ()
) -> Plan:
    """Every field that was changed, as it was before; ``done`` are the changes in the order they were made.

    An object that somebody else has changed since is left as it is, unless ``taken`` names it (KIND/NAME).
    """
    merged: dict[str, Change] = {}
    # What a run made is removed, whatever became of it later.
    born: dict[str, Change] = {}
    for change in (entry.change for entry in done):
        if change.action == "apply" and change.object not in merged:
            born[change.object] = change
        merged[change.object] = _merge(merged[change.object], change) if change.object in merged else change
    conflicts = Since(view, done, taken).conflicts({**merged, **born}.values())
    left_alone = {problem.object for problem in conflicts}
    undone = [
        left
        for change in reversed(merged.values())
        if change.action == "patch"
        and change.object not in born
        and state_before(change)[0] is None
        and change.object not in left_alone
        and (left := _still_done(view, change.undone("as it was before the run"))).fields
    ]
    made = [
        msgspec.structs.replace(removed(manifest), why="a run made it")
        for change in born.values()
        if (manifest := manifest_of(view, change)) is not None and change.object not in left_alone
    ]
    steps: list[Step] = []
    notes: list[str] = []
    for namespace in settings.namespaces:
        name = namespace.name
        space = view.namespaces[name]
        notes += _by_hand(namespace)
        clients = [client.workload for client in home_clients(namespace)]
        first = [change for change in undone if change.kind == "Namespace" and change.name == name]
        here = [change for change in undone if change.namespace == name]
        called = [change for change in here if change.workload in clients or change.kind == "ConfigMap"]
        rest = [change for change in here if change not in called]
        rolling = [
            workload.id
            for workload in space.workloads
            if f"{name}/{workload.id}" in merged and not workload.rolled
        ]
        domain, known = cluster_domain(view, settings), {each.name: each for each in namespace.services}
        services = [
            again
            for change in merged.values()
            if change.namespace == name and change.object not in {*born, *left_alone}
            for again in taken_back(
                known.get(change.name) or Service(name=change.name), space, domain, change
            )
        ]
        steps += [
            Step("namespace", f"Namespace {name}", name, first),
            _proof_step("clients", f"Clients of {name}", space, called, [w for w in rolling if w in clients]),
            _proof_step(
                "servers", f"Other workloads of {name}", space, rest, [w for w in rolling if w not in clients]
            ),
            Step(
                "services",
                f"Services of {name}",
                name,
                [*services, *(change for change in made if change.namespace == name)],
            ),
        ]
    return Plan(
        "previous",
        None,
        budgeted(steps, view, settings.max_restarting_pods),
        notes,
        conflicts=conflicts,
    )


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


def _by_hand(namespace: Namespace) -> list[str]:
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
        moving = state_of(found) in ("headless", "halfway")
        (converted if moving else beside).extend(to_clusterip(service, space, domain))
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
        _step(
            "clients",
            f"Clients of {space.name} dial once per request, without a proxy",
            space,
            client_changes,
            _leaving(space, clients),
        ),
        _step(
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


def _step(stage: str, title: str, space: NamespaceView, changes: list[Change], waited: list[str]) -> Step:
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


def _proof_step(
    stage: str, title: str, space: NamespaceView, changes: list[Change], waited: list[str]
) -> Step:
    """Steps back to "previous" ask only that pods are Ready: before the run some may have been meshed already."""
    return msgspec.structs.replace(_step(stage, title, space, changes, waited), meshed=None)


def _merge(earlier: Change, later: Change) -> Change:
    """Two changes of one object as one: the first value seen before, the last one written."""
    fields = {field.path: field for field in earlier.fields}
    for field in later.fields:
        before = fields[field.path].before if field.path in fields else field.before
        fields[field.path] = msgspec.structs.replace(field, before=before)
    return Change(
        later.kind,
        later.namespace,
        later.name,
        later.action,
        later.why,
        list(fields.values()),
        later.body,
        max(earlier.pods, later.pods),
    )


def _still_done(view: ClusterView, undo: Change) -> Change:
    """What is left to undo: a run that died may not have come as far as it intended."""
    manifest = manifest_of(view, undo)
    if manifest is None:
        return msgspec.structs.replace(undo, fields=[])
    fields = [
        msgspec.structs.replace(field, before=now)
        for field in (relocated(manifest, each) for each in undo.fields)
        if field is not None and (now := lookup(manifest, field.path)) != field.after
    ]
    return msgspec.structs.replace(undo, fields=with_maps(manifest, fields))
