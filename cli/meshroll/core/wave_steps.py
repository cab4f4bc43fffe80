"""Waves as steps: the pod templates of each changed together, waited for together, and judged together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec

from meshroll.core.callers import Caller
from meshroll.core.changes import Change, fields_between, pointer
from meshroll.core.controls import controls
from meshroll.core.injection import WAIT, Sidecar, injected, unlike
from meshroll.core.judged import subjects_of
from meshroll.core.model import ClusterView, NamespaceView, Workload
from meshroll.core.plan import Step, Subject
from meshroll.core.releases import Edge
from meshroll.core.scan.row import listed
from meshroll.core.scope import eligible, home_clients
from meshroll.core.settings import Namespace, Wave
from meshroll.core.waves import planned_waves


@dataclass(frozen=True)
class Waves:
    """The steps, and the workloads (ids) that they take."""

    steps: list[Step]
    taken: set[str]


def wave_steps(
    view: ClusterView,
    namespace: Namespace,
    rules: Sequence[Wave],
    callers: dict[str, list[Caller]],
    mode: Sidecar,
    edge: Edge,
    run_id: str,
    pending: Collection[str],
    only: Collection[str] | None = None,
    meshed: Collection[str] = (),
) -> Waves:
    """One step a wave, by the namespace's own rules or else ``rules``; ``callers`` by Service name.

    ``only`` limits what is changed to those workloads (ids); waves are counted as if it were all. ``meshed`` are those
    that have their proxies already. Raises UsageError for waves that name what is not there.
    """
    space = view.namespaces[namespace.name]
    first = [client.workload for client in home_clients(namespace)]
    detected = [
        caller.workload.id for found in callers.values() for caller in found if caller.namespace == space.name
    ]
    client_ids = list(dict.fromkeys([*first, *sorted(detected)]))
    steps = _prepare(space, mode)
    taken: set[str] = set()
    waves = planned_waves(namespace.waves or rules, eligible(space, namespace), client_ids)
    for number, wave in enumerate(waves, 1):
        workloads = [workload for workload in wave.workloads if only is None or workload.id in only]
        if not workloads:
            continue
        taken |= {w.id for w in workloads if w.kind != "CronJob" or mode == "native"}
        step = _wave(
            space,
            namespace,
            workloads,
            f"Wave {number} of {len(waves)} ({wave.name})",
            mode,
            edge,
            run_id,
            pending,
            subjects_of(view, namespace, callers, [w.id for w in workloads], taken.union(meshed)),
        )
        steps.append(msgspec.structs.replace(step, controls=controls(space, callers, taken, meshed)))
    return Waves(steps, taken)


def _prepare(space: NamespaceView, mode: Sidecar) -> list[Step]:
    """A namespace's wait-before-exit makes the injector of older releases fail beside native sidecars (#12164)."""
    if mode == "wait" or WAIT not in space.annotations or space.manifest is None:
        return []
    fields = fields_between(space.manifest, [(pointer("metadata", "annotations", WAIT), None)])
    change = Change(
        "Namespace",
        "",
        space.name,
        "patch",
        "native sidecars and wait-before-exit exclude each other",
        fields,
    )
    return [Step("namespace", f"Prepare namespace {space.name}", space.name, [change])]


def _wave(
    space: NamespaceView,
    namespace: Namespace,
    workloads: Sequence[Workload],
    title: str,
    mode: Sidecar,
    edge: Edge,
    run_id: str,
    pending: Collection[str],
    subjects: list[Subject],
) -> Step:
    changes = [change for w in workloads if (change := injected(w, space, namespace, mode, edge, run_id))]
    marks = [f"inject:{space.name}/{workload.id}" for workload in workloads if workload.kind != "CronJob"]
    names = [workload.id for workload in workloads]
    changed = {change.workload for change in changes}
    on_their_way = any(
        not workload.rolled and any(unlike(pod, mode, edge) for pod in space.pods_of(workload.id))
        for workload in workloads
    )
    due = (
        on_their_way
        or any(change.kind != "CronJob" for change in changes)
        or any(mark in pending for mark in marks)
    )
    running = [workload.id for workload in workloads if workload.kind != "CronJob"]
    return Step(
        "wave",
        f"{title}: {listed(names)}",
        space.name,
        changes,
        workloads=running,
        waited=[name for name in running if name not in changed] if due else [],
        meshed=True,
        mode=mode,
        release=str(edge),
        gate=due,
        subjects=subjects,
        pending=marks if due else [],
    )
