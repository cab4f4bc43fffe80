"""What a proxy asks of its node: what the injector writes, and what the namespace's LimitRanges make of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from meshroll.core.model import NamespaceView, Object, Workload
from meshroll.core.quantities import quantity

Resource = Literal["cpu", "memory"]
RESOURCES: tuple[Resource, ...] = ("cpu", "memory")


@dataclass(frozen=True)
class Asks:
    """Of one linkerd-proxy, and of the init container beside it. A request of 0 and a limit of None are not set."""

    cpu_cores: float
    memory_bytes: float
    cpu_limit_cores: float | None = None
    memory_limit_bytes: float | None = None

    def request(self, resource: Resource) -> float:
        return self.cpu_cores if resource == "cpu" else self.memory_bytes

    def limit(self, resource: Resource) -> float | None:
        return self.cpu_limit_cores if resource == "cpu" else self.memory_limit_bytes


def proxy_request(workload: Workload, space: NamespaceView, values: Mapping[str, Any]) -> Asks:
    """What the injector writes: annotations of the template, then of the namespace, then the control plane's values.

    One that is no quantity is passed over, as the injector does (linkerd2 pkg/inject/inject.go
    ApplyAnnotationOverrides). A limit without a request is the request too, as Kubernetes has it.
    """
    annotations = {**space.annotations, **workload.template_annotations}
    resources = (values.get("proxy") or {}).get("resources") or {}

    def told(resource: Resource, what: str) -> float | None:
        own = _read(annotations.get(annotation(resource, what)))
        return _read((resources.get(resource) or {}).get(what)) if own is None else own

    return _asks(told)


def added(
    workloads: Iterable[tuple[NamespaceView, Workload]],
    values: Mapping[str, Any],
    limit_ranges: Sequence[Object],
) -> tuple[int, float, float]:
    """(proxies, CPU cores, bytes of memory) that come with proxies in those pods that have none."""
    proxies, cpu_cores, memory_bytes = 0, 0.0, 0.0
    for space, workload in workloads:
        without = sum(1 for pod in space.pods_of(workload.id) if pod.proxy is None)
        asks = given(proxy_request(workload, space, values), of_namespace(limit_ranges, space))
        proxies += without
        cpu_cores += without * asks.cpu_cores
        memory_bytes += without * asks.memory_bytes
    return proxies, cpu_cores, memory_bytes


def annotation(resource: Resource, what: str) -> str:
    """The key that sets it: ``what`` is ``request`` or ``limit``."""
    return f"config.linkerd.io/proxy-{resource}-{what}"


def given(asks: Asks, limit_ranges: Iterable[Object]) -> Asks:
    """The same once LimitRanges gave their defaults: they do to injected containers too, because the API server asks
    its own admission plugins again after a webhook changed a pod
    (kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#reinvocation-policy).
    """
    defaults: dict[str, Mapping[str, Any]] = {"request": {}, "limit": {}}
    for item in items_of(limit_ranges, "Container"):
        defaults["request"] = {**(item.get("defaultRequest") or {}), **defaults["request"]}
        defaults["limit"] = {**(item.get("default") or {}), **defaults["limit"]}

    def told(resource: Resource, what: str) -> float | None:
        own = (asks.request(resource) or None) if what == "request" else asks.limit(resource)
        return _read(defaults[what].get(resource)) if own is None else own

    return _asks(told)


def items_of(limit_ranges: Iterable[Object], kind: Literal["Container", "Pod"]) -> list[Object]:
    return [
        item for each in limit_ranges for item in each["spec"].get("limits") or [] if item["type"] == kind
    ]


def of_namespace(objects: Iterable[Object], space: NamespaceView) -> list[Object]:
    return [each for each in objects if each["metadata"]["namespace"] == space.name]


def shown(resource: Resource, amount: float) -> str:
    """``100m`` of 0.1 cores, ``64Mi`` of 67108864 bytes."""
    return f"{amount * 1000:.0f}m" if resource == "cpu" else f"{amount / 2**20:.0f}Mi"


def _asks(told: Any) -> Asks:
    cpu_limit, memory_limit = told("cpu", "limit"), told("memory", "limit")
    cpu, memory = told("cpu", "request"), told("memory", "request")
    return Asks(
        cpu_cores=(cpu_limit if cpu is None else cpu) or 0.0,
        memory_bytes=(memory_limit if memory is None else memory) or 0.0,
        cpu_limit_cores=cpu_limit,
        memory_limit_bytes=memory_limit,
    )


def _read(text: object) -> float | None:
    try:
        return quantity(str(text))
    except ValueError:
        return None
