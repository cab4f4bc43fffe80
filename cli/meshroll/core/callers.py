"""Who calls a Service, as far as manifests tell: workloads whose containers or ConfigMaps name its host.

A balancer sits in the caller, so a Service is not converted before every caller is known. Manifests show callers
before the first proxy is there; traffic (inbound without mTLS) shows afterwards whether some were missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from meshroll.core.model import ClusterView, Object, Workload, containers_of

_LABEL = r"([a-z0-9][-a-z0-9]*)"
_START, _END = r"(?<![-\w.])", r"(?![-\w]|\.\w)"
_FULL = re.compile(rf"{_START}{_LABEL}\.{_LABEL}(?:\.svc(?:\.[-\w.]+)?)?{_END}")
_BARE = re.compile(rf"{_START}{_LABEL}:\d+{_END}|///?{_LABEL}(?![-\w.])|\A{_LABEL}$")


@dataclass(frozen=True)
class Caller:
    namespace: str
    workload: Workload

    @property
    def name(self) -> str:
        return f"{self.namespace}/{self.workload.id}"


def callers_of(view: ClusterView, namespace: str, service: str) -> list[Caller]:
    """Workloads anywhere in the cluster that name the Service's host; its own servers aside."""
    naming = _naming(view)
    servers = _servers(view, namespace, service)
    found = {
        caller.name: caller
        for name in (service, *_aliases(view, namespace, service))
        for caller in naming.get((name, namespace), ())
        if caller.namespace != namespace or caller.workload.id not in servers
    }
    return [found[name] for name in sorted(found)]


@lru_cache(maxsize=1)
def _naming(view: ClusterView) -> Mapping[tuple[str, str], Sequence[Caller]]:
    """Workloads by each host that they are told, which may be a Service: found once, because all Services are asked."""
    found: dict[tuple[str, str], list[Caller]] = {}
    for workload in view.all_workloads:
        space = view.space(workload.namespace)
        told = {
            host
            for text in texts(workload, space.config_maps if space else ())
            for host in hosts(text, workload.namespace)
        }
        for host in told:
            found.setdefault(host, []).append(Caller(workload.namespace, workload))
    return found


def hosts(text: str, home: str) -> Iterator[tuple[str, str]]:
    """(name, namespace) of what may be a Service's host: its DNS name, or at ``home`` its bare name with a port or
    scheme, or alone.
    """
    for match in _FULL.finditer(text):
        yield match[1], match[2]
    for match in _BARE.finditer(text):
        yield match[1] or match[2] or match[3], home


def _servers(view: ClusterView, namespace: str, service: str) -> set[str]:
    home = view.namespaces.get(namespace)
    own = home.service(service) if home else None
    return {server.id for server in home.servers_of(own)} if home and own else set()


def _aliases(view: ClusterView, namespace: str, service: str) -> tuple[str, ...]:
    """Whoever calls one of them calls the same servers."""
    home = view.namespaces.get(namespace)
    return home.aliases_of(service) if home else ()


def texts(workload: Workload, config_maps: Iterable[Object]) -> Iterator[str]:
    """Where a workload may be told whom to call: commands, arguments, variables, and the ConfigMaps that it reads."""
    by_name: Mapping[str, Object] = {item["metadata"]["name"]: item for item in config_maps}
    template = workload.template
    for container in [*containers_of(template), *((template.get("spec") or {}).get("initContainers") or [])]:
        yield from container.get("command") or []
        yield from container.get("args") or []
        for variable in container.get("env") or []:
            yield variable.get("value") or ""
    for name in config_maps_used(workload):
        yield from (by_name.get(name, {}).get("data") or {}).values()


def config_maps_used(workload: Workload) -> set[str]:
    """Names of the ConfigMaps that the pods read, by variable, envFrom or volume."""
    used = set()
    spec = workload.template.get("spec") or {}
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        for variable in container.get("env") or []:
            reference = (variable.get("valueFrom") or {}).get("configMapKeyRef")
            if reference:
                used.add(reference["name"])
        for source in container.get("envFrom") or []:
            if source.get("configMapRef"):
                used.add(source["configMapRef"]["name"])
    for volume in spec.get("volumes") or []:
        if volume.get("configMap"):
            used.add(volume["configMap"]["name"])
        for source in (volume.get("projected") or {}).get("sources") or []:
            if source.get("configMap"):
                used.add(source["configMap"]["name"])
    return used
