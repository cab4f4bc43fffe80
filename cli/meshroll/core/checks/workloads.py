"""Can each workload be restarted and proved, and will nobody undo the change?"""

from __future__ import annotations

from meshroll.core.checks.row import Case, Check
from meshroll.core.errors import Problem
from meshroll.core.injection import PROXY_PIN, pinned_proxy, sidecar_problems
from meshroll.core.model import INJECT, Object, Workload
from meshroll.core.ownership import gitops_owner

CPU_REQUEST = "config.linkerd.io/proxy-cpu-request"
MEMORY_REQUEST = "config.linkerd.io/proxy-memory-request"


def _gitops(case: Case) -> list[Problem]:
    owners: dict[tuple[str, str], list[str]] = {}
    for namespace, _, workload in case.taken():
        tool = gitops_owner(workload.manifest)
        if tool:
            owners.setdefault((namespace.name, tool), []).append(workload.id)
    for namespace, space in case.spaces():
        tool = gitops_owner(space.manifest or {})
        if tool and (namespace.annotates or INJECT in space.annotations):
            owners.setdefault((space.name, tool), []).append(f"Namespace/{space.name}")
    return [
        Problem(
            "gitops-managed",
            f"{tool} manages {', '.join(names)} and would undo the change.",
            "Make the change in Git (annotation linkerd.io/inject on the pod template), or stop syncing these fields.",
            namespace=namespace,
        )
        for (namespace, tool), names in owners.items()
    ]


def _named_absent(case: Case) -> list[Problem]:
    found = []
    for namespace, space in case.spaces():
        for name in namespace.workloads or []:
            workload = space.workload(name)
            if workload is None:
                found.append(
                    _problem(
                        "workload-unknown",
                        namespace.name,
                        name,
                        f"{namespace.name} has no {name}.",
                        "Correct `workloads` in the inventory.",
                    )
                )
            elif workload.opted_out:
                found.append(
                    _problem(
                        "workload-opted-out",
                        namespace.name,
                        name,
                        f"{name} says linkerd.io/inject: disabled.",
                        "Take that annotation off its template, or take it out of `workloads`.",
                    )
                )
            elif workload.replicas == 0 and workload.kind != "CronJob":
                found.append(
                    _problem(
                        "workload-without-replicas",
                        namespace.name,
                        name,
                        f"{name} has no replicas, so nothing could be proved.",
                        "Scale it up, or take it out of `workloads`.",
                    )
                )
    return found


def _strategy(case: Case) -> list[Problem]:
    found = []
    for namespace, _, workload in case.taken():
        why = _unrestartable(workload)
        if why:
            found.append(
                _problem(
                    "workload-not-restartable",
                    namespace.name,
                    workload.id,
                    f"{workload.id} {why[0]}.",
                    why[1],
                )
            )
    return found


def _unrestartable(workload: Workload) -> tuple[str, str] | None:
    spec = workload.manifest["spec"]
    if workload.kind == "Deployment" and spec.get("paused"):
        return "is paused", f"kubectl -n {workload.namespace} rollout resume {workload.id.lower()}"
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return "updates only when pods are deleted (OnDelete)", "Set its updateStrategy to RollingUpdate."
    if (strategy.get("rollingUpdate") or {}).get("partition"):
        return "updates only a part of its pods (partition)", "Set its partition to 0."
    return None


def _not_ready(case: Case) -> list[Problem]:
    """A workload that is degraded before would be blamed on the mesh after."""
    found = []
    for namespace, space, workload in case.taken():
        if workload.kind == "CronJob" or f"{namespace.name}/{workload.id}" in case.unjudged:
            continue
        ready = sum(1 for pod in space.pods_of(workload.id) if pod.ready)
        if ready < workload.replicas:
            found.append(
                _problem(
                    "workload-degraded",
                    namespace.name,
                    workload.id,
                    f"Only {ready} of {workload.replicas} pods of {workload.id} are Ready.",
                    "Let it get well, or mend it, before it is restarted.",
                )
            )
    return found


def _autoscalers(case: Case) -> list[Problem]:
    """Utilization counts every container; a proxy without requests makes it unknown and the HPA stands still."""
    found = []
    resources = ((case.view.control_plane.values.get("proxy") or {}).get("resources")) or {}
    for namespace, space, workload in case.taken():
        annotations = {**space.annotations, **workload.template_annotations}
        for autoscaler in space.autoscalers:
            target = autoscaler["spec"]["scaleTargetRef"]
            if (target["kind"], target["name"]) != (workload.kind, workload.name):
                continue
            for resource, key in (("cpu", CPU_REQUEST), ("memory", MEMORY_REQUEST)):
                set_by_values = (resources.get(resource) or {}).get("request")
                if _scales_on(autoscaler, resource) and key not in annotations and not set_by_values:
                    found.append(
                        _problem(
                            "hpa-without-proxy-request",
                            namespace.name,
                            workload.id,
                            f"HPA {autoscaler['metadata']['name']} scales {workload.id} on {resource}; its proxy has "
                            f"no {resource} request.",
                            f"Annotate the pod template with {key}.",
                        )
                    )
    return found


def _scales_on(autoscaler: Object, resource: str) -> bool:
    return any(
        metric.get("type") == "Resource"
        and metric["resource"]["name"] == resource
        and metric["resource"]["target"].get("type") == "Utilization"
        for metric in autoscaler["spec"].get("metrics") or []
    )


def _sidecar(case: Case) -> list[Problem]:
    return [
        problem
        for namespace, _, workload in case.taken()
        if workload.kind != "CronJob"
        for problem in sidecar_problems(workload, case.mode(namespace), namespace)
    ]


def _pinned_proxy(case: Case) -> list[Problem]:
    """A pin survives upgrades of the control plane, so its pods would never prove to be of this release."""
    found = []
    for namespace, space, workload in case.taken():
        pin = pinned_proxy(workload, space)
        if pin and pin != str(case.edge):
            found.append(
                _problem(
                    "proxy-version-pinned",
                    namespace.name,
                    workload.id,
                    f"{workload.id} is pinned to the proxy of {pin}; the control plane is {case.edge}.",
                    f"Take {PROXY_PIN} off its pod template (or off the namespace).",
                )
            )
    return found


def _host_network(case: Case) -> list[Problem]:
    return [
        _problem(
            "host-network",
            namespace.name,
            workload.id,
            f"{workload.id} uses the host's network and cannot be meshed.",
            "Annotate its pod template with linkerd.io/inject: disabled.",
        )
        for namespace, _, workload in case.taken()
        if (workload.template.get("spec") or {}).get("hostNetwork")
    ]


def _problem(code: str, namespace: str, workload: str, message: str, hint: str) -> Problem:
    return Problem(code, message, hint, namespace=namespace, object=workload)


CHECKS = (
    Check("gitops-managed", "no GitOps tool would undo the change", _gitops, ("in", "out")),
    Check("workload-unknown", "every named workload is there, may be meshed and has pods", _named_absent),
    Check(
        "workload-not-restartable", "every workload restarts by itself", _strategy, ("in", "upgrade", "out")
    ),
    Check("workload-degraded", "every pod is Ready before it is judged", _not_ready, ("in", "upgrade")),
    Check("hpa-without-proxy-request", "autoscalers keep working beside a proxy", _autoscalers),
    Check(
        "wait-exceeds-grace-period",
        "the proxy's wait ends before the pod is killed",
        _sidecar,
        ("in", "upgrade"),
    ),
    Check("proxy-version-pinned", "no workload is pinned to another release's proxy", _pinned_proxy),
    Check("host-network", "no workload uses the host's network", _host_network),
)
