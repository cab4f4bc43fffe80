"""Does the namespace's ResourceQuota have room for proxies, and do its LimitRanges admit them?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from meshroll.core.checks.row import Case, Check
from meshroll.core.model import NamespaceView, Object, Workload, containers_of
from meshroll.core.proxy_resources import (
    RESOURCES,
    Asks,
    Resource,
    annotation,
    given,
    items_of,
    of_namespace,
    proxy_request,
    shown,
)
from meshroll.core.quantities import quantity
from meshroll.core.scan.row import Hit, listed
from meshroll.core.strategy import surge, taken_away

Bound = Literal["request", "limit"]
# What a quota counts of containers (kubernetes.io/docs/concepts/policy/resource-quotas).
COUNTED: dict[str, tuple[Resource, Bound]] = {
    "cpu": ("cpu", "request"),
    "memory": ("memory", "request"),
    "requests.cpu": ("cpu", "request"),
    "requests.memory": ("memory", "request"),
    "limits.cpu": ("cpu", "limit"),
    "limits.memory": ("memory", "limit"),
}
COUNTED_PODS = ("pods", "count/pods")
# Scopes that every pod of a Deployment with requests is in.
COMMON_SCOPES = frozenset({"NotTerminating", "NotBestEffort"})


def _quotas(case: Case) -> Iterator[Hit]:
    for space, workloads in _taken(case):
        ranges = of_namespace(case.seen.objects("limit_ranges"), space)
        proxies = [(workload, given(_asks(case, workload, space), ranges)) for workload in workloads]
        for quota in of_namespace(case.seen.objects("resource_quotas"), space):
            if quota["spec"].get("scopeSelector") or set(quota["spec"].get("scopes") or ()) - COMMON_SCOPES:
                continue
            yield from _refusals(quota, space, proxies)


def _refusals(quota: Object, space: NamespaceView, proxies: list[tuple[Workload, Asks]]) -> Iterator[Hit]:
    name, status = f"ResourceQuota/{quota['metadata']['name']}", quota.get("status") or {}
    ahead = [workload for workload, _ in proxies if _to_come(workload, space) and _needs_one_more(workload)]
    for key, hard in sorted((status.get("hard") or quota["spec"].get("hard") or {}).items()):
        free = quantity(hard) - quantity((status.get("used") or {}).get(key, 0))
        if key in COUNTED_PODS and ahead and free < 1:
            yield Hit(
                f"{name} has no room for one more of its {hard} pods; {listed(each.id for each in ahead)} restart by "
                "making a new pod first.",
                space.name,
                name,
                f"Raise its {key}, or give them a maxUnavailable.",
            )
        if key not in COUNTED:
            continue
        resource, bound = COUNTED[key]
        without = [workload.id for workload, asks in proxies if not _amount(asks, resource, bound)]
        if without:
            yield Hit(
                f"{name} demands {key} of every container; the proxies of {listed(without)} have none.",
                space.name,
                name,
                f"Annotate the pod templates or the namespace with {annotation(resource, bound)}.",
            )
            continue
        added = sum(_amount(asks, resource, bound) * _to_come(workload, space) for workload, asks in proxies)
        one_more = max((_of_one_pod(workload, space, resource, bound) for workload in ahead), default=0.0)
        if added + one_more > free * (1 + 1e-9):
            beside = f", and a new pod beside the old ones {shown(resource, one_more)}" if one_more else ""
            yield Hit(
                f"{name} has {shown(resource, max(free, 0.0))} of {key} left; the proxies add "
                f"{shown(resource, added)}{beside}.",
                space.name,
                name,
                f"Raise its {key}, or let the proxies ask for less ({annotation(resource, bound)}).",
            )


def _amount(asks: Asks, resource: Resource, bound: Bound) -> float:
    return asks.request(resource) if bound == "request" else asks.limit(resource) or 0.0


def _to_come(workload: Workload, space: NamespaceView) -> int:
    """Pods that have no proxy yet: what the others ask for is in what is used."""
    return max(0, workload.replicas - sum(1 for pod in space.pods_of(workload.id) if pod.proxy))


def _needs_one_more(workload: Workload) -> bool:
    """Whether its restart stands still where no pod may come on top."""
    return bool(surge(workload)) and not taken_away(workload)


def _of_one_pod(workload: Workload, space: NamespaceView, resource: Resource, bound: Bound) -> float:
    """What a quota counts of a pod as it is now: in a pod that is there, LimitRanges' defaults are written."""
    pod = next(iter(space.pods_of(workload.id)), None)
    containers = containers_of(pod.manifest if pod else workload.template)
    return sum(_said(each, f"{bound}s", resource) for each in containers)


def _refused(case: Case) -> Iterator[Hit]:
    for space, workloads in _taken(case):
        for limit_range in of_namespace(case.seen.objects("limit_ranges"), space):
            reasons: dict[str, list[str]] = {}
            for workload in workloads:
                asks = given(_asks(case, workload, space), [limit_range])
                for reason in [*_of_container(asks, limit_range), *_of_pod(workload, asks, limit_range)]:
                    reasons.setdefault(reason, []).append(workload.id)
            name = f"LimitRange/{limit_range['metadata']['name']}"
            for reason, names in reasons.items():
                yield Hit(f"{name} refuses the proxies of {listed(names)}: {reason}.", space.name, name)


