"""The steps of a way in that are about Services: what is added beside them, then what becomes of them themselves."""

from __future__ import annotations

from collections.abc import Collection

from meshroll.core import dial
from meshroll.core.changes import Change, fields_between, pointer
from meshroll.core.conversion import state_of, to_clusterip, to_convert
from meshroll.core.injection import RESTARTED_BY, Sidecar
from meshroll.core.model import NamespaceView, Workload
from meshroll.core.plan import Step, Subject
from meshroll.core.releases import Edge
from meshroll.core.scope import home_clients
from meshroll.core.services import alongside
from meshroll.core.settings import Namespace


def additions(space: NamespaceView, namespace: Namespace) -> list[Change]:
    """New Services and new ports: nothing that a client notices before it is sent there."""
    changes = [change for service in namespace.services if (change := alongside(service, space))]
    for setting in namespace.services:
        service = space.service(setting.name)
        if service and state_of(service) == "clusterip":
            changes += to_clusterip(setting, space, "")
    return changes


def conversion_step(
    space: NamespaceView,
    namespace: Namespace,
    domain: str,
    meshed: Collection[str],
    mode: Sidecar,
    edge: Edge,
    run_id: str,
    pending: Collection[str],
) -> Step | None:
    """Services that become ClusterIP Services, and their clients restarted: held connections lead to single pods.

    A client whose dial mode is to be changed restarts with that change, in a step of its own. Judged by even load, or
    None where nothing is to be converted and no gate of an earlier conversion is due.
    """
    changes: list[Change] = []
    due: list[str] = []
    for setting in to_convert(namespace, space):
        service = space.service(setting.name)
        if service is None:
            continue
        moving = state_of(service) in ("headless", "halfway") and to_clusterip(setting, space, domain)
        if moving or _mark(space, setting.name) in pending:
            changes += moving or []
            due.append(setting.name)
    if not due:
        return None
    subjects: dict[str, Subject] = {}
    for name in due:
        service = space.service(name)
        assert service is not None
        clients = [client for client in home_clients(namespace) if client.service == name]
        steady = [
            workload
            for client in clients
            if client.manual is None
            and (workload := space.workload(client.workload)) is not None
            and not dial.dial_changes(client, workload, space, "pooled", run_id)
        ]
        changes += [
            change
            for workload in steady
            if workload.kind != "CronJob" and (workload.id in meshed or space.fully_meshed(workload.id))
            if not any(change.workload == workload.id for change in changes)
            if (change := _restarted(workload, f"{run_id}-{name}"))
        ]
        for client in clients:
            if not client.workload.startswith("CronJob/"):
                subjects.setdefault(client.workload, Subject(client.workload, True, False))
        even = len(steady) == len(clients)
        for server in space.servers_of(service):
            subjects[server.id] = Subject(server.id, bool(clients), even and bool(clients))
    names = ", ".join(due)
    return Step(
        "services",
        f"{names}: from headless to ClusterIP",
        space.name,
        changes,
        workloads=[change.workload for change in changes if change.workload],
        meshed=True,
        mode=mode,
        release=str(edge),
        gate=True,
        subjects=list(subjects.values()),
        pending=[_mark(space, name) for name in due],
    )


def _mark(space: NamespaceView, service: str) -> str:
    return f"service:{space.name}/{service}"


def _restarted(workload: Workload, by: str) -> Change | None:
    path = workload.template_path + pointer("metadata", "annotations", RESTARTED_BY)
    fields = fields_between(workload.manifest, [(path, by)])
    why = "held connections lead to single pods, new ones to the ClusterIP"
    if not fields:
        return None
    return Change(
        workload.kind, workload.namespace, workload.name, "patch", why, fields, pods=workload.replicas
    )
