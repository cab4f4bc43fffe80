"""Is every Service convertible, every client switchable, and every caller accounted for?"""

from __future__ import annotations

from meshroll.core.accounting import caller_problems
from meshroll.core.checks.row import Case, Check
from meshroll.core.dial import dial_problems
from meshroll.core.errors import Problem
from meshroll.core.scope import home_clients
from meshroll.core.services import service_problems
from meshroll.core.source import conversion_problems


def _services(case: Case) -> list[Problem]:
    return [
        p
        for namespace, space in case.spaces()
        for service in namespace.services
        for p in [*service_problems(service, space), *conversion_problems(service, space)]
    ]


def _clients(case: Case) -> list[Problem]:
    found = []
    for namespace, space in case.spaces():
        listed = {service.name for service in namespace.services}
        for client in home_clients(namespace):
            found += dial_problems(client, space)
            if client.service not in listed:
                found.append(
                    Problem(
                        "client-of-unlisted-service",
                        f"{client.workload} is a client of {client.service}, which `services` does not list.",
                        f"Add `- name: {client.service}` to services of {namespace.name}.",
                        namespace=namespace.name,
                        object=client.workload,
                    )
                )
    return found


def _callers(case: Case) -> list[Problem]:
    return [problem for namespace, _ in case.spaces() for problem in caller_problems(case.view, namespace)]


CHECKS = (
    Check(
        "service-unconvertible",
        "every listed Service can be converted",
        _services,
        why="Applying a Service without clusterIP: None over a headless one changes nothing (kubernetes #135345), and "
        "some Services have to stay headless, such as those that govern a StatefulSet.",
        fix="Do what the finding says of the Service, or take it out of `services`.",
    ),
    Check(
        "dial-mode-unset",
        "every listed client can be switched",
        _clients,
        why="A client that keeps one connection pins one server from the moment on that its own balancing is gone. "
        "Where its dial mode is not found as the inventory has it, nothing could be switched.",
        fix="Correct `dial` of the client, or list its Service.",
    ),
    Check(
        "caller-not-listed",
        "every caller of a listed Service is accounted for",
        _callers,
        why="The balancer is in the caller's proxy. A caller that nobody thought of keeps its connections to one pod "
        "once the Service is no longer headless.",
        fix="List the caller under `clients`, or let it dial once per request.",
    ),
)
