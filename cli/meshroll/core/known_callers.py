"""What a gate is told of a server's callers, so that it can say why one of them is pinned."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from meshroll.core.accounting import is_meshed
from meshroll.core.callers import Caller
from meshroll.core.model import ClusterView, NamespaceView
from meshroll.core.plan import Known, Step
from meshroll.core.services import is_headless
from meshroll.core.settings import Namespace


def known_callers(
    view: ClusterView,
    space: NamespaceView,
    callers: Mapping[str, Sequence[Caller]],
    meshed: Collection[str],
) -> dict[str, Known]:
    """Of each workload behind a Service of ``space``. ``callers`` by Service; ``meshed`` will have a proxy by then."""
    headless: dict[str, set[str]] = {}
    unmeshed: dict[str, set[str]] = {}
    for service in space.services:
        name = service["metadata"]["name"]
        without = {
            caller.workload.id if caller.namespace == space.name else caller.name
            for caller in callers.get(name, ())
            if not (caller.namespace == space.name and caller.workload.id in meshed)
            and not is_meshed(view, caller)
        }
        for server in space.servers_of(service):
            headless.setdefault(server.id, set()).update([name] if is_headless(service) else [])
            unmeshed.setdefault(server.id, set()).update(without)
    return {server: Known(sorted(headless[server]), sorted(unmeshed[server])) for server in headless}


def with_known(
    moves: Sequence[tuple[str, Step]], namespace: Namespace, known: Mapping[str, Known]
) -> list[Step]:
    """The steps that move clients, each with the client's workload id, in their order, with what their gates may know.

    While one client is moved, those whose turn comes later are as they were, and so are those that never are.
    """
    clients = {
        f"{client.namespace}/{client.workload}"
        if (client.namespace or namespace.name) != namespace.name
        else client.workload
        for client in namespace.clients
    }
    clients -= {client for client, step in moves if not (step.gate or step.pause)}
    steps = []
    for client, step in moves:
        clients.discard(client)
        subjects = [
            msgspec.structs.replace(
                subject,
                known=msgspec.structs.replace(known.get(subject.workload, Known()), unmoved=sorted(clients)),
            )
            for subject in step.subjects
        ]
        steps.append(msgspec.structs.replace(step, subjects=subjects))
    return steps
