"""Workloads that a step leaves as they are: what becomes of them meanwhile is the environment, and not the change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from meshroll.core.callers import Caller
from meshroll.core.model import NamespaceView


def controls(
    space: NamespaceView,
    callers: Mapping[str, Sequence[Caller]],
    changed: Collection[str],
    meshed: Collection[str] = (),
) -> list[str]:
    """Those that are not ``changed`` and call nothing that is, however far down: a caller suffers with its server.

    A server suffers with its caller where it is one of the ``meshed``: a proxy that breaks calls is counted by the
    proxy at their other end too. ``callers`` are those of each Service of the namespace, by its name.
    """
    calls = {
        (caller.workload.id, server.id)
        for name, found in callers.items()
        if (service := space.service(name))
        for server in space.servers_of(service)
        for caller in found
        if caller.namespace == space.name
    }
    touched = set(changed)
    touched |= {server for caller, server in calls if caller in touched and server in meshed}
    while further := {caller for caller, server in calls if server in touched} - touched:
        touched |= further
    return sorted(
        workload.id
        for workload in space.workloads
        if workload.kind != "CronJob" and workload.id not in touched
    )
