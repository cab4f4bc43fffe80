"""Each fault changes one thing of one workload or pod, and what takes it back restores exactly that."""

from __future__ import annotations

import copy
from typing import Any, get_args

import pytest
from unit.core.factories import pods, workload

from meshroll.core.changes import Change, Field, applied
from meshroll.core.drill.faults import LABEL, fault, hit, over, resized, resizes, taken, undoing
from meshroll.core.drill.model import HYPOTHESES, Scenario
from meshroll.core.journal import Entry
from meshroll.core.model import Pod, Workload
from meshroll.core.quantities import quantity
from meshroll.core.recreation import delete_options

RUN = "20260101t000000z-abcdef"
NOW = "2026-01-01T00:00:00Z"
GONE = {"pod-crash"}
"""What comes to its end by itself, without anything to take back."""


def sessions(requests: dict[str, str] | None, cpu: str = "200m") -> Workload:
    asked = {"requests": requests} if requests else {}
    container = {"name": "sessions", "resources": {**asked, "limits": {"cpu": cpu}}}
    return workload(name="sessions", replicas=3, containers=[container])


def made(
    scenario: Scenario,
    target: Workload,
    seen: tuple[Pod, ...] | None = None,
    requests: dict[str, float] | None = None,
) -> list[Change]:
    return fault(scenario, target, seen or pods(target, proxy="wait"), requests or {}, RUN, NOW)


def entries(changes: list[Change]) -> list[Entry]:
    return [Entry("drill", change) for change in changes]


def test_every_scenario_has_a_hypothesis() -> None:
    assert tuple(HYPOTHESES) == get_args(Scenario)


@pytest.mark.parametrize("scenario", HYPOTHESES)
def test_a_fault_is_of_one_workload_or_one_pod_and_taken_back_field_by_field(scenario: Scenario) -> None:
    target = sessions({"cpu": "50m"})
    changes = made(scenario, target)
    assert {change.namespace for change in changes} == {"charging"}
    assert all(change.kind == "NetworkPolicy" or change.name.startswith("sessions") for change in changes)
    back = undoing(entries(changes))
    assert (back == []) == (scenario in GONE)
    manifests: dict[str, Any] = {f"{pod.name}": pod.manifest for pod in pods(target, proxy="wait")}
    manifests["sessions"] = target.manifest
    for change in [change for change in changes if change.action == "patch" and scenario not in GONE]:
        before = copy.deepcopy(manifests[change.name])
        broken = applied(before, change.fields)
        assert broken != before
        (inverse,) = [each for each in back if each.object == change.object]
        assert applied(broken, inverse.fields) == before
        assert inverse.state_in(broken) == "planned"
        assert inverse.state_in(before) == "made"


def test_the_same_pod_is_hit_whatever_the_order_in_which_they_are_listed() -> None:
    target = sessions(None)
    seen = pods(target)
    found = {hit(made("pod-crash", target, order)) for order in (seen, seen[::-1])}
    assert found == {"sessions-0"}


def test_the_pod_is_hit_that_most_are_calling() -> None:
    changes = made("partition", sessions(None), requests={"sessions-1": 2.0, "sessions-2": 1.0, "gone": 9.0})
    assert hit(changes) == "sessions-1"


def test_a_crash_is_of_exactly_the_pod_that_was_seen_and_without_grace() -> None:
    (change,) = made("pod-crash", sessions(None))
    assert change.action == "delete"
    assert delete_options(change) == {"uid": "charging-Deployment-sessions-0", "grace_seconds": 0}


@pytest.mark.parametrize(("scenario", "replicas"), [("scale-up", 4), ("scale-down", 2)])
def test_scaling_is_by_one(scenario: Scenario, replicas: int) -> None:
    (change,) = made(scenario, sessions(None))
    assert [(field.before, field.after) for field in change.fields] == [(3, replicas)]


