"""A pod of the API server as the model sees it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from meshroll_sandbox.standins.traffic.topology import Client, Container, Key, Pod, Probe

RATE_ANNOTATION = "sandbox.meshroll.io/requests-per-second"
"""Requests per second of the workload, on its pod template."""

VARIABLES = ("TARGET", "DIAL_MODE", "LB_POLICY")

Object = dict[str, Any]
Environment = dict[str, str]


def runs(item: Object) -> bool:
    return bool(item.get("status", {}).get("phase") == "Running")


def environment(item: Object, config_maps: Mapping[Key, Mapping[str, str]]) -> Environment | None:
    """What the pod's applications read to know whom to call, None while a ConfigMap or key of it is missing."""
    found: Environment = {}
    for container in item["spec"]["containers"]:
        for variable in container.get("env") or ():
            if variable["name"] not in VARIABLES:
                continue
            reference = (variable.get("valueFrom") or {}).get("configMapKeyRef")
            if reference:
                key = (item["metadata"]["namespace"], reference["name"])
                value = config_maps.get(key, {}).get(reference["key"])
                if value is None:
                    return None
                found[variable["name"]] = value
            else:
                found[variable["name"]] = variable.get("value") or ""
    return found


def read_pod(item: Object, variables: Environment) -> Pod:
    """`variables` is the environment that the pod started with."""
    metadata, spec, status = item["metadata"], item["spec"], item.get("status", {})
    labels = metadata.get("labels") or {}
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    states = {
        one["name"]: one.get("state") or {}
        for kind in ("containerStatuses", "initContainerStatuses")
        for one in status.get(kind) or ()
    }
    containers = (
        *(_container(one, states, init=True) for one in sidecars),
        *(_container(one, states, init=False) for one in spec["containers"]),
    )
    controllers = (one for one in metadata.get("ownerReferences") or () if one.get("controller"))
    controller: Object = next(controllers, {})
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
    proxy = next((one for one in containers if one.name == "linkerd-proxy"), None)
    return Pod(
        key=(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        owner=_owner(controller, metadata["name"], labels),
        ip=status.get("podIP", ""),
        node=spec.get("nodeName", ""),
        node_ip=status.get("hostIP", ""),
        phase=status.get("phase", "Pending"),
        ready=ready and "deletionTimestamp" not in metadata,
        labels=labels,
        controller=(controller.get("kind", ""), controller.get("name", "")),
        service_account=spec.get("serviceAccountName") or "default",
        containers=containers,
        release=_release(proxy, metadata.get("annotations") or {}),
        probes=tuple(probe for one in (*sidecars, *spec["containers"]) for probe in _probes(one)),
        client=_client(variables, metadata.get("annotations") or {}),
        started=_started(states, "linkerd-proxy" if proxy else spec["containers"][0]["name"]),
    )


def _container(spec: Object, states: Mapping[str, Object], init: bool) -> Container:
    ports = tuple((port.get("name", ""), port["containerPort"]) for port in spec.get("ports") or ())
    limit = ((spec.get("resources") or {}).get("limits") or {}).get("cpu")
    running = "running" in states.get(spec["name"], {})
    return Container(spec["name"], spec["image"], ports, running, init, _cores(limit) if limit else None)


def _cores(quantity: str) -> float:
    """Of a quantity of CPU as the API server writes it: "2", "200m"."""
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def _owner(controller: Object, name: str, labels: Mapping[str, str]) -> tuple[str, str]:
    """Kind and name of the workload: of a ReplicaSet made by a Deployment, the Deployment."""
    kind, owner = controller.get("kind", "Pod"), controller.get("name", name)
    template = labels.get("pod-template-hash")
    if kind == "ReplicaSet" and template and owner.endswith(f"-{template}"):
        return "Deployment", owner.removesuffix(f"-{template}")
    return kind, owner


def _release(proxy: Container | None, annotations: Mapping[str, str]) -> str | None:
    """The proxy's release: its image's tag, or what the injector noted where the image has a digest instead."""
    if proxy is None:
        return None
    _, separator, tag = proxy.image.rpartition("/")[2].partition(":")
    return tag if separator and "@" not in proxy.image else annotations.get("linkerd.io/proxy-version", "")


def _probes(container: Object) -> list[Probe]:
    """HTTP probes that go on while the container runs; startup probes end with the start."""
    found = []
    ports = {port.get("name"): port["containerPort"] for port in container.get("ports") or ()}
    for kind in ("readinessProbe", "livenessProbe"):
        probe = container.get(kind) or {}
        port = (probe.get("httpGet") or {}).get("port")
        number = ports.get(port) if isinstance(port, str) else port
        if number:
            found.append(Probe(number, float(probe.get("periodSeconds") or 10)))
    return found


def _client(variables: Environment, annotations: Mapping[str, str]) -> Client | None:
    """Whom the pod calls; None for one that calls nobody, or says it in a way that its program would not take."""
    host, separator, port = variables.get("TARGET", "").removeprefix("dns:///").rpartition(":")
    try:
        rate = float(annotations.get(RATE_ANNOTATION, "0"))
    except ValueError:
        return None
    if not (separator and host and port.isdigit() and rate > 0):
        return None
    return Client(
        host=host,
        port=int(port),
        per_request=variables.get("DIAL_MODE") == "per_request",
        round_robin=variables.get("LB_POLICY") == "round_robin",
        requests_per_second=rate,
    )


def _started(states: Mapping[str, Object], container: str) -> float:
    """When the container started, in seconds since 1970; 0 if it did not."""
    at = states.get(container, {}).get("running", {}).get("startedAt")
    return datetime.fromisoformat(at).timestamp() if at else 0.0
