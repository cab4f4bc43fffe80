"""Objects as an API server gives them, with defaults that make them healthy; each test says only what matters to it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from meshroll.core.control_plane import DEPLOYMENTS
from meshroll.core.injection import Sidecar
from meshroll.core.model import ClusterView, ControlPlane, NamespaceView, Pod, Workload
from meshroll.core.releases import Edge
from meshroll.core.settings import Settings, parse

EDGE = Edge(26, 6, 3)
HASH = "6d4cf56db6"
EVERYTHING = ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},)
Json = dict[str, Any]


def settings(*namespaces: Json, **others: Any) -> Settings:
    variables = {"meshroll_namespaces": list(namespaces) or [{"name": "charging"}]}
    return parse({**variables, **{f"meshroll_{key}": value for key, value in others.items()}})


def workload(
    kind: str = "Deployment",
    name: str = "omni",
    *,
    namespace: str = "charging",
    replicas: int = 2,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    pod_spec: Json | None = None,
    spec: Json | None = None,
    env: Mapping[str, str] | None = None,
    containers: Sequence[Json] | None = None,
    metadata: Json | None = None,
) -> Workload:
    """A controller that has rolled out its first generation; ``annotations`` are its template's."""
    container = {"name": name, "image": f"registry.example/{name}:1.0", "ports": [{"containerPort": 8080}]}
    if env:
        container["env"] = [{"name": key, "value": value} for key, value in env.items()]
    template: Json = {
        "metadata": {"labels": {"app": name, **(labels or {})}},
        "spec": {
            "terminationGracePeriodSeconds": 30,
            "containers": list(containers or [container]),
            **(pod_spec or {}),
        },
    }
    if annotations:
        template["metadata"]["annotations"] = dict(annotations)
    body = _body(kind, template, replicas)
    body["spec"].update(spec or {})
    meta = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{kind}-{name}",
        "generation": 1,
        **(metadata or {}),
    }
    return Workload({"kind": kind, "metadata": meta, **copy.deepcopy(body)})


def _body(kind: str, template: Json, replicas: int) -> Json:
    status: Json = {"observedGeneration": 1}
    if kind == "CronJob":
        return {"spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}}
    if kind == "DaemonSet":
        status |= {
            "desiredNumberScheduled": replicas,
            "updatedNumberScheduled": replicas,
            "numberAvailable": replicas,
        }
        return {"spec": {"template": template, "updateStrategy": {"type": "RollingUpdate"}}, "status": status}
    if kind == "StatefulSet":
        status |= {"currentRevision": "rev-1", "updateRevision": "rev-1"}
    status |= {
        "replicas": replicas,
        "readyReplicas": replicas,
        "updatedReplicas": replicas,
        "availableReplicas": replicas,
    }
    return {"spec": {"replicas": replicas, "template": template}, "status": status}


def pod(
    owner: Workload,
    index: int = 0,
    *,
    proxy: Sidecar | None = None,
    release: str | None = str(EDGE),
    ready: bool = True,
    waiting: str | None = None,
    revision: str = "rev-1",
    uid: str | None = None,
    ending: bool = False,
    labels: Mapping[str, str] | None = None,
) -> Pod:
    """A pod of ``owner``, with a native (init container) or classic ("wait") proxy where asked for."""
    name, kind = owner.name, owner.kind
    reference = {"kind": kind, "name": name, "controller": True}
    marks = dict(owner.template["metadata"].get("labels") or {}) | dict(labels or {})
    if kind == "Deployment":
        reference |= {"kind": "ReplicaSet", "name": f"{name}-{HASH}"}
        marks["pod-template-hash"] = HASH
    else:
        marks["controller-revision-hash"] = revision
    template = copy.deepcopy(dict(owner.template["spec"]))
    metadata: Json = {
        "name": f"{name}-{index}",
        "namespace": owner.namespace,
        "uid": uid or f"{owner.namespace}-{kind}-{name}-{index}",
        "labels": marks,
        "annotations": dict(owner.template_annotations),
        "ownerReferences": [{"kind": "Node", "name": "seen-first"}, reference],
    }
    if ending:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    if proxy:
        where = "initContainers" if proxy == "native" else "containers"
        template[where] = [{"name": "linkerd-proxy"}, *template.get(where, [])]
        if release:
            metadata["annotations"]["linkerd.io/proxy-version"] = release
    status: Json = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        "containerStatuses": [{"name": name, "state": {"running": {}}}],
    }
    if waiting:
        status["containerStatuses"] = [{"name": name, "state": {"waiting": {"reason": waiting}}}]
    return Pod({"metadata": metadata, "spec": template, "status": status})


def pods(owner: Workload, **how: Any) -> tuple[Pod, ...]:
    return tuple(pod(owner, index, **how) for index in range(owner.replicas))


def service(
    name: str,
    app: str | None = None,
    *,
    headless: bool = False,
    ports: Sequence[Json] | None = None,
    namespace: str = "charging",
    labels: Mapping[str, str] | None = None,
) -> Json:
    spec: Json = {
        "clusterIP": "None" if headless else "10.96.0.7",
        "ports": list(ports or [{"name": "grpc", "port": 80, "targetPort": 8080, "protocol": "TCP"}]),
    }
    if app:
        spec["selector"] = {"app": app}
    return {"metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})}, "spec": spec}


def config_map(name: str, *, namespace: str = "charging", **data: str) -> Json:
    return {"metadata": {"name": name, "namespace": namespace}, "data": dict(data)}


def space(
    *workloads: Workload,
    name: str = "charging",
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    pods_seen: Sequence[Pod] | None = None,
    **others: Any,
) -> NamespaceView:
    """A namespace whose pods are all there and Ready, unless ``pods_seen`` says otherwise."""
    metadata: Json = {"name": name, "labels": {"kubernetes.io/metadata.name": name, **(labels or {})}}
    if annotations:
        metadata["annotations"] = dict(annotations)
    seen = [each for owner in workloads for each in pods(owner)] if pods_seen is None else pods_seen
    found = {"rules": EVERYTHING} | others
    return NamespaceView(name, {"metadata": metadata}, tuple(workloads), tuple(seen), **found)


def control_plane_parts(replicas: int = 2, lacking: str = "") -> tuple[Json, ...]:
    """The Deployments of a control plane that is up, but for one pod of ``lacking``."""
    return tuple(
        {
            "metadata": {"name": name, "namespace": "linkerd", "generation": 1},
            "spec": {"replicas": replicas},
            "status": {
                "observedGeneration": 1,
                "replicas": replicas,
                "availableReplicas": replicas - (name == lacking),
                "updatedReplicas": replicas,
            },
        }
        for name in DEPLOYMENTS
    )


def cluster(
    *spaces: NamespaceView,
    kubernetes: str = "v1.33.1",
    plane: ControlPlane | None = None,
    nodes: Sequence[Json] = (),
    elsewhere: Sequence[Workload] = (),
) -> ClusterView:
    running = plane or ControlPlane(True, "linkerd", str(EDGE), 2, deployments=control_plane_parts())
    named = {each.name: each for each in spaces}
    return ClusterView(kubernetes, tuple(nodes), running, "v1.2.1", named, tuple(elsewhere))