@pytest.mark.parametrize(
    ("limit", "requests"),
    [
        ("200m", {"cpu": "50m"}),
        ("200m", {"cpu": "200m"}),
        ("2", {"cpu": "1", "memory": "1Gi"}),
        ("20m", None),
        ("10", {"cpu": "500m"}),
        ("20", None),
        ("4", {"cpu": "400m"}),
    ],
)
def test_a_degraded_pod_keeps_a_tenth_of_its_cpu_and_its_class(
    limit: str, requests: dict[str, str] | None
) -> None:
    target = sessions(requests, limit)
    (change,) = made("degraded-pod", target)
    assert change.patch_path.endswith("/pods/sessions-0/resize")
    # The container of the proxy stands before it.
    assert {guard.value for field in change.fields for guard in field.guards} == {"sessions"}
    after = applied(pods(target, proxy="wait")[0].manifest, change.fields)
    resources = after["spec"]["containers"][1]["resources"]
    cpu = quantity(resources["limits"]["cpu"])
    assert cpu == pytest.approx(max(0.01, quantity(limit) / 10))
    # What the API server would write otherwise would not be found again.
    assert {canonical(resources["limits"]["cpu"])} == {resources["limits"]["cpu"]}
    before = (requests or {}).get("cpu", limit)
    asked = quantity(resources.get("requests", {}).get("cpu", before))
    assert asked <= cpu
    assert (asked == cpu) == (before == limit)
    # What is given up another pod may take, so nothing is that need not be.
    assert asked == pytest.approx(cpu if before == limit else min(quantity(before), cpu - 0.001))
    if quantity(before) < cpu:
        assert [field.path for field in change.fields] == ["/spec/containers/1/resources/limits/cpu"]


def canonical(cores: str) -> str:
    """As k8s.io/apimachinery writes it: without a suffix where the number is whole."""
    millicores = round(quantity(cores) * 1000)
    return f"{millicores}m" if millicores % 1000 else f"{millicores // 1000}"


def test_the_container_that_is_starved_is_the_one_that_the_choice_was_made_by() -> None:
    target = sessions(None)
    injected: dict[str, Any] = {"name": "agent", "resources": {"limits": {"cpu": "1"}}}
    for pod in (seen := pods(target)):
        pod.manifest["spec"]["containers"].insert(0, injected)
    (change,) = made("degraded-pod", target, seen)
    assert {guard.value for field in change.fields for guard in field.guards} == {"sessions"}


def test_a_restart_is_taken_back_until_every_pod_was_restarted() -> None:
    target = sessions(None)
    (change,) = undoing(entries(made("rolling-deploy", target)))
    assert over(change, target.manifest)
    for unfinished in ({"updatedReplicas": 1}, {"observedGeneration": 0}, {"availableReplicas": 2}):
        midway = {**target.manifest, "status": {**target.manifest["status"], **unfinished}}
        assert not over(change, midway)
    (scaled,) = undoing(entries(made("scale-up", target)))
    assert not over(scaled, target.manifest)


def test_what_is_still_the_faults_is_taken_back_whatever_somebody_changed_beside_it() -> None:
    target = sessions({"cpu": "50m"})
    changes = made("degraded-pod", target)
    (back,) = undoing(entries(changes))
    broken = applied(pods(target, proxy="wait")[0].manifest, changes[0].fields)
    assert taken(back, broken) == (back.fields, [])
    request = "/spec/containers/1/resources/requests/cpu"
    changed = applied(broken, [Field(request, "19m", "5m")])
    ours, theirs = taken(back, changed)
    assert ([field.path for field in theirs], len(ours)) == ([request], 1)
    assert taken(back, applied(broken, back.fields)) == ([], [])


@pytest.mark.parametrize(
    ("given", "condition", "enough"),
    [
        ("200m", None, True),
        ("0.2", None, True),
        ("20m", None, False),
        (None, None, False),
        ("200m", ("PodResizePending", "True"), False),
        ("200m", ("PodResizeInProgress", "True"), False),
        ("200m", ("PodResizeInProgress", "False"), True),
    ],
)
def test_a_pod_has_its_cpu_back_once_its_kubelet_says_so(
    given: str | None, condition: tuple[str, str] | None, enough: bool
) -> None:
    target = sessions({"cpu": "50m"})
    (back,) = undoing(entries(made("degraded-pod", target)))
    assert resizes(back)
    pod = pods(target, proxy="wait")[0].manifest
    limits = {"limits": {"cpu": given}} if given else {}
    pod["status"] = {
        "containerStatuses": [{"name": "sessions", "resources": limits}],
        "conditions": [{"type": condition[0], "status": condition[1]}] if condition else [],
    }
    assert resized(back, pod) is enough


def test_a_partition_shuts_exactly_the_pod_that_it_labels() -> None:
    label, policy = made("partition", sessions(None))
    assert label.patch_path == label.path
    assert [(field.path, field.after) for field in label.fields] == [
        ("/metadata/labels/meshroll.io~1drill", RUN)
    ]
    assert policy.body is not None
    assert policy.body["spec"] == {"podSelector": {"matchLabels": {LABEL: RUN}}, "policyTypes": ["Ingress"]}
    policy_back, label_back = undoing(entries([label, policy]))
    assert (policy_back.action, policy_back.object) == ("delete", policy.object)
    assert label_back.fields[0].after is None
