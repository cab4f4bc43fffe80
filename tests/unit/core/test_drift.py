"""Somebody else's change is told from a run's own, also where the run died before it saw what it had done."""

from __future__ import annotations

from typing import Any

import msgspec
from unit.core.factories import Json, cluster, settings, space, workload

from meshroll.core.changes import Change, Field, Guard
from meshroll.core.journal import Entry, seen
from meshroll.core.model import ClusterView
from meshroll.core.plan import Plan
from meshroll.core.previous import previous_plan

BODY: Json = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "points-clusterip",
        "namespace": "charging",
        "labels": {"app.kubernetes.io/managed-by": "meshroll"},
    },
    "spec": {"type": "ClusterIP", "selector": {"app": "points"}, "ports": [{"port": 80}]},
}
MADE = Change("Service", "charging", "points-clusterip", "apply", "beside it", body=BODY)
DELETED = Change("Service", "charging", "points-clusterip", "delete", "a run made it")


def there(**spec: Any) -> Json:
    """The Service as the API server has it in a list, where objects do not say their kind."""
    meta = {**BODY["metadata"], "uid": "u-1", "resourceVersion": "7"}
    return {"metadata": meta, "spec": {**BODY["spec"], "clusterIP": "10.96.0.9", **spec}}


def with_service(found: Json) -> ClusterView:
    return cluster(space(services=[found]))


def back(view: ClusterView, *done: Entry, taken: tuple[str, ...] = ()) -> Plan:
    return previous_plan(view, settings(), done, taken)


def removals(plan: Plan) -> list[Change]:
    return [change for change in plan.changes() if change.action == "delete"]


def test_what_a_run_made_is_removed_in_exactly_the_state_that_was_seen() -> None:
    (change,) = removals(back(with_service(there()), Entry("Services", MADE, after=seen(there(), MADE))))
    assert {field.path: field.before for field in change.fields} == {
        "/metadata/uid": "u-1",
        "/metadata/resourceVersion": "7",
    }


def test_it_is_removed_although_a_way_back_died_before_it_had_removed_it() -> None:
    done = [Entry("Services", MADE, after=seen(there(), MADE)), Entry("Services", DELETED)]
    assert [change.name for change in removals(back(with_service(there()), *done))] == ["points-clusterip"]


def test_it_is_removed_although_a_later_run_gave_it_other_ports() -> None:
    ports = Change(
        "Service",
        "charging",
        "points-clusterip",
        "patch",
        "ports",
        [Field("/spec/ports", [{"port": 80}], [{"port": 81}])],
    )
    now = there(ports=[{"port": 81}])
    done = [
        Entry("Services", MADE, after=seen(there(), MADE)),
        Entry("Services", ports, after=seen(now, ports)),
    ]
    assert [change.name for change in removals(back(with_service(now), *done))] == ["points-clusterip"]


def test_a_run_that_died_before_it_saw_its_service_still_knows_it_and_no_other() -> None:
    died = Entry("Services", MADE)
    assert removals(back(with_service(there()), died))
    theirs = with_service(there(selector={"app": "other"}))
    plan = back(theirs, died)
    assert removals(plan) == []
    assert [problem.code for problem in plan.conflicts] == ["drift"]
    assert removals(back(theirs, died, taken=("Service/points-clusterip",)))


def test_a_variable_that_moved_is_set_back_where_it_is_and_its_neighbour_is_never_shown() -> None:
    field = Field(
        "/spec/template/spec/containers/0/env/0/value",
        "per_request",
        "pooled",
        [
            Guard("/spec/template/spec/containers/0/name", "app"),
            Guard("/spec/template/spec/containers/0/env/0/name", "DIAL_MODE"),
        ],
    )
    done = Entry("Dial", Change("Deployment", "charging", "omni", "patch", "dial", [field]))
    env = [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "DIAL_MODE", "value": "pooled"}]
    view = cluster(space(with_env(env)))
    for plan in (back(view, done), back(view, done, taken=("Deployment/omni",))):
        (change,) = plan.changes()
        assert [(each.path, each.before, each.after) for each in change.fields] == [
            ("/spec/template/spec/containers/0/env/1/value", "pooled", "per_request")
        ]
        assert plan.conflicts == []
        assert "hunter2" not in str(msgspec.to_builtins(plan))
    gone = back(cluster(space(with_env(env[:1]))), done, taken=("Deployment/omni",))
    assert list(gone.changes()) == [] and "hunter2" not in str(msgspec.to_builtins(gone))


def with_env(env: list[Json]) -> Any:
    found = workload("Deployment", "omni")
    found.template["spec"]["containers"] = [{"name": "app", "env": env}]
    return found
