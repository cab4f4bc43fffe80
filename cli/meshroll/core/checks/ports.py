"""Do ports mean to Linkerd what they mean to those who use them?"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from meshroll.core.checks.row import Case, Check
from meshroll.core.model import NamespaceView, Object, Workload, annotations_of, containers_of
from meshroll.core.scan.row import Hit, listed
from meshroll.core.scan.services import unknown_protocols

OPAQUE = "config.linkerd.io/opaque-ports"
# proxy.opaquePorts of charts/linkerd-control-plane/values.yaml
OPAQUE_BY_DEFAULT = "25,587,3306,4444,5432,6379,9300,11211"
# Protocols in which the server says the first word, or that Linkerd's detection waits for in vain
# (linkerd.io/2/features/protocol-detection/#protocols-that-require-configuration).
_SERVER_FIRST = re.compile(
    r"^(?:(?:tcp|tls)-)?(mysql|mariadb|smtp|postgres(ql)?|redis|memcached|nats|ftp|ssh|galera)\b"
)


def _app_protocol(case: Case) -> Iterator[Hit]:
    services = [service for _, space in case.spaces() for service in space.services]
    yield from unknown_protocols(services)


def _server_first(case: Case) -> Iterator[Hit]:
    for _, space in case.spaces():
        for service in space.services:
            for port in service["spec"].get("ports") or []:
                name = str(port.get("name") or port.get("appProtocol") or "")
                if not _SERVER_FIRST.match(name) or _opaque(case, port, service, space):
                    continue
                yield Hit(
                    f"Port {port['port']} of {service['metadata']['name']} is called {name}, and is not opaque.",
                    space.name,
                    f"Service/{service['metadata']['name']}",
                    f"Annotate the Service and its pods with {OPAQUE} (it replaces the default list).",
                )


def _opaque(case: Case, port: Object, service: Object, space: NamespaceView) -> bool:
    if port.get("appProtocol") in ("linkerd.io/opaque", "linkerd.io/tcp"):
        return True
    servers = space.servers_of(service)
    told = [annotations_of(service), space.annotations, *(server.template_annotations for server in servers)]
    default = (case.values.get("proxy") or {}).get("opaquePorts") or OPAQUE_BY_DEFAULT
    lists = [annotations[OPAQUE] for annotations in told if OPAQUE in annotations] or [str(default)]
    called = {port["port"], port.get("name"), port.get("targetPort")}
    for server in servers:
        for declared in _declared(server):
            if called & {declared.get("containerPort"), declared.get("name")}:
                called |= {declared.get("containerPort"), declared.get("name")}
    return any(_within(each, called) for each in lists)


def _within(ports: str, called: Container[object]) -> bool:
    """Whether ``ports``, as the annotation has them (``25,mysql,8000-8010``), have one of these numbers or names."""
    for each in map(str.strip, ports.split(",")):
        low, _, high = each.partition("-")
        if low.isdigit():
            if any(number in called for number in range(int(low), int(high if high.isdigit() else low) + 1)):
                return True
        elif each in called:
            return True
    return False


def _no_such_port(case: Case) -> Iterator[Hit]:
    for _, space in case.spaces():
        for service in space.services:
            servers = space.servers_of(service)
            for port in service["spec"].get("ports") or []:
                wanted = port.get("targetPort")
                lacking = [
                    server.id
                    for server in servers
                    if not any(each.get("name") == wanted for each in _declared(server))
                ]
                if isinstance(wanted, str) and lacking:
                    yield Hit(
                        f"Port {port['port']} of {service['metadata']['name']} leads to the port {wanted}, which "
                        f"{listed(lacking)} does not have.",
                        space.name,
                        f"Service/{service['metadata']['name']}",
                    )


def _declared(server: Workload) -> Iterator[Object]:
    """The ports of its containers and native sidecars."""
    lasting = [
        each
        for each in (server.template.get("spec") or {}).get("initContainers") or []
        if each.get("restartPolicy") == "Always"
    ]
    for container in (*containers_of(server.template), *lasting):
        yield from container.get("ports") or []


CHECKS = (
    Check(
        "app-protocol-unknown",
        "Linkerd knows each Service port's appProtocol",
        _app_protocol,
        severity="warn",
        why="Since edge-25.4.4 a port with an appProtocol that Linkerd does not know is opaque: its bytes are carried, "
        "but no call is balanced, and none is measured.",
        fix="Use http or kubernetes.io/h2c, or leave it out: then the protocol is detected.",
    ),
    Check(
        "server-speaks-first",
        "ports on which the server speaks first are opaque",
        _server_first,
        severity="warn",
        why="Linkerd waits for the client's first bytes to tell the protocol. Where the server speaks first, every "
        "connection waits for ten seconds until it gives up.",
        fix="Make the port opaque.",
    ),
    Check(
        "target-port-missing",
        "each Service port leads to a port that its pods have",
        _no_such_port,
        severity="warn",
        why="A targetPort by name that a pod does not have gives no endpoint for it: its connections are refused, with "
        "or without a mesh.",
        fix="Correct targetPort, or name the container's port.",
    ),
)
