"""What a probe may call: a ClusterIP Service of the namespace, and nothing that goes past the proxy."""

from __future__ import annotations

import re
from dataclasses import dataclass

from meshroll.core.errors import Problem, Refused, UsageError
from meshroll.core.model import NamespaceView, Object, annotations_of, labels_of
from meshroll.core.services import is_headless

# The name of a Service (an RFC 1035 label), its port, a path. No brackets or braces, which curl would expand.
_TARGET = re.compile(r"([a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)(?::([0-9]{1,5}))?(/[A-Za-z0-9/._~%?&=+:@,-]*)?")
_ADDRESS = re.compile(r"localhost|[0-9.]+|.*:.*", re.IGNORECASE)
HOW = "Name a Service of the namespace: SERVICE, SERVICE:PORT where it has several ports, SERVICE/PATH for plain HTTP."
TOPOLOGY_ANNOTATION = "service.kubernetes.io/topology-mode"


@dataclass(frozen=True)
class Target:
    """What was asked for. ``port`` is one of the Service's, None for the one that it has; a ``path`` is got by HTTP."""

    service: str
    port: int | None = None
    path: str = ""


@dataclass(frozen=True)
class Aim:
    """What is called: ``pods`` are those that are Ready behind the Service.

    ``near`` says what keeps calls to some of them (trafficDistribution, say); "" where nothing does.
    """

    namespace: str
    service: str
    port: int
    grpc: bool
    pods: tuple[str, ...]
    path: str = "/"
    near: str = ""

    @property
    def name(self) -> str:
        return f"{self.service}:{self.port}"

    @property
    def url(self) -> str:
        """Calls that change nothing: gRPC's health check, or a page."""
        path = "/grpc.health.v1.Health/Check" if self.grpc else self.path
        return f"http://{self.service}.{self.namespace}.svc:{self.port}{path}"


def parse(text: str) -> Target:
    """``SERVICE[:PORT][/PATH]``. Raises UsageError for addresses and host names, which prove nothing."""
    found = _TARGET.fullmatch(text)
    if found and found[1] != "localhost" and (found[2] is None or 0 < int(found[2]) < 65536):
        return Target(found[1], int(found[2]) if found[2] else None, found[3] or "")
    authority = text.rpartition("//")[2].partition("/")[0]
    host = authority.rpartition(":")[0] if authority.count(":") == 1 else authority
    if _ADDRESS.fullmatch(host):
        why = (
            f"{text} is an address and no Service: a port-forward or a local address goes past the sidecar, "
            "to one pod, so it proves nothing about balancing."
        )
        raise UsageError(Problem("probe-target-outside", why, HOW))
    if "." in host:
        why = f"{text} is a host name: what it leads to, and whether a proxy balances it, cannot be known."
        raise UsageError(Problem("probe-target-outside", why, HOW))
    raise UsageError(Problem("probe-target-wrong", f"{text!r} is not SERVICE[:PORT][/PATH].", HOW))


def aim(target: Target, view: NamespaceView) -> Aim:
    """The target as the namespace has it. Raises Refused where a probe of it would prove nothing, or cannot be."""

    def refused(code: str, message: str, hint: str) -> Refused:
        named = f"Service/{target.service}"
        return Refused(Problem(code, message, hint, namespace=view.name, object=named))

    service = view.service(target.service)
    if service is None:
        names = ", ".join(sorted(each["metadata"]["name"] for each in view.services if not _why_not(each)))
        raise refused(
            "probe-service-unknown",
            f"{view.name} has no Service {target.service}.",
            f"It has {names}." if names else "It has none that Linkerd would balance.",
        )
    if why_not := _why_not(service):
        raise refused("probe-service-unbalanced", f"Service {target.service} is {why_not[0]}", why_not[1])
    pods = _ready_pods(service, view)
    if not pods:
        raise refused(
            "probe-service-without-pods",
            f"No Ready pod is behind Service {target.service}, so nobody would answer.",
            f"kubectl -n {view.name} get endpointslices -l kubernetes.io/service-name={target.service}",
        )
    ports: list[Object] = [
        port for port in service["spec"].get("ports") or [] if port.get("protocol", "TCP") == "TCP"
    ]
    declared = ", ".join(str(port["port"]) for port in ports) or "none"
    if target.port is None:
        found = ports if len(ports) == 1 else [port for port in ports if _named(port, "grpc")]
    else:
        found = [port for port in ports if port["port"] == target.port]
        if not found:
            raise refused(
                "probe-port-undeclared",
                f"Service {target.service} does not declare port {target.port}, and Linkerd refuses such ports.",
                f"It declares {declared}. The pods' own port is not the Service's.",
            )
    if len(found) != 1:
        raise refused(
            "probe-port-unclear",
            f"Service {target.service} has ports {declared}, and one has to be chosen.",
            f"--probe {target.service}:PORT",
        )
    (port,) = found
    grpc = not target.path and _speaks_grpc(port)
    return Aim(view.name, target.service, port["port"], grpc, pods, target.path or "/", _near(service))


def _why_not(service: Object) -> tuple[str, str] | None:
    """Why Linkerd does not balance the Service, and what to probe in its place; None where it does."""
    if service["spec"].get("type") == "ExternalName":
        leads_to = service["spec"].get("externalName")
        return (
            "an ExternalName: a name for another one, which Linkerd does not balance.",
            f"Probe the Service that it leads to: {leads_to}.",
        )
    if is_headless(service):
        return (
            "headless: its clients choose pods themselves, so Linkerd does not.",
            "Probe the ClusterIP Service over the same pods; `services` in the inventory makes one.",
        )
    return None


def _ready_pods(service: Object, view: NamespaceView) -> tuple[str, ...]:
    selector = service["spec"].get("selector") or {}
    return tuple(
        sorted(
            pod.name
            for pod in view.pods
            if selector
            and pod.ready
            and not pod.ending
            and selector.items() <= labels_of(pod.manifest).items()
        )
    )


def _speaks_grpc(port: Object) -> bool:
    """Unless the port says HTTP: what meshroll is for is gRPC, whose ports often say nothing."""
    if "appProtocol" in port:
        return bool(port["appProtocol"] != "http")
    return not _named(port, "http")


def _named(port: Object, name: str) -> bool:
    """Whether the port has this name, alone or as in ``grpc-api``."""
    return str(port.get("name", "")).partition("-")[0] == name


def _near(service: Object) -> str:
    spec = service["spec"]
    if spec.get("trafficDistribution"):
        return f"trafficDistribution: {spec['trafficDistribution']}"
    if spec.get("internalTrafficPolicy") == "Local":
        return "internalTrafficPolicy: Local"
    mode = annotations_of(service).get(TOPOLOGY_ANNOTATION, "")
    return f"{TOPOLOGY_ANNOTATION}: {mode}" if mode.lower() == "auto" else ""
