"""Which workloads and clients of a namespace a rollout is about."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from meshroll.core.model import NamespaceView, Workload
from meshroll.core.settings import Client, Namespace, Settings


def eligible(space: NamespaceView, namespace: Namespace) -> list[Workload]:
    """The workloads that a rollout takes: named ones, or all that do not opt out and have pods to prove it on."""
    if namespace.workloads is not None:
        return [workload for workload in space.workloads if workload.id in namespace.workloads]
    return [
        workload
        for workload in space.workloads
        if not workload.opted_out and (workload.replicas > 0 or workload.kind == "CronJob")
    ]


def caller_namespaces(settings: Settings) -> list[str]:
    """Namespaces that only listed clients live in: looked into, never changed."""
    homes = {client.namespace for namespace in settings.namespaces for client in namespace.clients}
    return sorted(home for home in homes if home)


def only(settings: Settings, names: Collection[str]) -> Settings:
    """The settings without the other namespaces: a run takes back what it touched, and nothing else."""
    kept = [namespace for namespace in settings.namespaces if namespace.name in names]
    return msgspec.structs.replace(settings, namespaces=kept)


def home_clients(namespace: Namespace) -> list[Client]:
    """The listed clients that live in the namespace itself; others are only accounted for."""
    return [client for client in namespace.clients if (client.namespace or namespace.name) == namespace.name]
