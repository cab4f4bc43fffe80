"""Kubernetes' quantities as numbers, and what pods ask of their nodes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from meshroll.core.facts import Requested
from meshroll.core.model import Object

_FACTORS = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}


@lru_cache(maxsize=1024)
def quantity(text: str | float) -> float:
    """In the base unit (cores, bytes): 0.1 of ``100m``, 67108864 of ``64Mi``, 1000 of ``1e3``.

    Raises ValueError for something else (k8s.io/apimachinery/pkg/api/resource/quantity.go).
    """
    told = str(text).strip()
    for suffix in (told[-2:], told[-1:]):
        if suffix in _FACTORS:
            return float(told[: -len(suffix)]) * _FACTORS[suffix]
    return float(told)


def requested(pods: Iterable[Object]) -> list[Requested]:
    """What these pods ask for, summed by the node that they are on; those without a node under ``""``."""
    found: dict[str, list[float]] = {}
    for pod in pods:
        cpu_cores, memory_bytes = pod_request(pod["spec"])
        sums = found.setdefault(pod["spec"].get("nodeName") or "", [0.0, 0.0])
        sums[0] += cpu_cores
        sums[1] += memory_bytes
    return [Requested(node, *sums) for node, sums in sorted(found.items())]


def pod_request(spec: Object) -> tuple[float, float]:
    """(CPU cores, bytes of memory) that the scheduler reckons with for one pod.

    Containers and native sidecars together, or its largest init container beside those, whichever is more; and the
    pod's overhead (kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers).
    """
    return _asked(spec, "cpu"), _asked(spec, "memory")


def _asked(spec: Object, resource: str) -> float:
    beside, largest = 0.0, 0.0
    for container in spec.get("initContainers") or []:
        own = _request(container, resource)
        if container.get("restartPolicy") == "Always":
            beside += own
            largest = max(largest, beside)
        else:
            largest = max(largest, beside + own)
    together = beside + sum(_request(container, resource) for container in spec.get("containers") or [])
    return max(together, largest) + quantity((spec.get("overhead") or {}).get(resource, 0))


def _request(container: Object, resource: str) -> float:
    resources = container.get("resources") or {}
    asked = (resources.get("requests") or {}).get(resource, (resources.get("limits") or {}).get(resource, 0))
    return quantity(asked)
