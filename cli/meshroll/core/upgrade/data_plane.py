"""What a hop does to the data plane: old proxies judged under the new control plane, then brought up wave by wave.

The order is that of Linkerd's own upgrade (linkerd.io/2-edge/tasks/upgrade): a control plane carries proxies of the
milestone before it, so nothing restarts before the new control plane has proved itself on the old proxies.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from meshroll.core.injection import pinned_proxy, sidecar_mode
from meshroll.core.judged import callers_by_service, subjects_of
from meshroll.core.model import ClusterView, NamespaceView, Pod
from meshroll.core.plan import Plan, Step, Subject
from meshroll.core.releases import Edge
from meshroll.core.scope import all_brought_up, brought_up, only
from meshroll.core.settings import Settings
from meshroll.core.wave_steps import wave_steps
from meshroll.core.waves import budgeted


def hop_plan(
    view: ClusterView,
    settings: Settings,
    edge: Edge,
    run_id: str,
    pending: Collection[str],
    new_control_plane: bool,
) -> Plan:
    """The steps of a hop to ``edge`` after its control plane is up. ``settings`` are those of meshed_only().

    ``new_control_plane``: it becomes another with this hop, which begins; of one that was begun, ``pending`` are the
    marks of the gates that are still due. Raises UsageError for waves that name what is not there.
    """
    judged: list[Step] = []
    waves: list[Step] = []
    notes: list[str] = []
    for namespace in settings.namespaces:
        space = view.namespaces[namespace.name]
        taken = [workload.id for workload in brought_up(space, namespace)]
        meshed = [workload.id for workload in space.workloads if space.fully_meshed(workload.id)]
        callers = callers_by_service(view, space)
        mark = f"plane:{space.name}/{edge}"
        if new_control_plane or mark in pending:
            subjects = subjects_of(view, namespace, callers, meshed, meshed)
            judged += _old_proxies(space, edge, subjects, mark)
        if taken:
            mode = sidecar_mode(namespace.sidecar, view.kubernetes_version, edge)
            waves += wave_steps(
                view, namespace, settings.waves, callers, mode, edge, run_id, pending, taken, meshed
            ).steps
        notes += _left_as_they_are(space, taken, edge)
    return Plan("upgrade", str(edge), budgeted([*judged, *waves], view, settings), notes)


def there_only(view: ClusterView, settings: Settings) -> Settings:
    """The settings with only those namespaces that are there."""
    return only(settings, [name for name, space in view.namespaces.items() if space.manifest is not None])


def meshed_only(view: ClusterView, settings: Settings) -> Settings:
    """The settings with only those namespaces that are there and have something for an upgrade to bring up."""
    names = [
        namespace.name
        for namespace in there_only(view, settings).namespaces
        if brought_up(view.namespaces[namespace.name], namespace)
    ]
    return only(settings, names)


def narrowed(view: ClusterView, settings: Settings) -> ClusterView:
    """The view with the namespaces of the settings alone; the workloads of those left out are others' from then on."""
    names = {namespace.name for namespace in settings.namespaces}
    left = [w for name, space in view.namespaces.items() if name not in names for w in space.workloads]
    return replace(
        view,
        namespaces={name: space for name, space in view.namespaces.items() if name in names},
        other_workloads=(*view.other_workloads, *left),
    )


def behind(view: ClusterView, settings: Settings, edge: Edge) -> list[str]:
    """The workloads (NAMESPACE/KIND/NAME) of the inventory that have a proxy of another release than ``edge``."""
    return [
        f"{space.name}/{workload.id}"
        for space, workload in all_brought_up(view, settings)
        if any(_release(pod) not in (None, str(edge)) for pod in space.pods_of(workload.id))
    ]


def _old_proxies(space: NamespaceView, edge: Edge, subjects: list[Subject], mark: str) -> list[Step]:
    if not subjects:
        return []
    title = f"Proxies of {space.name} as they are, under the control plane of {edge}"
    return [Step("verify", title, space.name, gate=True, subjects=subjects, pending=[mark])]


def _left_as_they_are(space: NamespaceView, taken: Collection[str], edge: Edge) -> list[str]:
    """Workloads whose proxies stay behind, a sentence each."""
    notes = []
    for workload in space.workloads:
        releases = {_release(pod) for pod in space.pods_of(workload.id)} - {None, str(edge)}
        if workload.id in taken or not releases:
            continue
        pin = pinned_proxy(workload, space)
        why = f"it is pinned to {pin}" if pin else "the inventory leaves it out"
        notes.append(f"{space.name}/{workload.id} keeps its proxy: {why}.")
    return notes


def _release(pod: Pod) -> str | None:
    return pod.proxy.release if pod.proxy else None
