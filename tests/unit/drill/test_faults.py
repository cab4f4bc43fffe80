"""Each fault changes one thing of one workload or pod, and what takes it back restores exactly that."""

from __future__ import annotations

import copy
from typing import Any, get_args

import pytest
from unit.core.factories import pods, workload

from meshroll.core.changes import Change, applied
from meshroll.core.drill.faults import LABEL, fault, hit, undoing
from meshroll.core.drill.model import HYPOTHESES, Scenario
from meshroll.core.journal import Entry
from meshroll.core.model import Pod, Workload
from meshroll.core.quantities import quantity

RUN = "20260101t000000z-abcdef"
NOW = "2026-01-01T00:00:00Z"
GONE = {"rolling-deploy", "pod-crash"}
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


def test_a_crash_is_of_exactly_the_pod_that_was_seen() -> None:
    (change,) = made("pod-crash", sessions(None))
    assert change.action == "delete"
    assert [(field.path, field.before) for field in change.fields] == [
        ("/metadata/uid", "charging-Deployment-sessions-0")
    ]


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
    asked = quantity(resources["requests"]["cpu"])
    assert asked <= cpu
    guaranteed = requests is None or requests["cpu"] == limit
    assert (asked == cpu) == guaranteed


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
