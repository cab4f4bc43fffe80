"""The way back of a hop: its changes of workloads undone, and only pods with newer proxies restarted.

The control plane is the older one again by then: only an older injector makes older proxies.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshroll.core.changes import Change, fields_between, pointer
from meshroll.core.errors import Problem
from meshroll.core.injection import RESTARTED_BY
from meshroll.core.journal import Entry
from meshroll.core.model import ClusterView, NamespaceView, Workload
from meshroll.core.plan import Plan, Step
from meshroll.core.previous import previous_plan
from meshroll.core.releases import Edge
from meshroll.core.scope import brought_up
from meshroll.core.settings import Namespace, Settings
from meshroll.core.upgrade.way import Outside
from meshroll.core.waves import budgeted

# Ends what RESTARTED_BY is set to on a way back.
BACK = "-back"


def back_plan(
    view: ClusterView, settings: Settings, entries: Sequence[Entry], start: Edge, run_id: str
) -> Plan:
    """What is left to do until no proxy is newer than ``start``; ``entries`` are the changes of the hop.

    A template that goes back to what it was brings its former pods back, so that those with newer proxies go first and
    others need not restart. Pods that got a newer proxy beside it (a crash, an autoscaler) need a template that never
    was, hence a second look at the plan once the first was carried out. A namespace's wait-before-exit comes back last:
    beside native sidecars it makes the older injector fail (#12164).
    """
    former = previous_plan(view, settings, entries)
    undone = [_but_for_restarts(step) for step in former.steps]
    changed = {change.object for step in undone for change in step.changes}
    waited = {f"{step.namespace}/{workload}" for step in undone for workload in step.waited}
    restarts = []
    for namespace in settings.namespaces:
        space = view.namespaces[namespace.name]
        changes = [
            _restarted(workload, run_id)
            for workload in _newer(space, namespace, start)
            if f"{space.name}/{workload.id}" not in changed | waited
        ]
        names = [change.workload for change in changes if change.workload]
        restarts.append(
            Step(
                "servers",
                f"Workloads of {space.name} with proxies newer than {start}",
                space.name,
                [change for change in changes if change.fields],
                workloads=names,
            )
        )
    first = [step for step in undone if step.stage != "namespace"]
    last = [step for step in undone if step.stage == "namespace"]
    steps = budgeted([*first, *restarts, *last], view, settings)
    return msgspec.structs.replace(former, direction="hop_back", release=str(start), steps=steps, notes=[])


def newer_left(view: ClusterView, settings: Settings, start: Edge) -> list[Problem]:
    """What stands in the way of calling a hop taken back: another control plane, or proxies newer than ``start``."""
    problems = []
    if view.control_plane.release != str(start):
        problems.append(
            Problem(
                "control-plane-not-back",
                f"The control plane is {view.control_plane.release or 'not there'}, not {start}.",
                f"`helm -n {view.control_plane.namespace} history linkerd-control-plane` shows its revisions.",
            )
        )
    for namespace in settings.namespaces:
        space = view.namespaces[namespace.name]
        problems += [
            Problem(
                "proxy-newer",
                f"{workload.id} still has pods whose proxy is newer than {start}.",
                f"`kubectl -n {space.name} rollout restart {workload.kind.lower()}/{workload.name}`",
                namespace=space.name,
                object=workload.id,
            )
            for workload in _newer(space, namespace, start)
        ]
    return problems


def newer_outside(left: Outside, start: Edge) -> list[str]:
    """Who got a proxy newer than ``start`` while the hop lasted and is not restarted, a sentence a namespace."""
    newer = {
        name: found
        for name, releases in sorted(left.items())
        if (found := sorted(release for release in releases if _newer_than(release, start)))
    }
    return [
        f"{name} has pods with a proxy that is newer than the control plane by now ({', '.join(found)}), and the "
        f"inventory does not bring them up: restart them, `kubectl -n {name} rollout restart deployment`."
        for name, found in newer.items()
    ]


def _newer(space: NamespaceView, namespace: Namespace, start: Edge) -> list[Workload]:
    return [
        workload
        for workload in brought_up(space, namespace)
        if workload.kind != "CronJob"
        and any(pod.proxy and _newer_than(pod.proxy.release, start) for pod in space.pods_of(workload.id))
    ]


def _newer_than(release: str | None, start: Edge) -> bool:
    edge = Edge.read(release)
    return edge is not None and edge > start


def _but_for_restarts(step: Step) -> Step:
    """The step without taking back what restarted pods on the way back itself: they would restart once more."""
    kept = [change for change in map(_but_for_restart, step.changes) if change.fields]
    gone = {change.workload for change in step.changes} - {change.workload for change in kept}
    return msgspec.structs.replace(
        step, changes=kept, workloads=[name for name in step.workloads if name not in gone]
    )


def _but_for_restart(change: Change) -> Change:
    fields = [
        field
        for field in change.fields
        if not (field.path.endswith(pointer(RESTARTED_BY)) and str(field.before).endswith(BACK))
    ]
    return msgspec.structs.replace(change, fields=fields)


def _restarted(workload: Workload, run_id: str) -> Change:
    path = f"{workload.template_path}/metadata/annotations" + pointer(RESTARTED_BY)
    return Change(
        workload.kind,
        workload.namespace,
        workload.name,
        "patch",
        "restart pods whose proxy is newer than the control plane",
        fields_between(workload.manifest, [(path, f"{run_id}{BACK}")]),
        pods=workload.replicas,
    )
