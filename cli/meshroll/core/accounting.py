"""Every caller of a Service accounted for, before it is converted or a client holds its connection again."""

from __future__ import annotations

from collections.abc import Mapping

from meshroll.core import dial
from meshroll.core.callers import Caller, callers_of
from meshroll.core.errors import Problem
from meshroll.core.gate.signals import Signals
from meshroll.core.model import ClusterView, NamespaceView
from meshroll.core.scope import eligible
from meshroll.core.settings import Client, Namespace


def caller_problems(view: ClusterView, namespace: Namespace) -> list[Problem]:
    """Callers that would stay pinned to one pod: not listed, or neither meshed nor dialling per request."""
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
                        "List it in `clients:` of the namespace, and mesh it or let it dial once per request.",
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
    """Whether the caller is fully meshed, or known to dial once per request: it cannot be pinned."""
    space = view.space(caller.namespace)
    if space is None:
        space = NamespaceView(caller.namespace, None, workloads=(caller.workload,))
    if is_meshed(view, caller):
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


def traffic_problems(
    view: ClusterView, namespace: Namespace, signals: Mapping[str, Signals]
) -> list[Problem]:
    """Requests without mTLS to a meshed server, where no listed caller explains them: someone was missed.

    Manifests do not show every caller (a host put together in code, a job, another cluster); traffic does.
    """
    space = view.namespaces[namespace.name]
    problems = []
    for service in namespace.services:
        found = space.service(service.name)
        callers = callers_of(view, space.name, service.name)
        known = [caller for caller in callers if not is_meshed(view, caller)]
        for server in space.servers_of(found) if found else ():
            share = signals[server.id].unmeshed_caller_ratio if server.id in signals else None
            if share and not known:
                problems.append(
                    Problem(
                        "caller-unknown",
                        f"{share:.1%} of the requests to {server.id} come from outside the mesh, from a caller "
                        "that no manifest names.",
                        f"Find who calls {service.name}, list it in `clients:`, then run the rollout again.",
                        namespace=space.name,
                        object=server.id,
                    )
                )
    return problems


def is_meshed(view: ClusterView, caller: Caller) -> bool:
    """Whether all of its pods have a proxy; not so where its namespace was not looked at."""
    space = view.space(caller.namespace)
    return space is not None and space.fully_meshed(caller.workload.id)
