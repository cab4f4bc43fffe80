"""Converting a Service: a ClusterIP Service beside a headless one, with every port that clients may dial.

Linkerd does not balance headless Services. A headless client dials the pod port, a ClusterIP client the Service port,
and since edge-25.7.1 a port that is not declared is refused; so the new Service declares both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshroll.core.changes import Change, fields_between
from meshroll.core.errors import Problem
from meshroll.core.model import NamespaceView, Object, Workload, containers_of, labels_of
from meshroll.core.ownership import MANAGED_BY
from meshroll.core.settings import Service

NAME_MAX = 63


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
        numbers = {pod_port(port, server) for server in servers}
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
    if not problems and _crossed(service, servers[0]):
        problems.append(
            _problem(
                "service-port-unmapped",
                view,
                setting,
                f"A pod port of Service {setting.name} is also a Service port that leads to another pod port.",
                "Give the Service port another number: a ClusterIP Service cannot declare both.",
            )
        )
    if setting.method == "recreate":  # it gets no other Service beside it
        return problems
    if len(setting.target_name) > NAME_MAX:
        problems.append(
            _problem(
                "service-name-too-long",
                view,
                setting,
                f"{setting.target_name} is longer than the {NAME_MAX} characters that a Service's name may have.",
                "Set a shorter `alongside_name` in the inventory.",
            )
        )
    other = view.service(setting.target_name)
    if other is not None and not problems and not _usable(other, setting, service, servers):
        problems.append(
            _problem(
                "service-name-taken",
                view,
                setting,
                f"{view.name} has another Service {setting.target_name}, over other pods or without these ports.",
                "Set `alongside_name` in the inventory.",
            )
        )
    return problems


def alongside(setting: Service, view: NamespaceView) -> Change | None:
    """The ClusterIP Service to make beside a headless one; None where it is there or none is needed.

    One that an earlier run made gets the ports that it lacks as a patch, so that undoing this run keeps it.
    """
    service = view.service(setting.name)
    if service is None or not is_headless(service) or setting.method == "recreate":
        return None
    body = alongside_body(setting, service, view.servers_of(service))
    present = view.service(setting.target_name)
    why = f"a ClusterIP Service beside the headless {setting.name}"
    if present is None:
        return Change("Service", view.name, setting.target_name, "apply", why, body=body)
    if _declares(present, body["spec"]["ports"], view.servers_of(service)[0]):
        return None
    fields = fields_between(present, [("/spec/ports", body["spec"]["ports"])])
    return Change("Service", view.name, setting.target_name, "patch", why, fields)


def alongside_body(setting: Service, service: Object, servers: Sequence[Workload]) -> dict[str, Any]:
    """The Service object: same selector, the Service's own ports and each pod port with the same target."""
    ports = [
        {
            **{key: port[key] for key in ("name", "port", "protocol", "appProtocol") if key in port},
            "targetPort": pod_port(port, servers[0]),
        }
        for port in declared_ports(service, servers)
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": setting.target_name,
            "namespace": service["metadata"]["namespace"],
            "labels": {MANAGED_BY: "meshroll", "meshroll.io/alongside": setting.name},
        },
        "spec": {
            "type": "ClusterIP",
            "selector": dict(service["spec"]["selector"]),
            "ports": sorted(ports, key=_number),
        },
    }


def declared_ports(service: Object, servers: Sequence[Workload]) -> list[dict[str, Any]]:
    """The Service's own ports as they are, then each pod port that they leave out, with the same target.

    A port without a name gets one, because several need names; no name is used twice.
    """
    given = [dict(port) for port in service["spec"].get("ports") or []]
    ports = {_number(port): {"name": f"port-{port['port']}", **port} for port in given}
    names = {port["name"] for port in ports.values()}
    for port in list(ports.values()):
        target = pod_port(port, servers[0])
        added = {**port, "port": target, "targetPort": port.get("targetPort", port["port"])}
        added.pop("nodePort", None)
        if _number(added) not in ports:
            added["name"] = _free_name(port["name"], names)
            names.add(added["name"])
            ports[_number(added)] = added
    return given if len(ports) == len(given) == 1 else list(ports.values())


def _free_name(name: str, taken: set[str]) -> str:
    suffixes = ("-pod", *(f"-pod-{number}" for number in range(2, 1000)))
    return next(free for suffix in suffixes if (free := name[: NAME_MAX - len(suffix)] + suffix) not in taken)


def _number(port: Object) -> tuple[int, str]:
    return port["port"], port.get("protocol", "TCP")


def _crossed(service: Object, server: Workload) -> bool:
    """Whether a pod port has the number of a Service port that leads elsewhere: its clients would go astray."""
    given = service["spec"].get("ports") or []
    leads = {_number(port): pod_port(port, server) for port in given}
    return any(
        number == target and protocol == other_protocol and leads[number, protocol] != target
        for (_, other_protocol), target in leads.items()
        for number, protocol in leads
    )


def _usable(other: Object, setting: Service, service: Object, servers: Sequence[Workload]) -> bool:
    """Whether the Service of that name is the one to make: ours, or somebody's that has all that is needed."""
    if is_headless(other) or other["spec"].get("selector") != service["spec"].get("selector"):
        return False
    ours = labels_of(other).get(MANAGED_BY) == "meshroll"
    return ours or _declares(other, alongside_body(setting, service, servers)["spec"]["ports"], servers[0])


def pod_port(port: Object, server: Workload) -> int | None:
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    for container in containers_of(server.template):
        for declared in container.get("ports") or []:
            if declared.get("name") == target:
                return int(declared["containerPort"])
    return None


def _declares(service: Object, ports: Sequence[Object], server: Workload) -> bool:
    declared = {(_number(port), pod_port(port, server)) for port in service["spec"].get("ports") or []}
    return {(_number(port), port["targetPort"]) for port in ports} <= declared


def _problem(code: str, view: NamespaceView, setting: Service, message: str, hint: str) -> Problem:
    return Problem(code, message, hint, namespace=view.name, object=f"Service/{setting.name}")
