"""Which workloads a gate judges, and what may be expected of each; and the plan of `verify`, which is gates alone."""

from __future__ import annotations

from collections.abc import Collection

from meshroll.core.accounting import listed, settled
from meshroll.core.callers import Caller, callers_of
from meshroll.core.known_callers import known_callers
from meshroll.core.model import INJECT, ClusterView, NamespaceView, Workload
from meshroll.core.plan import Known, Plan, Step, Subject
from meshroll.core.services import is_headless
from meshroll.core.settings import Namespace, Settings


def callers_by_service(view: ClusterView, space: NamespaceView) -> dict[str, list[Caller]]:
    """Callers by Service name, for each Service of the namespace that has workloads behind it."""
    names = [service["metadata"]["name"] for service in space.services if space.servers_of(service)]
    return {name: callers_of(view, space.name, name) for name in names}


def subjects_of(
    view: ClusterView,
    namespace: Namespace,
    callers: dict[str, list[Caller]],
    wave: list[str],
    meshed: Collection[str],
) -> list[Subject]:
    """The wave's workloads, and even load for those servers that nobody can be pinned to any more."""
    space = view.namespaces[namespace.name]
    calling = {
        caller.workload.id for found in callers.values() for caller in found if caller.namespace == space.name
    }
    even: dict[str, bool] = {}
    for name, found in callers.items():
        service = space.service(name)
        assert service is not None
        for server in space.servers_of(service) if found else ():
            balanced = not is_headless(service) and all(
                _balanced(view, namespace, caller, name, meshed) for caller in found
            )
            even[server.id] = even.get(server.id, True) and balanced
    known = known_callers(view, space, callers, meshed)
    return [
        Subject(
            identifier,
            identifier in calling or identifier in even,
            even.get(identifier, False),
            mesh_expected=True,
            known=known.get(identifier, Known()),
        )
        for identifier in wave
        if not identifier.startswith("CronJob/")
    ]


def _balanced(
    view: ClusterView, namespace: Namespace, caller: Caller, service: str, meshed: Collection[str]
) -> bool:
    """Whether the caller spreads its calls: by its proxy, or because it dials once per request."""
    if caller.namespace == namespace.name and caller.workload.id in meshed:
        return True
    return settled(view, caller, listed(caller, service, namespace))


def verify_plan(view: ClusterView, settings: Settings) -> Plan:
    """No change, one gate a namespace over whatever is meshed now, or should be."""
    steps = []
    for namespace in settings.namespaces:
        space = view.namespaces[namespace.name]
        meshed = {workload.id for workload in space.workloads if space.fully_meshed(workload.id)}
        judged = sorted(
            meshed | {workload.id for workload in space.workloads if _should_be_meshed(space, workload)}
        )
        subjects = subjects_of(view, namespace, callers_by_service(view, space), judged, meshed)
        steps.append(
            Step("verify", f"Golden signals of {space.name}", space.name, gate=True, subjects=subjects)
        )
    return Plan("verify", view.control_plane.release, steps)


def _should_be_meshed(space: NamespaceView, workload: Workload) -> bool:
    """Whether template or namespace ask for a proxy, or some of its pods have one."""
    wanted = workload.template_annotations.get(INJECT, space.annotations.get(INJECT))
    pods = space.pods_of(workload.id)
    wanted_one = wanted in ("enabled", "ingress") and not workload.host_network
    return bool(pods) and (wanted_one or any(pod.proxy for pod in pods))