def _of_container(asks: Asks, limit_range: Object) -> Iterator[str]:
    """As the API server's LimitRanger and its validation have it (kubernetes plugin/pkg/admission/limitranger)."""
    for resource in RESOURCES:
        request, limit = asks.request(resource), asks.limit(resource)
        if limit is not None and request > limit:
            yield f"its {resource} request of {shown(resource, request)} is above the limit of {shown(resource, limit)}"
        for item in items_of([limit_range], "Container"):
            most, least = _bound(item, "max", resource), _bound(item, "min", resource)
            ratio = _bound(item, "maxLimitRequestRatio", resource)
            asked = max(request, limit or 0.0)
            if most is not None and asked > most:
                yield f"{shown(resource, asked)} of {resource} is above its max of {shown(resource, most)}"
            if least is not None and request < least:
                yield f"{shown(resource, request)} of {resource} is below its min of {shown(resource, least)}"
            if ratio is not None and limit and request and limit / request > ratio:
                yield f"its {resource} limit is more than {ratio:g} times its request"


def _of_pod(workload: Workload, asks: Asks, limit_range: Object) -> Iterator[str]:
    """Where the pod alone is within its max."""
    for item in items_of([limit_range], "Pod"):
        for resource in RESOURCES:
            most = _bound(item, "max", resource)
            if most is None:
                continue
            for of_proxy, field in (
                (asks.request(resource), "requests"),
                (asks.limit(resource) or 0.0, "limits"),
            ):
                own = sum(_said(each, field, resource) for each in containers_of(workload.template))
                if own <= most < own + of_proxy:
                    yield (
                        f"with it a pod asks for {shown(resource, own + of_proxy)} of {resource}, above its max of "
                        f"{shown(resource, most)}"
                    )
                    break


def _said(container: Object, field: str, resource: Resource) -> float:
    return quantity(((container.get("resources") or {}).get(field) or {}).get(resource, 0))


def _bound(item: Object, field: str, resource: Resource) -> float | None:
    said = (item.get(field) or {}).get(resource)
    return None if said is None else quantity(said)


def _sets(case: Case) -> Iterator[Hit]:
    for space, workloads in _taken(case):
        for limit_range in of_namespace(case.seen.objects("limit_ranges"), space):
            gifts: dict[str, list[str]] = {}
            for workload in workloads:
                own = _asks(case, workload, space)
                if told := ", ".join(_differences(own, given(own, [limit_range]))):
                    gifts.setdefault(told, []).append(workload.id)
            name = f"LimitRange/{limit_range['metadata']['name']}"
            for told, names in gifts.items():
                yield Hit(f"{name} gives the proxies of {listed(names)} {told}.", space.name, name)


def _differences(own: Asks, after: Asks) -> Iterator[str]:
    for resource in RESOURCES:
        for bound in ("request", "limit"):
            amount = _amount(after, resource, bound)
            if amount != _amount(own, resource, bound):
                yield f"a {resource} {bound} of {shown(resource, amount)}"


def _taken(case: Case) -> Iterator[tuple[NamespaceView, list[Workload]]]:
    """Those that get a proxy, by namespace: a CronJob does as a native sidecar alone."""
    found: dict[str, tuple[NamespaceView, list[Workload]]] = {}
    for namespace, space, workload in case.taken():
        if workload.kind != "CronJob" or case.mode(namespace) == "native":
            found.setdefault(space.name, (space, []))[1].append(workload)
    yield from found.values()


def _asks(case: Case, workload: Workload, space: NamespaceView) -> Asks:
    return proxy_request(workload, space, case.values)


CHECKS = (
    Check(
        "quota-without-room",
        "the namespace's ResourceQuota has room for the proxies",
        _quotas,
        needs=("resource_quotas", "limit_ranges"),
        acceptable=True,
        why="A ResourceQuota counts what proxies ask for, and the pod that a restart makes before it ends an old one; "
        "one on requests or limits refuses a pod with a container that has none. Refused pods are never made, so the "
        "restart stands still half way (kubernetes.io/docs/concepts/policy/resource-quotas).",
        fix="Raise the quota, or set what the proxies ask for.",
    ),
    Check(
        "limit-range-refuses-proxy",
        "the namespace's LimitRanges admit the proxy",
        _refused,
        needs=("limit_ranges",),
        acceptable=True,
        why="A LimitRange holds injected containers to its bounds as any other. A pod whose proxy asks for more or "
        "less is refused, so the restart stands still half way (kubernetes.io/docs/concepts/policy/limit-range).",
        fix="Set config.linkerd.io/proxy-cpu-request, -cpu-limit, -memory-request and -memory-limit within the "
        "LimitRange's bounds.",
    ),
    Check(
        "limit-range-sets-proxy",
        "the proxy's requests and limits are its own",
        _sets,
        severity="note",
        needs=("limit_ranges",),
        acceptable=True,
        why="A LimitRange gives its defaults to a proxy that asks for nothing. They were thought of for applications: "
        "a limit on memory that is too low kills the proxy under load, and all calls through it.",
        fix="Set the proxy's own: config.linkerd.io/proxy-cpu-request, -memory-request, -memory-limit.",
    ),
)
