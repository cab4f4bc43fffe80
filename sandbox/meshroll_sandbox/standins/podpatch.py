"""What Linkerd's injector does to a pod or a Service that is about to be created: a JSON patch, or why not.

Pure. The behaviour is that of pkg/inject in linkerd2, at the release that the configuration names.
"""

import copy
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from meshroll_sandbox.standins import overrides
from meshroll_sandbox.standins.edge import ADDITIONAL_ENV, NATIVE_PORTS, NATIVE_STABLE, Edge
from meshroll_sandbox.standins.overrides import OPAQUE_PORTS, Annotations, Values
from meshroll_sandbox.standins.proxyenv import proxy_environment
from meshroll_sandbox.standins.proxyspec import init_container, proxy_container, proxy_version, volumes
from meshroll_sandbox.standins.skipping import skip_reasons

Object = dict[str, Any]
Operation = dict[str, Any]
"""One operation of RFC 6902: {"op": "add", "path": …, "value": …}."""

_OWNER_LABELS = ("deployment", "replicationcontroller", "replicaset", "job", "daemonset", "statefulset")


class InjectionError(Exception):
    """The injector cannot make a patch, and says so: the pod is refused, whatever the failurePolicy is."""


@dataclass(frozen=True)
class InjectorConfig:
    """What an injector knows. `values` are those in the ConfigMap linkerd-config, `trust_anchors` is the
    ca-bundle.crt of linkerd-identity-trust-roots, `namespace` the control plane's.
    """

    edge: Edge
    values: Values
    trust_anchors: str
    namespace: str = "linkerd"


@dataclass(frozen=True)
class Owner:
    """Whom a pod belongs to, through its ReplicaSet or Job: kind in lower case, and name."""

    kind: str
    name: str


@dataclass(frozen=True)
class Decision:
    """`skipped` says why the pod gets no proxy, None when it gets one. `patch` may be empty."""

    patch: list[Operation]
    skipped: str | None = None


def patch_pod(
    pod: Object, namespace: str, inherited: Annotations, owner: Owner, config: InjectorConfig
) -> Decision:
    """Decide about a pod in `namespace`, whose annotations are `inherited`. Raises InjectionError."""
    annotations: dict[str, str] = pod["metadata"].get("annotations") or {}
    reasons = skip_reasons(pod, inherited, config.values)
    if reasons:
        patch = _mark_opaque(annotations, inherited, _default_opaque(pod, config))
        return Decision(patch, ", ".join(reasons))

    added = {"linkerd.io/created-by": f"linkerd/proxy-injector {config.edge}"}
    for key in overrides.inherited(config.edge):
        if key in inherited and key not in annotations:
            added[key] = inherited[key]
    if OPAQUE_PORTS not in annotations | added and (ports := _default_opaque(pod, config)):
        added[OPAQUE_PORTS] = ",".join(ports)

    values = copy.deepcopy(config.values)
    named = {port["name"]: port["containerPort"] for port in _ports(pod, config.edge) if port.get("name")}
    overrides.apply(values, annotations | added, config.edge, named)
    if config.edge >= ADDITIONAL_ENV:
        overrides.merge_environment(values, (inherited, annotations))
    if (
        config.edge < NATIVE_STABLE
        and values["proxy"]["nativeSidecar"]
        and values["proxy"]["waitBeforeExitSeconds"]
    ):
        raise InjectionError("proxy.nativeSidecar and waitBeforeExitSeconds cannot be used simultaneously")

    added["linkerd.io/proxy-version"] = proxy_version(values)
    added["linkerd.io/trust-root-sha256"] = hashlib.sha256(config.trust_anchors.encode()).hexdigest()
    labels = {"linkerd.io/control-plane-ns": config.namespace, "linkerd.io/workload-ns": namespace}
    if owner.kind in _OWNER_LABELS:
        labels[f"linkerd.io/proxy-{owner.kind}"] = owner.name
    return Decision(
        [
            *_annotate(annotations, added),
            *_add_entries("/metadata/labels", pod["metadata"].get("labels"), labels),
            *_add_containers(pod, values, config),
        ]
    )


def patch_service(service: Object, inherited: Annotations, config: InjectorConfig) -> list[Operation]:
    """Mark a Service's opaque ports: as its namespace says, else those that are opaque by default."""
    opaque = config.values["proxy"]["opaquePorts"].split(",")
    exposed = [
        str(port["port"])
        for port in service["spec"].get("ports") or []
        if str(port.get("targetPort") or port["port"]) in opaque
    ]
    return _mark_opaque(service["metadata"].get("annotations") or {}, inherited, exposed)


def _add_containers(pod: Object, values: Values, config: InjectorConfig) -> Iterable[Operation]:
    spec, proxy = pod["spec"], values["proxy"]
    app = spec["containers"][0]
    environment = proxy_environment(
        values, config.namespace, config.trust_anchors, _inbound_ports(pod, config.edge)
    )
    if not spec.get("volumes"):
        yield _add("/spec/volumes", [])
    for volume in volumes(values):
        yield _add("/spec/volumes/-", volume)
    if not spec.get("initContainers"):
        yield _add("/spec/initContainers", [])
    native = proxy["nativeSidecar"]
    # Native: before the application's own init containers, which are meshed in this way. Classic: after them,
    # and before the application if it is to wait for its proxy.
    yield _add(
        "/spec/initContainers/0" if native else "/spec/initContainers/-",
        init_container(values, config.edge, app),
    )
    where = "/spec/containers/0" if proxy["await"] else "/spec/containers/-"
    yield _add("/spec/initContainers/1" if native else where, proxy_container(values, environment, app))


def _with_ports(pod: Object, edge: Edge) -> list[Object]:
    """The containers whose ports are the pod's."""
    init = pod["spec"].get("initContainers") or [] if edge >= NATIVE_PORTS else []
    return [*init, *pod["spec"]["containers"]]


def _ports(pod: Object, edge: Edge) -> list[Object]:
    return [port for each in _with_ports(pod, edge) for port in each.get("ports") or []]


def _default_opaque(pod: Object, config: InjectorConfig) -> list[str]:
    opaque = config.values["proxy"]["opaquePorts"].split(",")
    ports = (str(port["containerPort"]) for port in _ports(pod, config.edge))
    return [port for port in ports if port in opaque]


def _inbound_ports(pod: Object, edge: Edge) -> str:
    """The pod's ports, those of HTTP probes included, sorted as text."""
    found = {str(port["containerPort"]) for port in _ports(pod, edge)}
    for container in _with_ports(pod, edge):
        for probe in ("readinessProbe", "livenessProbe"):
            port = ((container.get(probe) or {}).get("httpGet") or {}).get("port")
            if isinstance(port, int):
                found.add(str(port))
    return ",".join(sorted(found))


def _mark_opaque(annotations: Annotations, inherited: Annotations, default: list[str]) -> list[Operation]:
    if OPAQUE_PORTS in annotations:
        return []
    ports = inherited.get(OPAQUE_PORTS, ",".join(default))
    return _annotate(annotations, {OPAQUE_PORTS: ports} if ports else {})


def _annotate(annotations: Annotations, added: Annotations) -> list[Operation]:
    return _add_entries("/metadata/annotations", annotations, added)


def _add_entries(path: str, existing: Mapping[str, str] | None, added: Mapping[str, str]) -> list[Operation]:
    root = [] if existing or not added else [_add(path, {})]
    return root + [
        _add(f"{path}/{key.replace('~', '~0').replace('/', '~1')}", added[key]) for key in sorted(added)
    ]


def _add(path: str, value: Any) -> Operation:
    return {"op": "add", "path": path, "value": value}
