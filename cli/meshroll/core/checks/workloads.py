"""Can each workload be restarted and proved, and will nobody undo the change?"""

from __future__ import annotations

from collections.abc import Iterator

from meshroll.core.checks.row import Case, Check
from meshroll.core.errors import Problem
from meshroll.core.injection import PROXY_PIN, pinned_proxy
from meshroll.core.model import INJECT, Workload
from meshroll.core.ownership import GITOPS, gitops_owner, marked_by, operator_of
from meshroll.core.scan.row import Hit

_IN_GIT = (
    "Make the change in Git (annotation linkerd.io/inject on the pod template), or stop syncing these fields, with "
    "Argo CD by ignoreDifferences and the sync option RespectIgnoreDifferences=true."
)
_BY_OPERATOR = (
    "What an operator made has its annotations from its custom resource: write linkerd.io/inject there."
)


def _undone(case: Case) -> list[Problem]:
    owners: dict[tuple[str, str], list[str]] = {}
    for namespace, _, workload in case.taken():
        tool = gitops_owner(workload.manifest) or operator_of(workload.manifest)
        if tool:
            owners.setdefault((namespace.name, tool), []).append(workload.id)
    for namespace, space in case.spaces():
        tool = marked_by(space.manifest or {})
        if tool and (namespace.annotates or INJECT in space.annotations):
            owners.setdefault((space.name, tool), []).append(f"Namespace/{space.name}")
    return [
        Problem(
            "gitops-managed",
            f"{tool} manages {', '.join(names)} and would undo the change.",
            _IN_GIT if tool in GITOPS else _BY_OPERATOR,
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
            "Take it out of `workloads` in the inventory.",
        )
        for namespace, _, workload in case.taken()
        if workload.host_network
    ]


def _left_out(case: Case) -> Iterator[Hit]:
    for namespace, space in case.spaces():
        for workload in space.workloads if namespace.workloads is None else ():
            if workload.host_network and not workload.opted_out:
                yield Hit(
                    f"{workload.id} uses the host's network: it is left as it is.", space.name, workload.id
                )


def _problem(code: str, namespace: str, workload: str, message: str, hint: str) -> Problem:
    return Problem(code, message, hint, namespace=namespace, object=workload)


CHECKS = (
    Check(
        "gitops-managed",
        "no GitOps tool or operator would undo the change",
        _undone,
        ("in", "out"),
        acceptable=True,
        why="Argo CD and Flux put back what differs from Git: a workload would lose its proxy again at the next sync, "
        "after it was judged. So does an operator that writes the template of a workload it made.",
        fix=f"{_IN_GIT} {_BY_OPERATOR}",
    ),
    Check(
        "workload-unknown",
        "every named workload is there, may be meshed and has pods",
        _named_absent,
        why="A workload that is named in the inventory is to be meshed and proved. One that is not there, opts out or "
        "has no pods cannot be.",
        fix="Correct `workloads` in the inventory.",
    ),
    Check(
        "workload-not-restartable",
        "every workload restarts by itself",
        _strategy,
        ("in", "upgrade", "out"),
        acceptable=True,
        why="Pods get a proxy when they are made. Those of a workload that is paused, OnDelete or partitioned stay as "
        "they are, and the run would wait for them until its time is over.",
        fix="Resume it, or set RollingUpdate without a partition.",
    ),
    Check(
        "workload-degraded",
        "every pod is Ready before it is judged",
        _not_ready,
        ("in", "upgrade"),
        acceptable=True,
        why="A workload that is ill before would be blamed on the mesh after, and a restart may end what was left of "
        "it.",
        fix="Let it get well, or mend it, before it is restarted.",
    ),
    Check(
        "proxy-version-pinned",
        "no workload is pinned to another release's proxy",
        _pinned_proxy,
        acceptable=True,
        why="A pin survives upgrades of the control plane, so the pods would never prove to be of its release, and "
        "grow too old for it.",
        fix=f"Take {PROXY_PIN} off the pod template and the namespace.",
    ),
    Check(
        "host-network",
        "no workload that is named uses the host's network",
        _host_network,
        why="The injector leaves out pods on the host's network, because redirecting their traffic would redirect the "
        "node's (linkerd2 pkg/inject/report.go).",
        fix="Take it out of `workloads` in the inventory.",
    ),
    Check(
        "host-network-left-out",
        "no workload is left out because it uses the host's network",
        _left_out,
        severity="note",
        why="The injector leaves out pods on the host's network, and so does a rollout: an agent on each node stays "
        "without a proxy, and its calls without mTLS.",
        fix="Nothing, or annotate its pod template with linkerd.io/inject: disabled to say that it is meant.",
    ),
)
