"""Who calls a Service, as far as manifests tell: workloads whose containers or ConfigMaps name its host.

A balancer sits in the caller, so a Service is not converted before every caller is known. Manifests show callers
before the first proxy is there; traffic (inbound without mTLS) shows afterwards whether some were missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from meshroll.core.model import ClusterView, NamespaceView, Object, Workload, containers_of

_WORD = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True)
class Caller:
    namespace: str
    workload: Workload

    @property
    def name(self) -> str:
        return f"{self.namespace}/{self.workload.id}"


def callers_of(view: ClusterView, namespace: str, service: str) -> list[Caller]:
    """Workloads anywhere in the cluster that name the Service's host; its own servers aside."""
    told = [(workload, _told(view, workload)) for workload in view.all_workloads]
    names = (service, *_aliases(view, namespace, service))
    return _callers(view, namespace, service, dict.fromkeys(names, told))


def _told(view: ClusterView, workload: Workload) -> list[str]:
    space = view.space(workload.namespace)
    return list(texts(workload, space.config_maps if space else ()))


def _callers(
    view: ClusterView,
    namespace: str,
    service: str,
    naming: Mapping[str, Sequence[tuple[Workload, Sequence[str]]]],
) -> list[Caller]:
    """``naming``: by a Service's name, the workloads that may name it, with what they are told."""
    servers = _servers(view, namespace, service)
    found: dict[str, Caller] = {}
    for name in (service, *_aliases(view, namespace, service)):
        for workload, told in naming.get(name, ()):
            caller = Caller(workload.namespace, workload)
            if caller.name in found or (workload.namespace == namespace and workload.id in servers):
                continue
            if any(mentions(text, name, namespace, workload.namespace) for text in told):
                found[caller.name] = caller
    return [found[name] for name in sorted(found)]


def all_callers(view: ClusterView) -> dict[tuple[str, str], list[Caller]]:
    """callers_of() every Service of the namespaces in hand that has some, by (namespace, Service).

    Each workload's texts are searched once for the names of all Services, and only then for the hosts.
    """
    services = [
        (space, service["metadata"]["name"])
        for space in view.namespaces.values()
        for service in space.services
    ]
    wanted = {name for _, name in services}
    naming: dict[str, list[tuple[Workload, list[str]]]] = {}
    for workload in view.all_workloads:
        told = _told(view, workload)
        for name in wanted & {word for text in told for word in _WORD.findall(text)}:
            naming.setdefault(name, []).append((workload, told))
    found: dict[tuple[str, str], list[Caller]] = {}
    for space, name in services:
        if any(each in naming for each in (name, *_aliases(view, space.name, name))):
            callers = _callers(view, space.name, name, naming)
            if callers:
                found[space.name, name] = callers
    return found


def mentions(text: str, service: str, namespace: str, own_namespace: str) -> bool:
    """Whether ``text`` names the Service as a host: its DNS name, or the bare name with a port or scheme at home."""
    name, home = re.escape(service), re.escape(namespace)
    end = r"(?![-\w]|\.\w)"
    if re.search(rf"(?<![-\w.]){name}\.{home}(\.svc(\.[-\w.]+)?)?{end}", text):
        return True
    bare = rf"(?<![-\w.]){name}(:\d+){end}|//(/)?{name}(?![-\w.])|^{name}$"
    return own_namespace == namespace and re.search(bare, text) is not None


def _servers(view: ClusterView, namespace: str, service: str) -> set[str]:
    home = view.namespaces.get(namespace)
    own = home.service(service) if home else None
    return {server.id for server in home.servers_of(own)} if home and own else set()


def _aliases(view: ClusterView, namespace: str, service: str) -> Iterator[str]:
    """Other Services over the same pods: whoever calls one of them calls the same servers."""
    home: NamespaceView | None = view.namespaces.get(namespace)
    own = home.service(service) if home else None
    selector = own["spec"].get("selector") if own else None
    if home and selector:
        for other in home.services:
            if other["metadata"]["name"] != service and other["spec"].get("selector") == selector:
                yield other["metadata"]["name"]


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
