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
    Check("service-unconvertible", "every listed Service can be converted", _services),
    Check("dial-mode-unset", "every listed client can be switched", _clients),
    Check("caller-not-listed", "every caller of a listed Service is accounted for", _callers),
)
