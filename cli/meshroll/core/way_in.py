"""The way in: waves of injection, then Services, then clients back to held connections, the namespace last.

Clients go first because balancing begins with the caller's proxy and one workload is the blast radius. Services and
dial modes wait until every wave is in: only then do the servers' proxies show callers that nobody listed. So new
Services come first, then that look at traffic, and then the Services that become others under their clients.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from meshroll.core import dial
from meshroll.core.changes import Change, fields_between, pointer
from meshroll.core.controls import controls
from meshroll.core.conversion import cluster_domain
from meshroll.core.foresight import once_changed
from meshroll.core.injection import Sidecar, sidecar_mode
from meshroll.core.judged import callers_by_service
from meshroll.core.known_callers import known_callers, with_known
from meshroll.core.model import INJECT, ClusterView, NamespaceView
from meshroll.core.plan import Plan, Step, Subject
from meshroll.core.releases import Edge
from meshroll.core.scope import home_clients
from meshroll.core.service_steps import additions, conversion_step
from meshroll.core.settings import Client, Namespace, Settings
from meshroll.core.wave_steps import wave_steps
from meshroll.core.waves import budgeted


def rollout_plan(
    view: ClusterView,
    settings: Settings,
    edge: Edge,
    run_id: str,
    pending: Collection[str],
    acknowledged: Collection[str],
) -> Plan:
    """Everything from what was seen to what the inventory wants.

    ``pending`` are the marks of gates that an earlier run did not pass: they are due again although nothing changes.
    ``acknowledged`` are pauses that an operator has answered by running again. Raises UsageError for waves that name
    what is not there.
    """
    steps: list[Step] = []
    for namespace in settings.namespaces:
        space = view.namespaces[namespace.name]
        steps += _namespace_steps(view, space, namespace, settings, edge, run_id, pending, acknowledged)
    return Plan("in", str(edge), budgeted(steps, view, settings))


def _namespace_steps(
    view: ClusterView,
    space: NamespaceView,
    namespace: Namespace,
    settings: Settings,
    edge: Edge,
    run_id: str,
    pending: Collection[str],
    acknowledged: Collection[str],
) -> list[Step]:
    mode = sidecar_mode(namespace.sidecar, view.kubernetes_version, edge)
    callers = callers_by_service(view, space)
    waves = wave_steps(view, namespace, settings.waves, callers, mode, edge, run_id, pending)
    steps, meshed = list(waves.steps), waves.taken
    left = once_changed(space, (change for step in steps for change in step.changes))
    listed = [service.name for service in namespace.services]
    beside = Step(
        "services", f"Services of {space.name}", space.name, additions(left, namespace), services=listed
    )
    moves: list[tuple[str, Step]] = []
    converting = conversion_step(
        left, namespace, cluster_domain(view, settings), meshed, mode, edge, run_id, pending
    )
    if converting:
        moves.append(("", converting))
        left = once_changed(left, converting.changes)
    for client in home_clients(namespace):
        if client.service in listed and (client.workload in meshed or space.fully_meshed(client.workload)):
            moves.append((client.workload, _dial(left, client, mode, edge, run_id, pending, acknowledged)))
            left = once_changed(left, moves[-1][1].changes)
    dials = with_known(moves, namespace, known_callers(view, space, callers, meshed))
    if beside.changes or any(step.gate or step.pause for step in dials):
        steps.append(beside)
    changed = meshed.union(*(step.workloads for step in dials))
    for step in dials:
        judged = {subject.workload for subject in step.subjects}
        steps.append(msgspec.structs.replace(step, controls=controls(space, callers, changed | judged)))
    if namespace.annotates:
        steps.append(_annotate(left))
    return steps


def _dial(
    space: NamespaceView,
    client: Client,
    mode: Sidecar,
    edge: Edge,
    run_id: str,
    pending: Collection[str],
    acknowledged: Collection[str],
) -> Step:
    workload = space.workload(client.workload)
    assert workload is not None, "the look refuses clients that are not there"
    mark = f"dial:{space.name}/{client.workload}/{client.service}"
    changes = dial.dial_changes(client, workload, space, "pooled", run_id)
    due = bool(changes) or mark in pending
    rolled = any(change.workload for change in changes)
    service = space.service(client.service)
    servers = [server.id for server in space.servers_of(service)] if service else []
    callers = [] if workload.kind == "CronJob" else [Subject(client.workload, True, False)]
    subjects = [*callers, *(Subject(server, True, True) for server in servers)]
    waits_for_person = client.manual is not None and mark not in acknowledged
    return Step(
        "dial",
        f"{client.workload} calls {client.service} over held connections",
        space.name,
        changes,
        workloads=[client.workload] if due and workload.kind != "CronJob" else [],
        waited=[client.workload] if due and workload.kind != "CronJob" and not rolled else [],
        meshed=True,
        mode=mode,
        release=str(edge),
        gate=due,
        subjects=subjects,
        pending=[mark] if due or waits_for_person else [],
        pause=client.manual if waits_for_person else None,
    )


def _annotate(space: NamespaceView) -> Step:
    assert space.manifest is not None
    fields = fields_between(space.manifest, [(pointer("metadata", "annotations", INJECT), "enabled")])
    changes = (
        [Change("Namespace", "", space.name, "patch", "new workloads are injected too", fields)]
        if fields
        else []
    )
    return Step("namespace", f"Namespace {space.name}", space.name, changes)
