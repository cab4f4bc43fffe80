"""Converting a Service: a ClusterIP Service beside a headless one, with every port that clients may dial.

Linkerd does not balance headless Services. A headless client dials the pod port, a ClusterIP client the Service port,
and since edge-25.7.1 a port that is not declared is refused; so the new Service declares both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshroll.core.changes import Change
from meshroll.core.errors import Problem
from meshroll.core.model import NamespaceView, Object, Workload, containers_of
from meshroll.core.settings import Service


def is_headless(service: Object) -> bool:
    return bool(service["spec"].get("clusterIP") == "None")


def service_problems(setting: Service, view: NamespaceView) -> list[Problem]:
    """Why this Service cannot be converted."""
    service = view.service(setting.name)
    if service is None:
        return [
            _problem(
                "service-unknown",
                view,
                setting,
                f"{view.name} has no Service {setting.name}.",
                "Correct `services` in the inventory.",
            )
        ]
    if not is_headless(service):
        return []
    governed = [
        w.id
        for w in view.workloads
        if w.kind == "StatefulSet" and w.manifest["spec"].get("serviceName") == setting.name
    ]
    if governed:
        return [
            _problem(
                "service-governs-statefulset",
                view,
                setting,
                f"Service {setting.name} gives the pods of {', '.join(governed)} their names and stays headless.",
                "Take it out of `services`; make another Service for clients that do not need pod names.",
            )
        ]
    servers = view.servers_of(service)
    if not servers:
        return [
            _problem(
                "service-without-workload",
                view,
                setting,
                f"No workload of {view.name} is behind {setting.name}.",
                "A Service without a selector, or over other kinds, is converted by hand.",
            )
        ]
    problems = []
    for port in service["spec"].get("ports") or []:
        numbers = {_pod_port(port, server) for server in servers}
        if len(numbers) != 1 or None in numbers:
            problems.append(
                _problem(
                    "service-port-unmapped",
                    view,
                    setting,
                    f"Port {port['port']} of Service {setting.name} does not map to one pod port.",
                    "Its targetPort must be a container port that every server declares.",
                )
            )
    other = view.service(setting.target_name)
    if other is not None and (
        is_headless(other) or other["spec"].get("selector") != service["spec"].get("selector")
    ):
        problems.append(
            _problem(
                "service-name-taken",
                view,
                setting,
                f"{view.name} has another Service {setting.target_name}.",
                "Set `alongside_name` in the inventory.",
            )
        )
    return problems


def alongside(setting: Service, view: NamespaceView) -> Change | None:
    """The ClusterIP Service to make beside a headless one; None where it is there or none is needed."""
    service = view.service(setting.name)
    if service is None or not is_headless(service):
        return None
    body = alongside_body(setting, service, view.servers_of(service))
    present = view.service(setting.target_name)
    if present is not None and _declares(present, body["spec"]["ports"]):
        return None
    return Change(
        "Service",
        view.name,
        setting.target_name,
        "apply",
        f"a ClusterIP Service beside the headless {setting.name}",
        body=body,
    )


def alongside_body(setting: Service, service: Object, servers: Sequence[Workload]) -> dict[str, Any]:
    """The Service object: same selector, the Service's own ports and each pod port with the same target."""
    ports: list[dict[str, Any]] = []
    for port in service["spec"].get("ports") or []:
        pod_port = _pod_port(port, servers[0])
        common = {key: port[key] for key in ("protocol", "appProtocol") if key in port}
        name = port.get("name") or f"port-{port['port']}"
        ports.append({"name": name, "port": port["port"], "targetPort": pod_port, **common})
        if pod_port not in {entry["port"] for entry in service["spec"]["ports"]}:
            ports.append(
                {"name": f"{name}-pod"[:15].rstrip("-"), "port": pod_port, "targetPort": pod_port, **common}
            )
    unique = {entry["port"]: entry for entry in reversed(ports)}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": setting.target_name,
            "namespace": service["metadata"]["namespace"],
            "labels": {"app.kubernetes.io/managed-by": "meshroll", "meshroll.io/alongside": setting.name},
        },
        "spec": {
            "type": "ClusterIP",
            "selector": dict(service["spec"]["selector"]),
            "ports": [unique[number] for number in sorted(unique)],
        },
    }


def _pod_port(port: Object, server: Workload) -> int | None:
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    for container in containers_of(server.template):
        for declared in container.get("ports") or []:
            if declared.get("name") == target:
                return int(declared["containerPort"])
    return None


def _declares(service: Object, ports: list[dict[str, Any]]) -> bool:
    declared = {(port["port"], port.get("targetPort")) for port in service["spec"].get("ports") or []}
    return {(port["port"], port["targetPort"]) for port in ports} <= declared


def _problem(code: str, view: NamespaceView, setting: Service, message: str, hint: str) -> Problem:
    return Problem(code, message, hint, namespace=view.name, object=f"Service/{setting.name}")
