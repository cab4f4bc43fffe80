"""What installing Linkerd's control plane means: its profile, its namespace, and when it is up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from meshroll.core.chart_values import merged
from meshroll.core.errors import Problem, Refused
from meshroll.core.model import INJECT, ClusterView, Object, Pod, annotations_of, labels_of
from meshroll.core.releases import Edge
from meshroll.core.settings import ControlPlane

Profile = Literal["ha", "default"]
INJECTOR = "linkerd-proxy-injector"
DEPLOYMENTS = ("linkerd-destination", "linkerd-identity", INJECTOR)
# On the namespace from the first write of an install until it was seen to be up; names the release.
INSTALLING = "meshroll.io/installing"
# Linkerd's HA values keep the replicas of each component on different nodes.
NODES_FOR_HA = 3
# What values-ha.yaml asks for each proxy (linkerd2, the same from edge-23.11.4 to edge-26.8.3).
HA_PROXY = {
    "proxy": {"resources": {"cpu": {"request": "100m"}, "memory": {"request": "20Mi", "limit": "250Mi"}}}
}
LASTING_REASONS = frozenset(
    {"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"}
)
FARGATE = ("eks.amazonaws.com/compute-type", "fargate")


def profile_of(wanted: Literal["auto", "ha", "default"], nodes: Iterable[Object]) -> Profile:
    """``auto`` is ``ha`` where three nodes take pods. Raises Refused for ``ha`` on fewer."""
    fit = sum(takes_pods(node) for node in nodes)
    if wanted == "auto":
        return "ha" if fit >= NODES_FOR_HA else "default"
    if wanted == "ha" and fit < NODES_FOR_HA:
        raise Refused(
            Problem(
                "profile-ha-nodes",
                f"Profile ha needs {NODES_FOR_HA} nodes that take pods, and there are {fit}.",
                "Add nodes, or set meshroll_control_plane.profile to auto or default.",
            )
        )
    return wanted


def values_to_be(view: ClusterView, wanted: ControlPlane) -> Mapping[str, Any]:
    """The control plane's values: those that it runs with, or those that an install would give it, as far as they are
    known before its chart is there.
    """
    if view.control_plane.installed:
        return view.control_plane.values
    try:
        profile = profile_of(wanted.profile, view.nodes)
    except Refused:  # the install's own business
        profile = "default"
    return merged(HA_PROXY if profile == "ha" else {}, wanted.values)


def takes_pods(node: Object) -> bool:
    """Whether pods are put there that tolerate nothing. A node that is not Ready is tainted by Kubernetes itself."""
    spec = node.get("spec") or {}
    kept_off = {taint["effect"] for taint in spec.get("taints") or []} & {"NoSchedule", "NoExecute"}
    return not (spec.get("unschedulable") or kept_off or labels_of(node).get(FARGATE[0]) == FARGATE[1])


def namespace_metadata(name: str, values: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """(labels, annotations) that ``linkerd install`` would give its namespace, and that Helm does not.

    linkerd-init needs NET_ADMIN, which Pod Security admits only as privileged; the CNI does without.
    """
    labels = {
        "linkerd.io/is-control-plane": "true",
        "config.linkerd.io/admission-webhooks": "disabled",
        "linkerd.io/control-plane-ns": name,
        "pod-security.kubernetes.io/enforce": "restricted" if values.get("cniEnabled") else "privileged",
    }
    return labels, {INJECT: "disabled"}


def namespace_problems(
    present: Object, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> list[Problem]:
    """What somebody has set otherwise on a namespace that is there; theirs, so it is not overwritten."""
    name = present["metadata"]["name"]
    found = [
        *((key, labels_of(present).get(key), value) for key, value in labels.items()),
        *((key, annotations_of(present).get(key), value) for key, value in annotations.items()),
    ]
    return [
        Problem(
            "namespace-set-otherwise",
            f"Namespace {name} has {key}: {there}, and the control plane needs {value}.",
            "Change it, or name another namespace in meshroll_control_plane.namespace.",
            object=f"Namespace/{name}",
        )
        for key, there, value in found
        if there is not None and there != value
    ]


def parts(deployments: Iterable[Object]) -> tuple[Object, ...]:
    """Of the Deployments in Linkerd's namespace those of the control plane itself."""
    return tuple(item for item in deployments if item["metadata"]["name"] in DEPLOYMENTS)


def not_up(deployments: Sequence[Object]) -> list[str]:
    """What of the control plane is not available yet, a phrase each; empty when all of it is."""
    by_name = {deployment["metadata"]["name"]: deployment for deployment in deployments}
    waiting = [f"{name} is not there" for name in DEPLOYMENTS if name not in by_name]
    for name, deployment in sorted(by_name.items()):
        status = deployment.get("status") or {}
        wanted = int(deployment["spec"].get("replicas", 1))
        available = int(status.get("availableReplicas", 0))
        seen = int(status.get("observedGeneration", 0)) >= int(deployment["metadata"].get("generation", 0))
        updated = int(status.get("updatedReplicas", 0))
        if not seen or min(available, updated) < wanted:
            waiting.append(f"{name} has {available} of {wanted} pods available")
        elif int(status.get("replicas", 0)) > updated:
            # As `kubectl rollout status` has it: that pod may be the one that is available, and not the new one.
            waiting.append(f"{name} still has a pod from before its last change")
    return waiting


def ready_injectors(deployments: Sequence[Object]) -> int:
    return sum(
        int((deployment.get("status") or {}).get("readyReplicas", 0))
        for deployment in deployments
        if deployment["metadata"]["name"] == INJECTOR
    )


@dataclass(frozen=True)
class Trouble:
    """Why pods are not there or not Ready. ``lasting``: it does not pass by itself, as a crash loop may."""

    text: str
    lasting: bool


def trouble(deployments: Iterable[Object], pods: Iterable[Object]) -> list[Trouble]:
    """Pods that the API server refuses, images that cannot be had, crash loops; each once."""
    found: dict[Trouble, None] = {}
    for deployment in deployments:
        for condition in (deployment.get("status") or {}).get("conditions") or []:
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                text = f"{deployment['metadata']['name']}: {condition.get('message', 'no pod can be made')}"
                found[Trouble(text, True)] = None
    for manifest in pods:
        pod = Pod(manifest)
        owner = (pod.owner or pod.name).rpartition("/")[2]
        for container, reason, message in pod.waiting_reasons():
            if reason not in ("PodInitializing", "ContainerCreating", ""):
                text = f"{owner}/{container}: {reason}{f' ({message})' if message else ''}"
                found[Trouble(text, reason in LASTING_REASONS)] = None
    return list(found)


def install_notes(view: ClusterView, edge: Edge | None) -> list[str]:
    """What a plan says of an install, which is made before the first of its steps."""
    if edge is None or view.control_plane.installed:
        return []
    crds = "" if view.gateway_api_version else ", the Gateway API's CRDs"
    home = view.control_plane.namespace
    return [f"Linkerd {edge} is installed first: namespace {home}{crds}, trust anchor, issuer and charts."]


def probe_pod() -> dict[str, Any]:
    """A pod to be created with dryRun only: it comes back with a proxy where the webhook answers."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "meshroll-probe-", "annotations": {INJECT: "enabled"}},
        "spec": {"containers": [{"name": "probe", "image": "registry.example/never-pulled:1"}]},
    }
