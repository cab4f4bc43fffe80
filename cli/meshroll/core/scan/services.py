"""Scanners of Services: protocols that Linkerd does not know, and ports that clients dial and nobody declares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from meshroll.core.facts import Facts
from meshroll.core.model import Object, Workload
from meshroll.core.scan.row import Hit, Scanner, listed

# linkerd2 policy-controller/core/src/outbound.rs (AppProtocol::from_str), word for word.
KNOWN_PROTOCOLS = frozenset({"http", "kubernetes.io/h2c", "linkerd.io/opaque", "linkerd.io/tcp"})
_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
# tariffs:80, tariffs.charging:80, tariffs.charging.svc.cluster.local:80; not tariffs.charging.example.com:80, nor
# pod-0.tariffs.charging.svc:80, which is no address of a Service.
_DIALLED = re.compile(
    rf"(?<![-\w.])({_LABEL})(?:\.({_LABEL})(?:\.svc(?:\.{_LABEL})*)?\.?)?:(\d{{1,5}})(?![-\w]|\.\d)"
)


def _app_protocol(facts: Facts) -> Iterator[Hit]:
    services, meshed = facts.objects("services"), facts.meshed_namespaces
    yield from unknown_protocols(each for each in services if each["metadata"]["namespace"] in meshed)


def unknown_protocols(services: Iterable[Object]) -> Iterator[Hit]:
    """Headless Services aside, whose appProtocol the proxies never see."""
    for service in services:
        if not _has_address(service):
            continue
        for port in service["spec"].get("ports") or []:
            protocol = port.get("appProtocol")
            if protocol and protocol not in KNOWN_PROTOCOLS and port.get("protocol", "TCP") == "TCP":
                yield Hit(
                    f"Port {port['port']} of Service/{service['metadata']['name']} has appProtocol {protocol}, which "
                    "Linkerd does not know: it is treated as opaque.",
                    service["metadata"]["namespace"],
                    f"Service/{service['metadata']['name']}",
                )


@dataclass(frozen=True)
class _Dialled:
    """A port that meshed workloads dial at a Service's own address, which does not declare it."""

    service: Object
    port: int
    callers: list[str]


def undeclared(
    services: Iterable[Object],
    callers: Iterable[tuple[Workload, Iterable[str]]],
    concerns: Callable[[Workload, str, str], bool] = lambda *_: True,
) -> Iterator[Hit]:
    """As far as what ``callers`` are told tells: commands, arguments, variables and ConfigMaps of each.

    ``concerns`` leaves calls out, by the caller and the Service's namespace and name.
    """
    known = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each
        for each in services
        if _has_address(each)
    }
    found: dict[tuple[str, str, int], _Dialled] = {}
    for workload, told in callers:
        for text in told:
            for match in _DIALLED.finditer(text):
                name, namespace, port = match[1], match[2] or workload.namespace, int(match[3])
                service = known.get((namespace, name))
                if service is None or port in _declared(service):
                    continue
                if concerns(workload, namespace, name):
                    dialled = found.setdefault((namespace, name, port), _Dialled(service, port, []))
                    dialled.callers.append(f"{workload.namespace}/{workload.id}")
    yield from (_told(found[key]) for key in sorted(found))


def _undeclared(facts: Facts, profiled: bool) -> Iterator[Hit]:
    """A ServiceProfile of the Service, in its namespace or in the caller's, let the connection through for longer."""
    profiles = {
        (each["metadata"]["namespace"], each["metadata"]["name"])
        for each in facts.objects("service_profiles")
    }
    domain = facts.values.get("clusterDomain") or "cluster.local"

    def concerns(caller: Workload, namespace: str, name: str) -> bool:
        profile = f"{name}.{namespace}.svc.{domain}"
        return profiled == bool({(namespace, profile), (caller.namespace, profile)} & profiles)

    callers = [(workload, facts.texts(workload)) for workload in facts.meshed_workloads]
    yield from undeclared(facts.objects("services"), callers, concerns)
    facts.refuse_hidden_config_maps()


def _undeclared_ports(facts: Facts) -> Iterator[Hit]:
    return _undeclared(facts, profiled=False)


def _undeclared_ports_with_profiles(facts: Facts) -> Iterator[Hit]:
    return _undeclared(facts, profiled=True)


def _told(dialled: _Dialled) -> Hit:
    meta = dialled.service["metadata"]
    declared = ", ".join(str(port) for port in sorted(_declared(dialled.service)))
    return Hit(
        f"{listed(dialled.callers)} dial port {dialled.port} of Service/{meta['name']}, which declares "
        f"{declared or 'none'}: the connection is refused.",
        meta["namespace"],
        f"Service/{meta['name']}",
        f"Declare port {dialled.port} in its spec.ports with the targetPort that answers, or let them dial a port "
        "that is declared.",
    )


def _has_address(service: Object) -> bool:
    """Whether it has an address of its own: only at that do proxies look ports up."""
    spec = service["spec"]
    return spec.get("type") != "ExternalName" and spec.get("clusterIP") not in (None, "", "None")


def _declared(service: Object) -> set[int]:
    return {
        port["port"] for port in service["spec"].get("ports") or [] if port.get("protocol", "TCP") == "TCP"
    }


SCANNERS: dict[str, Scanner] = {
    "app-protocol": _app_protocol,
    "undeclared-service-ports": _undeclared_ports,
    "undeclared-service-ports-with-profiles": _undeclared_ports_with_profiles,
}
