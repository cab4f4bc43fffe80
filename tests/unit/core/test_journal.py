"""What a run writes down, and that nothing else gets into it."""

from __future__ import annotations

from typing import Any

from meshroll.core.changes import Change, Field
from meshroll.core.journal import Entry, Record, intending, made, passed, pausing, seen, touched, turned_back
from meshroll.core.plan import Step

PATH = "/spec/template/metadata/annotations/linkerd.io~1inject"
CHANGE = Change("Deployment", "charging", "omni", "patch", "inject", [Field(PATH, None, "enabled")])
SERVICE = Change(
    "Service",
    "charging",
    "points",
    "apply",
    "a Service beside it",
    body={"metadata": {"name": "points"}, "spec": {}},
)
STEP = Step("wave", "Wave 1", "charging", [CHANGE, SERVICE], pending=["inject:charging/Deployment/omni"])


def deployment(version: str = "1", **template: Any) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "omni", "namespace": "charging", "resourceVersion": version, "generation": 3},
        "spec": {
            "replicas": 2,
            "template": {
                "metadata": {"annotations": {"team": "charging", **template}},
                "spec": {"containers": [{"name": "app", "env": [{"name": "PASSWORD", "value": "hunter2"}]}]},
            },
        },
        "status": {"readyReplicas": 2},
    }


def record(**others: Any) -> Record:
    return Record("run", "rollout", "someone", ["charging", "parking"], "2026-01-01T00:00:00Z", **others)


def test_intent_is_written_before_and_the_gates_mark_goes_when_it_has_passed() -> None:
    begun = intending(record(pending=["dial:x/y"]), STEP, {CHANGE.object: deployment("7")})
    assert begun.changes == [CHANGE, SERVICE]
    assert [entry.before and entry.before.resource_version for entry in begun.entries] == ["7", None]
    assert begun.pending == ["dial:x/y", *STEP.pending]
    assert passed(begun, STEP).pending == ["dial:x/y"]


def test_what_was_made_is_written_after_and_what_was_not_stays_open() -> None:
    begun = intending(record(entries=[Entry("Wave 0", CHANGE)]), STEP, {})
    done = made(begun, STEP, {CHANGE.object: deployment("8")})
    assert [entry.after and entry.after.resource_version for entry in done.entries] == [None, "8", None]


def test_values_that_are_not_changed_are_never_written() -> None:
    found = intending(record(), STEP, {CHANGE.object: deployment("7")})
    assert "hunter2" not in str(found)


def test_the_rest_of_an_object_is_known_by_its_hash() -> None:
    before = seen(deployment("1"), CHANGE)
    changed = deployment("2", **{"linkerd.io/inject": "enabled"})
    changed["spec"]["replicas"] = 5
    changed["status"] = {}
    after = seen(changed, CHANGE)
    assert before and after and before.rest == after.rest, (
        "neither our field nor what controllers write counts"
    )
    assert seen({k: v for k, v in changed.items() if k not in ("apiVersion", "kind")}, CHANGE) == after, (
        "an item of a list is the same object"
    )
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    other = seen(changed, CHANGE)
    assert other and other.rest != before.rest


def test_a_service_is_kept_whole_but_for_what_only_the_server_writes() -> None:
    service = {
        "kind": "Service",
        "metadata": {"name": "points", "resourceVersion": "1", "labels": {"a": "b"}, "managedFields": []},
        "spec": {"clusterIP": "None"},
        "status": {"loadBalancer": {}},
    }
    found = seen(service, SERVICE)
    assert found and found.whole == {
        "kind": "Service",
        "metadata": {"name": "points", "resourceVersion": "1", "labels": {"a": "b"}},
        "spec": {"clusterIP": "None"},
    }
    workload = seen(deployment(), CHANGE)
    assert workload and workload.whole is None


def test_touched_are_the_namespaces_of_the_changes_and_of_their_own_objects() -> None:
    annotation = Change("Namespace", "", "parking", "patch", "inject")
    assert touched([CHANGE, annotation], ["charging", "parking", "other"]) == ["charging", "parking"]
    assert touched([Change("Namespace", "", "charging-eu", "patch", "inject")], ["charging"]) == []


def test_a_run_that_turns_back_says_where_to() -> None:
    found = turned_back(record(), "fallback")
    assert (found.heading, found.to) == ("back", "fallback")


def test_a_pause_is_remembered_with_its_step_and_forgotten_once_its_gate_has_passed() -> None:
    paused = pausing(
        record(pending=["dial:x/y", *STEP.pending], paused_since="2026-01-01T00:00:00Z"), STEP, "gate"
    )
    assert (paused.paused_at, paused.waits_for) == (STEP.pending, "gate")
    assert passed(paused, STEP).paused_since is None
