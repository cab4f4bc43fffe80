"""A change is laid over the state it was planned on, and over no other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.api_server import PatchRefusedError, patched

from meshroll.core.changes import Change, applied, fields_between, lookup, pointer, relocated

Json = dict[str, Any]
KEYS = st.sampled_from(["linkerd.io/inject", "a~b", "plain", "~1", "x/y/z"])
VALUES = st.sampled_from(["enabled", "disabled", "true", ""])
MAPS = st.none() | st.dictionaries(KEYS, VALUES, min_size=1)
WANTED = st.dictionaries(KEYS, st.none() | VALUES, min_size=1)
ANNOTATIONS = "/spec/template/metadata/annotations"


def object_with(annotations: Json | None) -> Json:
    metadata: Json = {"labels": {"app": "omni"}}
    if annotations:
        metadata["annotations"] = annotations
    return {"spec": {"replicas": 2, "template": {"metadata": metadata}}}


def change(manifest: Json, wanted: Json) -> Change:
    fields = fields_between(manifest, [(ANNOTATIONS + pointer(key), value) for key, value in wanted.items()])
    return Change("Deployment", "charging", "omni", "patch", "a test", fields)


@given(MAPS, WANTED)
def test_a_patch_gives_the_wanted_state_and_its_undoing_the_old_one(annotations: Json, wanted: Json) -> None:
    before = object_with(annotations)
    planned = change(before, wanted)
    after = patched(before, planned.json_patch())
    assert {key: lookup(after, ANNOTATIONS + pointer(key)) for key in wanted} == wanted
    untouched = {key: value for key, value in (annotations or {}).items() if key not in wanted}
    assert untouched.items() <= (lookup(after, ANNOTATIONS) or {}).items()
    assert fields_between(after, [(f.path, f.after) for f in planned.fields if f.after != {}]) == []
    if lookup(after, ANNOTATIONS):
        assert patched(after, planned.undone("back").json_patch()) == before


@given(MAPS, WANTED)
def test_foresight_sees_what_the_api_server_will_have(annotations: Json, wanted: Json) -> None:
    before = object_with(annotations)
    planned = change(before, wanted)
    assert applied(before, planned.fields) == patched(before, planned.json_patch())


@given(MAPS, WANTED)
def test_foresight_leaves_the_object_alone(annotations: Json, wanted: Json) -> None:
    before = object_with(annotations)
    applied(before, change(before, wanted).fields)
    assert before == object_with(annotations)


def test_a_list_item_is_changed_in_place() -> None:
    before = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    fields = fields_between(before, [("/env/1/value", "3")])
    assert applied(before, fields)["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}]


def test_what_is_as_wanted_makes_no_field() -> None:
    assert change(object_with({"plain": "true"}), {"plain": "true", "a~b": None}).fields == []


@pytest.mark.parametrize("meanwhile", [{"plain": "someone else's"}, None, {"a~b": "true"}])
def test_a_change_planned_on_another_state_is_refused(meanwhile: Json | None) -> None:
    planned = change(object_with({"plain": "enabled"}), {"plain": "disabled"})
    with pytest.raises(PatchRefusedError):
        patched(object_with(meanwhile), planned.json_patch())


def test_a_missing_map_is_made_once_and_before_its_keys() -> None:
    planned = change(object_with(None), {"plain": "true", "a~b": "true"})
    assert [field.path for field in planned.fields] == [
        ANNOTATIONS,
        f"{ANNOTATIONS}/plain",
        f"{ANNOTATIONS}/a~0b",
    ]


def test_a_namespace_is_named_without_a_namespace() -> None:
    assert Change("Namespace", "", "charging", "patch", "").object == "Namespace/charging"
    assert Change("Namespace", "", "charging", "patch", "").path == "/api/v1/namespaces/charging"


def test_only_controllers_are_workloads() -> None:
    kinds = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "ConfigMap", "Service", "Namespace")
    named = [Change(kind, "charging", "x", "patch", "").workload for kind in kinds]
    assert named == ["Deployment/x", "StatefulSet/x", "DaemonSet/x", "CronJob/x", None, None, None]


def deployment(*names: str) -> Json:
    """A container whose variables are these, each with a value of its own."""
    env = [{"name": name, "value": f"value of {name}"} for name in names]
    return {"spec": {"containers": [{"name": "sidecar"}, {"name": "app", "env": env}]}}


@given(
    st.permutations(["DIAL_MODE", "DB_PASSWORD", "TARGET"]),
    st.permutations(["DIAL_MODE", "DB_PASSWORD", "TARGET"]),
)
def test_a_variable_is_found_again_wherever_it_has_moved(before: list[str], after: list[str]) -> None:
    path = f"/spec/containers/1/env/{before.index('DIAL_MODE')}/value"
    (field,) = fields_between(deployment(*before), [(path, "pooled")])
    now = deployment(*after)
    found = relocated(now, field)
    assert found and lookup(now, found.path) == "value of DIAL_MODE"
    assert all(lookup(now, guard.path) == guard.value for guard in found.guards)


def test_a_variable_that_is_gone_is_not_taken_for_another_one() -> None:
    (field,) = fields_between(deployment("DIAL_MODE"), [("/spec/containers/1/env/0/value", "pooled")])
    assert relocated(deployment("DB_PASSWORD"), field) is None
    assert relocated({"spec": {"containers": []}}, field) is None


def test_a_map_that_somebody_else_has_made_meanwhile_is_not_made_again() -> None:
    planned = change(object_with(None), {"linkerd.io/inject": "enabled"})
    theirs = object_with({"kubectl.kubernetes.io/restartedAt": "now"})
    with pytest.raises(PatchRefusedError):
        patched(theirs, planned.json_patch())
    assert planned.state_in(theirs) == "planned"
    made = patched(theirs, planned.without_maps_in(theirs).json_patch())
    assert lookup(made, ANNOTATIONS) == {
        "kubectl.kubernetes.io/restartedAt": "now",
        "linkerd.io/inject": "enabled",
    }
