"""Which workload is drilled, and what cannot be drilled there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshroll.core.callers import Caller
from meshroll.core.checks.namespaces import missing_namespace
from meshroll.core.drill.model import Scenario
from meshroll.core.errors import Problem, Refused
from meshroll.core.model import (
    PROXY_CONTAINER,
    ClusterView,
    NamespaceView,
    Object,
    Pod,
    Workload,
    containers_of,
    kubernetes_minor,
    labels_of,
)

DRILLABLE = "meshroll.io/drillable"
# kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources: there by default from then on.
RESIZE_SINCE = (1, 33)
REPLICAS_MIN = 2
# DaemonSets of CNIs that enforce NetworkPolicies whatever their settings are.
ENFORCING = ("antrea-agent", "calico-node", "canal", "cilium", "kube-router", "weave-net")
VPC_CNI, VPC_AGENT = "aws-node", "aws-eks-nodeagent"
# Off in the add-on by default (docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html).
VPC_ENFORCES = "--enable-network-policy=true"


def unmarked(
    space: NamespaceView, workload: Workload, callers: Iterable[Caller], homes: Mapping[str, Object]
) -> Problem | None:
    """Why the workload is not drilled: it has callers where nobody has agreed to it, and where nothing is watched.

    ``homes`` are the namespaces of the callers elsewhere.
    """
    hurt = sorted(
        {
            caller.name
            for caller in callers
            if caller.namespace in homes and labels_of(homes[caller.namespace]).get(DRILLABLE) != "true"
        }
    )
    if not hurt:
        return None
    return Problem(
        "caller-not-drillable",
        f"{workload.id} of {space.name} is called from where nothing may be drilled: {', '.join(hurt)}.",
        f"Drill another one (--workload KIND/NAME), or mark the callers' namespaces too: kubectl label namespace "
        f"{hurt[0].partition('/')[0]} {DRILLABLE}=true",
        namespace=space.name,
        object=workload.id,
    )


def too_many(clusters: Sequence[str]) -> Problem | None:
    """Why nothing is drilled: on one cluster after the other a fault is bounded, and not on all of them at once."""
    if len(clusters) < 2:
        return None
    return Problem(
        "cluster-not-given",
        f"A drill is of one cluster, and the inventory has {len(clusters)}.",
        f"Name one: --limit {min(clusters)}",
    )


def refusal(space: NamespaceView) -> Problem | None:
    """Why nothing is drilled in the namespace: nobody has marked it."""
    if space.manifest is None:
        return missing_namespace(space.name)
    if labels_of(space.manifest).get(DRILLABLE) == "true":
        return None
    return Problem(
        "namespace-not-drillable",
        f"Namespace {space.name} is not marked as one that may be drilled.",
        f"A drill breaks things on purpose. If that is all right there: kubectl label namespace {space.name} "
        f"{DRILLABLE}=true",
        namespace=space.name,
    )


def chosen(space: NamespaceView, wanted: str | None) -> Workload:
    """The workload ``wanted`` (KIND/NAME), or the first of those that can be drilled: with proxies before without.

    Raises Refused where there is none.
    """
    fit = [workload for workload in space.workloads if not _unfit(space, workload)]
    if wanted is None:
        if fit:
            return min(fit, key=lambda workload: (not space.fully_meshed(workload.id), workload.id))
        raise _refused(space, "No workload of it can be drilled", _needed())
    found = space.workload(wanted)
    if found is None:
        raise _refused(space, f"There is no {wanted}", "`meshroll status` lists its workloads.")
    if reason := _unfit(space, found):
        raise _refused(space, f"{wanted} cannot be drilled: it {reason}", _needed())
    return found


def _needed() -> str:
    return f"What can: a Deployment behind a Service, at rest, with {REPLICAS_MIN} pods or more."


def _refused(space: NamespaceView, message: str, hint: str) -> Refused:
    told = Problem(
        "workload-not-drillable", f"{message} (namespace {space.name}).", hint, namespace=space.name
    )
    return Refused(told)


def _unfit(space: NamespaceView, workload: Workload) -> str | None:
    if workload.kind != "Deployment":
        return "is no Deployment"
    if workload.replicas < REPLICAS_MIN:
        return f"has {workload.replicas} pods"
    if workload.id not in space.served:
        return "is behind no Service"
    if workload.manifest["spec"].get("paused"):
        return "is paused"
    return None if workload.rolled else "is not at rest"


def unable(scenario: Scenario, view: ClusterView, space: NamespaceView, workload: Workload) -> str | None:
    """Why the scenario cannot be drilled here, as a reason to skip it; None where it can."""
    scaler = next((each["metadata"]["name"] for each in space.autoscalers_of(workload)), None)
    if scenario in ("scale-up", "scale-down") and scaler:
        return f"HPA {scaler} owns its replicas"
    if scenario == "degraded-pod" and scaler:
        return f"HPA {scaler} may scale it because of the pod that has become slow"
    strategy = workload.manifest["spec"].get("strategy") or {}
    if scenario == "rolling-deploy" and strategy.get("type") == "Recreate":
        return "its strategy is Recreate: all of its pods would be down at once"
    if scenario == "degraded-pod":
        return _unable_to_degrade(view, workload)
    if scenario == "partition" and not enforces_policies(view):
        return "nothing is known to enforce NetworkPolicies here (the VPC CNI does not unless that is switched on)"
    return None


def _unable_to_degrade(view: ClusterView, workload: Workload) -> str | None:
    if kubernetes_minor(view.kubernetes_version) < RESIZE_SINCE:
        return f"pods are resized in place from Kubernetes 1.33 on, and this is {view.kubernetes_version}"
    limited = limited_container(containers_of(workload.template))
    if limited is None:
        return "its pods have no CPU limit, and one that is added in place cannot be taken away again"
    for policy in limited.get("resizePolicy") or []:
        if policy["resourceName"] == "cpu" and policy["restartPolicy"] != "NotRequired":
            return "its resizePolicy restarts the container when its CPU changes"
    return None


def resizable(pod: Pod) -> bool:
    """Whether its kubelet can resize it: the API server asks for the same (isPodResizeRequestSupported)."""
    statuses = (pod.manifest.get("status") or {}).get("containerStatuses") or []
    return all("resources" in each for each in statuses if "running" in (each.get("state") or {}))


def limited_container(containers: Sequence[Object]) -> Object | None:
    """The first of an application's containers that has a CPU limit."""
    return next(
        (
            each
            for each in containers
            if each["name"] != PROXY_CONTAINER
            and ((each.get("resources") or {}).get("limits") or {}).get("cpu")
        ),
        None,
    )


def enforces_policies(view: ClusterView) -> bool:
    """Whether a CNI is there that is known to enforce NetworkPolicies, by its DaemonSet."""
    for workload in view.all_workloads:
        if workload.kind != "DaemonSet":
            continue
        if workload.name in ENFORCING:
            return True
        agents = [each for each in containers_of(workload.template) if each["name"] == VPC_AGENT]
        if workload.name == VPC_CNI and any(VPC_ENFORCES in (each.get("args") or ()) for each in agents):
            return True
    return False
