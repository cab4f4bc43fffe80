"""Which workloads and clients of a namespace a rollout is about."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from meshroll.core.injection import pinned_proxy
from meshroll.core.model import INJECT, KEPT_OUT, ClusterView, NamespaceView, Workload
from meshroll.core.settings import Client, Namespace, Settings


def eligible(space: NamespaceView, namespace: Namespace) -> list[Workload]:
    """The workloads that a rollout takes: named ones, or all that do not opt out, may be meshed and have pods to prove
    it on.
    """
    if namespace.workloads is not None:
        return [workload for workload in space.workloads if workload.id in namespace.workloads]
    return [workload for workload in space.workloads if _fit(workload)]


def _fit(workload: Workload) -> bool:
    left_out = workload.opted_out or workload.host_network
    return not left_out and (workload.replicas > 0 or workload.kind == "CronJob")


def brought_up(space: NamespaceView, namespace: Namespace) -> list[Workload]:
    """The workloads whose proxies an upgrade brings up: of those that a rollout takes, the ones that are meshed or ask
    to be, and CronJobs that meshroll itself kept out. A pinned proxy is somebody's decision and stays. Named ones that
    opt out or have no pods are left; a rollout refuses them.
    """
    return [
        workload
        for workload in eligible(space, namespace)
        if _fit(workload)
        and pinned_proxy(workload, space) is None
        and (
            workload.template_annotations.get(INJECT) in ("enabled", "ingress")
            or KEPT_OUT in workload.template_annotations
            or any(pod.proxy for pod in space.pods_of(workload.id))
        )
    ]


def all_brought_up(view: ClusterView, settings: Settings) -> Iterator[tuple[NamespaceView, Workload]]:
    """brought_up() of every namespace of the settings, with its namespace."""
    for namespace in settings.namespaces:
        space = view.namespaces[namespace.name]
        for workload in brought_up(space, namespace):
            yield space, workload


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
