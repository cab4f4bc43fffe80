"""What a namespace looks like now, as `status` and every result tell it."""

from __future__ import annotations

from typing import Any

from meshroll.core.model import ClusterView, NamespaceView, Pod, Workload
from meshroll.core.services import is_headless


def cluster_status(view: ClusterView) -> dict[str, Any]:
    """The cluster's entry of a result: release, Kubernetes version and its namespaces."""
    return {
        "release": view.control_plane.release,
        "kubernetes_version": view.kubernetes_version,
        "control_plane": {
            "installed": view.control_plane.installed,
            "namespace": view.control_plane.namespace,
            "release": view.control_plane.release,
            "ready_injectors": view.control_plane.injectors_ready,
        },
        "namespaces": [
            namespace_status(space) for space in view.namespaces.values() if space.manifest is not None
        ],
    }


def namespace_status(space: NamespaceView) -> dict[str, Any]:
    """Workload by workload: how many pods, how many meshed and Ready, which release and sidecar, and why not."""
    return {
        "name": space.name,
        "injection": space.annotations.get("linkerd.io/inject"),
        "workloads": [_workload_status(space, workload) for workload in space.workloads],
        "not_handled": not_handled(space),
        "services": [
            {
                "service": service["metadata"]["name"],
                "headless": is_headless(service),
                "workloads": [server.id for server in space.servers_of(service)],
            }
            for service in space.services
        ],
    }


def not_handled(space: NamespaceView) -> list[str]:
    """Pods under controllers that meshroll does not drive (Argo Rollouts, bare pods, plain ReplicaSets)."""
    handled = {workload.id for workload in space.workloads}
    owners = {
        pod.owner or f"Pod/{pod.name}"
        for pod in space.pods
        if not pod.finished and pod.owner not in handled and not (pod.owner or "").startswith("Job/")
    }
    return sorted(owners)


def _workload_status(space: NamespaceView, workload: Workload) -> dict[str, Any]:
    pods = space.pods_of(workload.id)
    meshed = [pod for pod in pods if pod.proxy]
    proxies = [pod.proxy for pod in meshed if pod.proxy]
    return {
        "workload": workload.id,
        "pods": len(pods),
        "ready_pods": sum(1 for pod in pods if pod.ready),
        "meshed_pods": len(meshed),
        "release": ", ".join(sorted({proxy.release or "unknown" for proxy in proxies})) or None,
        "sidecar": ", ".join(sorted({"native" if proxy.native else "wait" for proxy in proxies})) or None,
        "reason": _why_not_meshed(workload, pods),
    }


def _why_not_meshed(workload: Workload, pods: tuple[Pod, ...]) -> str | None:
    if workload.opted_out:
        return "opts out (linkerd.io/inject: disabled)"
    if workload.host_network:
        return "is on the host's network, which cannot be meshed"
    if workload.kind == "CronJob":
        return (
            "its Jobs are meshed when they run"
            if "linkerd.io/inject" in workload.template_annotations
            else "not injected"
        )
    if not pods:
        return "has no pods"
    without = sum(1 for pod in pods if not pod.proxy)
    if not without:
        return None
    if "linkerd.io/inject" in workload.template_annotations:
        return f"{without} pods started without a proxy although the template asks for one"
    return "not injected"
