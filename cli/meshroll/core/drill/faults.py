"""The fault of each scenario as changes, and what takes them back: of one workload, or of one of its pods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshroll.core.changes import Change, Field, fields_between, lookup, pointer
from meshroll.core.drill.choose import limited_container
from meshroll.core.drill.model import Scenario
from meshroll.core.issuer_update import RESTARTED_AT
from meshroll.core.journal import Entry
from meshroll.core.model import Object, Pod, Workload, containers_of
from meshroll.core.quantities import quantity
from meshroll.core.recreation import GRACE_SECONDS

LABEL = "meshroll.io/drill"
DEGRADED_TO = 0.1
"""Of its CPU limit."""
# What a container can have at least: a millisecond of each period (kubelet's minimum quota).
CPU_MILLICORES_MIN = 10


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
        exactly = [Field("/metadata/uid", pod.uid, None), Field(GRACE_SECONDS, None, 0)]
        return [Change("Pod", workload.namespace, pod.name, "delete", _why(scenario), exactly)]
    if scenario == "degraded-pod":
        return [_of_pod(pod, _starved(pod, workload), scenario)]
    return [
        _of_pod(pod, [(pointer("metadata", "labels", LABEL), run_id)], scenario),
        _policy(workload.namespace, run_id, scenario),
    ]


def hit(changes: Iterable[Change]) -> str | None:
    """The pod that a fault is about, where it is about one."""
    return next((change.name for change in changes if change.kind == "Pod"), None)


def undoing(entries: Sequence[Entry]) -> list[Change]:
    """What takes the faults back that these entries of drills made or meant to make, the last one first.

    A pod that was deleted is made anew by its controller.
    """
    found: list[Change] = []
    for change in (entry.change for entry in reversed(entries)):
        if change.action == "apply":
            found.append(Change(change.kind, change.namespace, change.name, "delete", _BACK))
        elif change.action == "patch":
            found.append(change.undone(_BACK))
    return found


def over(change: Change, present: Object) -> bool:
    """Whether a fault has ended by itself, so that ``change``, which takes it back, is not needed: every pod of a
    Deployment was restarted. Before that the old template brings the old ReplicaSet back.
    """
    restarts = any(field.path.endswith(pointer(RESTARTED_AT)) for field in change.fields)
    return restarts and Workload({**present, "kind": change.kind}).rolled


def taken(change: Change, present: Object) -> tuple[list[Field], list[Field]]:
    """The fields of ``change``, which takes a fault back, by what stands there: (the fault's value, somebody else's).

    Those that are as they were before the fault are in neither.
    """
    others = [field for field in change.fields if lookup(present, field.path) != field.after]
    ours = [field for field in others if lookup(present, field.path) == field.before]
    return ours, [field for field in others if field not in ours]


def resizes(change: Change) -> bool:
    return change.patch_path != change.path


def resized(change: Change, pod: Object) -> bool:
    """Whether the kubelet has given the container of ``change`` the CPU limit that its spec has, and owes nothing.

    kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources: a resize that does not fit on the node
    is put off, which the condition PodResizePending tells of, and until then the old limit stays in the status.
    """
    status = pod.get("status") or {}
    owed = {each["type"] for each in status.get("conditions") or [] if each["status"] == "True"}
    given = {each["name"]: _cpu_limit(each) for each in status.get("containerStatuses") or []}
    meant = {guard.value for field in change.fields for guard in field.guards}
    return owed.isdisjoint({"PodResizePending", "PodResizeInProgress"}) and all(
        given.get(each["name"]) == _cpu_limit(each)
        for each in pod["spec"]["containers"]
        if each["name"] in meant
    )


def _cpu_limit(container: Object) -> float | None:
    limit = lookup(container, "/resources/limits/cpu")
    return None if limit is None else quantity(limit)


_BACK = "the drill is over"


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


def _starved(pod: Pod, workload: Workload) -> list[tuple[str, str]]:
    """A tenth of the CPU limit, of the container that the choice was made by.

    The request stays, for what a pod gives up another one may take: it is lowered only where it would be above the
    limit, and so far that the pod stays in its class of QoS, which the API server insists on.
    """
    limited = limited_container(containers_of(workload.template))
    assert limited is not None, "a pod without a CPU limit is not degraded"
    containers = pod.manifest["spec"]["containers"]
    place = [each["name"] for each in containers].index(limited["name"])
    resources = containers[place]["resources"]
    limit = _millicores(resources["limits"]["cpu"])
    asked = _millicores((resources.get("requests") or {}).get("cpu", f"{limit}m"))
    small = max(CPU_MILLICORES_MIN, round(limit * DEGRADED_TO))
    wanted = [(f"/spec/containers/{place}/resources/limits/cpu", _cores(small))]
    if asked >= small:
        request = small if asked >= limit else small - 1
        wanted.insert(0, (f"/spec/containers/{place}/resources/requests/cpu", _cores(request)))
    return wanted


def _millicores(cores: str) -> int:
    return max(1, round(quantity(cores) * 1000))


def _cores(millicores: int) -> str:
    """As the API server writes it: ``1`` and not ``1000m``, or what was written would not be found again."""
    return f"{millicores}m" if millicores % 1000 else str(millicores // 1000)


def _policy(namespace: str, run_id: str, scenario: Scenario) -> Change:
    name = f"meshroll-drill-{run_id}"
    body: Object = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: run_id}},
        "spec": {"podSelector": {"matchLabels": {LABEL: run_id}}, "policyTypes": ["Ingress"]},
    }
    return Change("NetworkPolicy", namespace, name, "apply", _why(scenario), body=dict(body))
