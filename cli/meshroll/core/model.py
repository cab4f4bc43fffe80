"""What was seen in a cluster: workloads, pods with or without a proxy, and the snapshot that decisions start from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from meshroll.core.certificate_dates import Dated
from meshroll.core.mesh_identity import MeshIdentity

Object = Mapping[str, Any]

INJECT = "linkerd.io/inject"
# Beside linkerd.io/inject: disabled, it says that meshroll wrote that, and not the team.
KEPT_OUT = "meshroll.io/kept-out"
PROXY_CONTAINER = "linkerd-proxy"
# The API server labels each namespace so.
NAMESPACE_NAME = "kubernetes.io/metadata.name"
CREATED_BY = "linkerd.io/created-by"
PROXY_VERSION = "linkerd.io/proxy-version"


def annotations_of(manifest: Object) -> Mapping[str, str]:
    return (manifest.get("metadata") or {}).get("annotations") or {}


def labels_of(manifest: Object) -> Mapping[str, str]:
    return (manifest.get("metadata") or {}).get("labels") or {}


@dataclass(frozen=True)
class Workload:
    """A Deployment, StatefulSet, DaemonSet or CronJob as the API server gave it."""

    manifest: Object

    @property
    def kind(self) -> str:
        return str(self.manifest["kind"])

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.manifest["metadata"]["namespace"])

    @property
    def id(self) -> str:
        """``Deployment/omni``: how inventory, plan and result name a workload inside its namespace."""
        return f"{self.kind}/{self.name}"

    @property
    def template_path(self) -> str:
        """JSON pointer of the pod template."""
        return "/spec/jobTemplate/spec/template" if self.kind == "CronJob" else "/spec/template"

    @property
    def template(self) -> Object:
        spec = self.manifest["spec"]
        template: Object = (
            spec["jobTemplate"]["spec"]["template"] if self.kind == "CronJob" else spec["template"]
        )
        return template

    @property
    def template_annotations(self) -> Mapping[str, str]:
        return annotations_of(self.template)

    @property
    def opted_out(self) -> bool:
        annotations = self.template_annotations
        return annotations.get(INJECT) == "disabled" and KEPT_OUT not in annotations

    @property
    def host_network(self) -> bool:
        """Whether its pods are on their node's network: the injector leaves those out."""
        return bool((self.template.get("spec") or {}).get("hostNetwork"))

    @property
    def created_by(self) -> str | None:
        """The release of Linkerd that made it: ``linkerd.io/created-by: linkerd/helm edge-26.6.3``, or on its pods."""
        for told in (annotations_of(self.manifest), self.template_annotations):
            release = told.get(CREATED_BY, "").rpartition(" ")[2]
            if release.startswith("edge-"):
                return release
        return None

    @property
    def replicas(self) -> int:
        """Pods it should have: what its spec asks for, or the nodes a DaemonSet is scheduled on."""
        if self.kind == "DaemonSet":
            return int((self.manifest.get("status") or {}).get("desiredNumberScheduled", 0))
        if self.kind == "CronJob":
            return 0
        return int(self.manifest["spec"].get("replicas", 1))

    @property
    def observed(self) -> bool:
        """Whether its controller has seen the newest template: nothing in its status is about it before."""
        status = self.manifest.get("status") or {}
        return bool(status.get("observedGeneration", 0) >= self.manifest["metadata"].get("generation", 0))

    @property
    def rolled(self) -> bool:
        """Whether every pod runs the newest template and is available; a CronJob has none to roll."""
        if self.kind == "CronJob":
            return True
        if not self.observed:
            return False
        status, total = self.manifest.get("status") or {}, self.replicas
        if self.kind == "DaemonSet":
            return bool(status.get("updatedNumberScheduled", 0) == total == status.get("numberAvailable", 0))
        if self.kind == "StatefulSet":
            return bool(
                status.get("currentRevision") == status.get("updateRevision")
                and status.get("readyReplicas", 0) == total
                and status.get("replicas", 0) == total
            )
        return bool(
            status.get("updatedReplicas", 0)
            == total
            == status.get("replicas", 0)
            == status.get("availableReplicas", 0)
        )

    @property
    def grace_period_seconds(self) -> int:
        return int((self.template.get("spec") or {}).get("terminationGracePeriodSeconds", 30))

    def selected_by(self, selector: Mapping[str, str]) -> bool:
        """Whether a Service with this selector sends traffic to its pods; an empty selector selects nothing."""
        labels = labels_of(self.template)
        return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


@dataclass(frozen=True)
class Proxy:
    """The Linkerd proxy of one pod. ``release`` is None where the injector wrote no version (a digest, say)."""

    native: bool
    release: str | None


