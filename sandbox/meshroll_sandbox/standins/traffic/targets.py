"""Prometheus' HTTP service discovery: what kubernetes_sd with `role: pod` would say of the same pods.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/#pod: one target for each container port,
labels of pod and container as __meta_kubernetes_pod_*. Annotations are left out.
"""

import re
from collections.abc import Iterable
from typing import Any

from meshroll_sandbox.standins.traffic.topology import Container, Pod, Topology

_NOT_IN_LABEL_NAMES = re.compile(r"[^a-zA-Z0-9_]")

SCRAPE_SECONDS = ((200, 1), (1000, 5))
"""Up to so many targets of a job, each is scraped every so many seconds; with more, every SLOWEST_SCRAPE_SECONDS.

A scrape costs the exporter and Prometheus about a millisecond, and the whole sandbox shares a machine.
"""

SLOWEST_SCRAPE_SECONDS = 15

Target = dict[str, Any]


def proxies(topology: Topology) -> list[Target]:
    """The admin ports of proxies, those in native sidecars too."""
    pods = ((pod, pod.proxy) for pod in topology.pods.values())
    return _paced(
        _target(pod, proxy, name, number)
        for pod, proxy in pods
        if proxy and pod.ip
        for name, number in proxy.ports
        if name == "linkerd-admin"
    )


def applications(topology: Topology) -> list[Target]:
    """The port on which each application of the estate shows its metrics: `health`, or else its first."""
    found = []
    for pod in topology.pods.values():
        if not (pod.is_application and pod.ip):
            continue
        container = pod.applications[0]
        name, number = next(
            (port for port in container.ports if port[0] == "health"), (*container.ports, ("", 0))[0]
        )
        found.append(_target(pod, container, name, number))
    return _paced(found)


def _target(pod: Pod, container: Container, port: str, number: int) -> Target:
    labels = {
        "namespace": pod.key[0],
        "pod_name": pod.key[1],
        "pod_uid": pod.uid,
        "pod_ip": pod.ip,
        "pod_host_ip": pod.node_ip,
        "pod_node_name": pod.node,
        "pod_phase": pod.phase,
        "pod_ready": str(pod.ready).lower(),
        "pod_controller_kind": pod.controller[0],
        "pod_controller_name": pod.controller[1],
        "pod_container_name": container.name,
        "pod_container_image": container.image,
        "pod_container_init": str(container.init).lower(),
        "pod_container_port_name": port,
        "pod_container_port_number": str(number),
        "pod_container_port_protocol": "TCP",
    }
    for name, value in pod.labels.items():
        clean = _NOT_IN_LABEL_NAMES.sub("_", name)
        labels[f"pod_label_{clean}"] = value
        labels[f"pod_labelpresent_{clean}"] = "true"
    named = {f"__meta_kubernetes_{name}": value for name, value in labels.items()}
    return {"targets": [f"{pod.ip}:{number}"], "labels": named}


def _paced(targets: Iterable[Target]) -> list[Target]:
    """The targets in a fixed order, with a longer scrape interval where there are many."""
    found = sorted(targets, key=lambda target: str(target["targets"]))
    pace = next((seconds for most, seconds in SCRAPE_SECONDS if len(found) <= most), SLOWEST_SCRAPE_SECONDS)
    if pace > 1:
        for target in found:
            target["labels"]["__scrape_interval__"] = f"{pace}s"
    return found
