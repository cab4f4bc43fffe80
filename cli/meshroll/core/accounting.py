"""Every caller of a Service accounted for, before it is converted or a client holds its connection again."""

from __future__ import annotations

from meshroll.core import dial
from meshroll.core.callers import Caller, callers_of
from meshroll.core.errors import Problem
from meshroll.core.model import ClusterView, NamespaceView
from meshroll.core.scope import eligible
from meshroll.core.settings import Client, Namespace


def caller_problems(view: ClusterView, namespace: Namespace) -> list[Problem]:
    """Callers that would be left pinned to one pod: not listed, or neither meshed nor dialling per request."""
    space = view.namespaces[namespace.name]
    taken = {workload.id for workload in eligible(space, namespace)}
    problems = []
    for service in namespace.services:
        for caller in callers_of(view, space.name, service.name):
            client = listed(caller, service.name, namespace)
            if client is None:
                problems.append(
                    _caller_problem(
                        "caller-not-listed",
                        service.name,
                        caller,
                        "List it in `clients:` of the namespace, or mesh its namespace first.",
                    )
                )
            elif caller.namespace != space.name and not settled(view, caller, client):
                problems.append(
                    _caller_problem(
                        "caller-not-ready",
                        service.name,
                        caller,
                        "It is neither fully meshed nor dials once per request: mesh it, or set per_request.",
                    )
                )
            elif (
                caller.namespace == space.name
                and caller.workload.id not in taken
                and not settled(view, caller, client)
            ):
                problems.append(
                    _caller_problem(
                        "caller-not-ready",
                        service.name,
                        caller,
                        "This rollout does not mesh it: take it in, or set per_request.",
                    )
                )
    return problems


def listed(caller: Caller, service: str, namespace: Namespace) -> Client | None:
    for client in namespace.clients:
        home = client.namespace or namespace.name
        if (home, client.workload, client.service) == (caller.namespace, caller.workload.id, service):
            return client
    return None


def settled(view: ClusterView, caller: Caller, client: Client | None) -> bool:
    """Whether the caller is fully meshed, or known to dial once per request: it cannot be pinned to one pod."""
    space = view.namespaces.get(caller.namespace)
    if space is None:
        space = NamespaceView(caller.namespace, None, workloads=(caller.workload,))
    pods = space.pods_of(caller.workload.id)
    if pods and all(pod.proxy for pod in pods):
        return True
    return client is not None and dial.current_mode(client, caller.workload, space) == "per_request"


def _caller_problem(code: str, service: str, caller: Caller, hint: str) -> Problem:
    return Problem(
        code,
        f"{caller.name} calls {service} and would stay pinned to one pod.",
        hint,
        namespace=caller.namespace,
        object=caller.workload.id,
    )