@dataclass(frozen=True)
class ContainerState:
    """A container that is to run as long as its pod: an application's, or a native sidecar.

    ``last_reason`` and ``last_ended_at`` (RFC 3339) are of its run before this one, empty where there was none.
    """

    name: str
    ready: bool
    restarts: int
    waiting: str
    last_reason: str
    last_ended_at: str


@dataclass(frozen=True)
class Pod:
    """A pod as the API server gave it."""

    manifest: Object

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.manifest["metadata"]["uid"])

    @property
    def owner(self) -> str | None:
        """``Deployment/omni`` for a pod of one of its ReplicaSets, None for a bare pod.

        A ReplicaSet of a Deployment is called NAME-HASH, and the hash stands in the pod's own label, so the
        ReplicaSets need not be read.
        """
        for reference in self.manifest["metadata"].get("ownerReferences") or []:
            if not reference.get("controller"):
                continue
            if reference["kind"] == "ReplicaSet":
                suffix = "-" + labels_of(self.manifest).get("pod-template-hash", "\0")
                if reference["name"].endswith(suffix):
                    return f"Deployment/{reference['name'].removesuffix(suffix)}"
            return f"{reference['kind']}/{reference['name']}"
        return None

    @property
    def node(self) -> str | None:
        """None until the scheduler has found one."""
        node: str | None = self.manifest["spec"].get("nodeName")
        return node

    @property
    def ending(self) -> bool:
        return bool(self.manifest["metadata"].get("deletionTimestamp"))

    @property
    def finished(self) -> bool:
        return (self.manifest.get("status") or {}).get("phase") in ("Succeeded", "Failed")

    @property
    def ready(self) -> bool:
        return any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in (self.manifest.get("status") or {}).get("conditions") or []
        )

    @property
    def proxy(self) -> Proxy | None:
        """Looked for in both container lists: a native sidecar is an init container."""
        spec = self.manifest["spec"]
        release = annotations_of(self.manifest).get(PROXY_VERSION)
        for container in spec.get("initContainers") or []:
            if container["name"] == PROXY_CONTAINER:
                return Proxy(True, release)
        for container in spec.get("containers") or []:
            if container["name"] == PROXY_CONTAINER:
                return Proxy(False, release)
        return None

    def container_states(self) -> Iterator[ContainerState]:
        """Of every container that is to keep running and that kubelet has said something of."""
        lasting = {
            container["name"]
            for container in self.manifest["spec"].get("initContainers") or []
            if container.get("restartPolicy") == "Always"
        }
        status = self.manifest.get("status") or {}
        for key in ("initContainerStatuses", "containerStatuses"):
            for container in status.get(key) or []:
                if key == "initContainerStatuses" and container["name"] not in lasting:
                    continue
                ended = (container.get("lastState") or {}).get("terminated") or {}
                yield ContainerState(
                    name=container["name"],
                    ready=bool(container.get("ready")),
                    restarts=int(container.get("restartCount", 0)),
                    waiting=((container.get("state") or {}).get("waiting") or {}).get("reason", ""),
                    last_reason=ended.get("reason", ""),
                    last_ended_at=ended.get("finishedAt") or "",
                )

    def waiting_reasons(self) -> Iterator[tuple[str, str, str]]:
        """(container, reason, message) of each container that waits."""
        status = self.manifest.get("status") or {}
        for key in ("initContainerStatuses", "containerStatuses"):
            for container in status.get(key) or []:
                waiting = (container.get("state") or {}).get("waiting")
                if waiting:
                    yield container["name"], waiting.get("reason", ""), waiting.get("message", "")


@dataclass(frozen=True)
class ControlPlane:
    """Linkerd's control plane as it stands, or as it will once installed (``installed`` False).

    ``deployments`` are all of its namespace.
    """

    installed: bool
    namespace: str
    release: str | None
    injectors_ready: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)
    deployments: tuple[Object, ...] = ()


