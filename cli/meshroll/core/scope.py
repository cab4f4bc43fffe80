"""Which workloads and clients of a namespace a rollout is about."""

from __future__ import annotations

from meshroll.core.model import NamespaceView, Workload
from meshroll.core.settings import Client, Namespace


def eligible(space: NamespaceView, namespace: Namespace) -> list[Workload]:
    """The workloads that a rollout takes: named ones, or all that do not opt out and have pods to prove it on."""
    if namespace.workloads is not None:
        return [workload for workload in space.workloads if workload.id in namespace.workloads]
    return [
        workload
        for workload in space.workloads
        if not workload.opted_out and (workload.replicas > 0 or workload.kind == "CronJob")
    ]


def home_clients(namespace: Namespace) -> list[Client]:
    """The listed clients that live in the namespace itself; others are only accounted for."""
    return [client for client in namespace.clients if (client.namespace or namespace.name) == namespace.name]
