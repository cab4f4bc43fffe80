"""The fault of each scenario as changes, and what takes them back: of one workload, or of one of its pods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshroll.core.changes import Change, Field, fields_between, pointer
from meshroll.core.drill.choose import limited_container
from meshroll.core.drill.model import Scenario
from meshroll.core.issuer_update import RESTARTED_AT
from meshroll.core.journal import Entry
from meshroll.core.model import Object, Pod, Workload
from meshroll.core.quantities import quantity

LABEL = "meshroll.io/drill"
DEGRADED_TO = 0.1
"""Of its CPU limit."""
# What a container can have at least: a millisecond of each period (kubelet's minimum quota).
CPU_CORES_MIN = 0.01


def fault(
    scenario: Scenario,
    workload: Workload,
    pods: Sequence[Pod],
    requests: Mapping[str, float],
    run_id: str,
    now: str,
) -> list[Change]:
    """``pods`` are its Ready ones, of which the one with the most ``requests`` is hit; ``now`` is RFC 3339."""
    pod = min(pods, key=lambda each: (-requests.get(each.name, 0.0), each.name))
    if scenario == "rolling-deploy":
        path = workload.template_path + pointer("metadata", "annotations", RESTARTED_AT)
        return [_of_workload(workload, path, now, scenario, len(pods))]
    if scenario in ("scale-up", "scale-down"):
        wanted = workload.replicas + (1 if scenario == "scale-up" else -1)
        return [_of_workload(workload, "/spec/replicas", wanted, scenario, 0)]
    if scenario == "pod-crash":
        exactly = [Field("/metadata/uid", pod.uid, None)]
        return [Change("Pod", workload.namespace, pod.name, "delete", _why(scenario), exactly)]
    if scenario == "degraded-pod":
        return [_of_pod(pod, _starved(pod), scenario)]
    return [
        _of_pod(pod, [(pointer("metadata", "labels", LABEL), run_id)], scenario),
        _policy(workload.namespace, run_id, scenario),
    ]


def hit(changes: Iterable[Change]) -> str | None:
    """The pod that a fault is about, where it is about one."""
    return next((change.name for change in changes if change.kind == "Pod"), None)


def undoing(entries: Sequence[Entry]) -> list[Change]:
    """What takes the faults back that these entries of drills made or meant to make, the last one first.

    A pod that was deleted is made anew by its controller, and a restart comes to its end by itself.
    """
    found: list[Change] = []
    for change in (entry.change for entry in reversed(entries)):
        if change.action == "apply":
            found.append(Change(change.kind, change.namespace, change.name, "delete", _BACK))
        elif change.action == "patch" and not _restarts(change):
            found.append(change.undone(_BACK))
    return found


_BACK = "the drill is over"


def _restarts(change: Change) -> bool:
    return any(field.path.endswith(pointer(RESTARTED_AT)) for field in change.fields)


def _why(scenario: Scenario) -> str:
    return f"drill: {scenario}"


def _of_workload(workload: Workload, path: str, value: object, scenario: Scenario, pods: int) -> Change:
    fields = fields_between(workload.manifest, [(path, value)])
    return Change(
        workload.kind, workload.namespace, workload.name, "patch", _why(scenario), fields, pods=pods
    )


def _of_pod(pod: Pod, wanted: Iterable[tuple[str, object]], scenario: Scenario) -> Change:
    fields = fields_between(pod.manifest, wanted)
    namespace = str(pod.manifest["metadata"]["namespace"])
    return Change("Pod", namespace, pod.name, "patch", _why(scenario), fields)


def _starved(pod: Pod) -> list[tuple[str, str]]:
    """A tenth of the CPU limit. No request may be above its limit, and a pod has to stay in its class of QoS."""
    containers = pod.manifest["spec"]["containers"]
    limited = limited_container(containers)
    assert limited is not None, "a pod without a CPU limit is not degraded"
    place = f"/spec/containers/{containers.index(limited)}/resources"
    limit = quantity(limited["resources"]["limits"]["cpu"])
    asked = quantity(limited["resources"].get("requests", {}).get("cpu", limit))
    small = max(CPU_CORES_MIN, limit * DEGRADED_TO)
    request = small if asked >= limit else min(asked, small / 2)
    return [(f"{place}/requests/cpu", _milli(request)), (f"{place}/limits/cpu", _milli(small))]


def _milli(cores: float) -> str:
    return f"{max(1, round(cores * 1000))}m"


def _policy(namespace: str, run_id: str, scenario: Scenario) -> Change:
    name = f"meshroll-drill-{run_id}"
    body: Object = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: run_id}},
        "spec": {"podSelector": {"matchLabels": {LABEL: run_id}}, "policyTypes": ["Ingress"]},
    }
    return Change("NetworkPolicy", namespace, name, "apply", _why(scenario), body=dict(body))