@dataclass(frozen=True)
class NamespaceView:
    """One namespace: its object and all that lives in it and matters to a rollout."""

    name: str
    manifest: Object | None
    workloads: tuple[Workload, ...] = ()
    pods: tuple[Pod, ...] = ()
    services: tuple[Object, ...] = ()
    config_maps: tuple[Object, ...] = ()
    autoscalers: tuple[Object, ...] = ()
    policy_servers: tuple[Object, ...] = ()
    rules: tuple[Object, ...] = ()

    @property
    def annotations(self) -> Mapping[str, str]:
        return annotations_of(self.manifest or {})

    @cached_property
    def _by_id(self) -> Mapping[str, Workload]:
        return {workload.id: workload for workload in self.workloads}

    @cached_property
    def _by_owner(self) -> Mapping[str | None, Sequence[Pod]]:
        """Pods that are there to stay; asked for each workload of a namespace, so not looked for each time."""
        found: dict[str | None, list[Pod]] = {}
        for pod in self.pods:
            if not pod.ending and not pod.finished:
                found.setdefault(pod.owner, []).append(pod)
        return found

    def workload(self, identifier: str) -> Workload | None:
        return self._by_id.get(identifier)

    @cached_property
    def _services_by_name(self) -> Mapping[str, Object]:
        return {service["metadata"]["name"]: service for service in self.services}

    @cached_property
    def _config_maps_by_name(self) -> Mapping[str | None, Object]:
        return {item["metadata"]["name"]: item for item in self.config_maps}

    def service(self, name: str) -> Object | None:
        return self._services_by_name.get(name)

    def config_map(self, name: str | None) -> Object | None:
        return self._config_maps_by_name.get(name)

    def pods_of(self, identifier: str) -> tuple[Pod, ...]:
        return tuple(self._by_owner.get(identifier, ()))

    def fully_meshed(self, identifier: str) -> bool:
        """Whether the workload has pods, and a proxy in each."""
        pods = self.pods_of(identifier)
        return bool(pods) and all(pod.proxy for pod in pods)

    @cached_property
    def _by_label(self) -> Mapping[tuple[str, str], Sequence[Workload]]:
        found: dict[tuple[str, str], list[Workload]] = {}
        for workload in self.workloads:
            for label in labels_of(workload.template).items():
                found.setdefault(label, []).append(workload)
        return found

    def autoscalers_of(self, workload: Workload) -> Iterator[Object]:
        """The HorizontalPodAutoscalers that set its replicas."""
        for autoscaler in self.autoscalers:
            target = autoscaler["spec"]["scaleTargetRef"]
            if (target["kind"], target["name"]) == (workload.kind, workload.name):
                yield autoscaler

    def servers_of(self, service: Object) -> tuple[Workload, ...]:
        selector = service["spec"].get("selector") or {}
        # Asked for each Service, so only workloads with one of its labels are gone through.
        likely = self._by_label.get(next(iter(selector.items())), ()) if selector else ()
        return tuple(workload for workload in likely if workload.selected_by(selector))

    @cached_property
    def served(self) -> frozenset[str]:
        """Ids of the workloads that a Service sends calls to."""
        return frozenset(server.id for service in self.services for server in self.servers_of(service))

    @cached_property
    def _by_selector(self) -> Mapping[tuple[tuple[str, str], ...], Sequence[Object]]:
        found: dict[tuple[tuple[str, str], ...], list[Object]] = {}
        for service in self.services:
            if selector := service["spec"].get("selector"):
                found.setdefault(tuple(sorted(selector.items())), []).append(service)
        return found

    def aliases_of(self, name: str) -> tuple[str, ...]:
        """Names of the other Services over the same pods as the Service ``name``."""
        selector = ((self.service(name) or {}).get("spec") or {}).get("selector") or {}
        alike = self._by_selector.get(tuple(sorted(selector.items())), ())
        return tuple(other for each in alike if (other := each["metadata"]["name"]) != name)


@dataclass(frozen=True, eq=False)
class ClusterView:
    """One look at a cluster: everything that the pure rules need, read at about the same moment. Equal to itself alone.

    ``namespaces`` are those in hand, ``neighbours`` those that listed clients live in and that are never changed.
    ``certificates`` are those of an installed Linkerd, and ``identity`` what it rests on, with the proxies of these
    namespaces; none where they were not asked for.
    """

    kubernetes_version: str
    nodes: tuple[Object, ...]
    control_plane: ControlPlane
    gateway_api_version: str | None
    namespaces: Mapping[str, NamespaceView]
    other_workloads: tuple[Workload, ...] = ()
    neighbours: Mapping[str, NamespaceView] = field(default_factory=dict)
    certificates: tuple[Dated, ...] = ()
    identity: MeshIdentity = field(default_factory=MeshIdentity)

    @property
    def all_workloads(self) -> Iterator[Workload]:
        """Every workload of the cluster: of the namespaces in hand and of all others (they may be callers)."""
        for namespace in (*self.namespaces.values(), *self.neighbours.values()):
            yield from namespace.workloads
        yield from self.other_workloads

    def space(self, name: str) -> NamespaceView | None:
        """The namespace as it was seen, also where it is only a caller's; None where it was not looked into."""
        return self.namespaces.get(name) or self.neighbours.get(name)


def kubernetes_minor(version: str) -> tuple[int, int]:
    """(1, 35) of ``v1.35.4-eks-a1b2c3d``. Raises ValueError for something else."""
    match = re.match(r"v?(\d+)\.(\d+)", version)
    if not match:
        raise ValueError(f"{version!r} is not a Kubernetes version")
    return int(match.group(1)), int(match.group(2))


def containers_of(template: Object) -> Sequence[Object]:
    containers: Sequence[Object] = (template.get("spec") or {}).get("containers") or []
    return containers
