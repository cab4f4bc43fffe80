"""Whole plans, tried on the estate: in and out again, from any state, and a second time without a change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from unit.core.api_server import ALPHA, BETA, GA, WAIT, made, rolled
from unit.core.estate import estate, inventory
from unit.core.factories import EDGE, Json, space

from meshroll.core.changes import Change, Field
from meshroll.core.journal import Entry
from meshroll.core.model import ClusterView
from meshroll.core.plan import Plan, plan_from, to_builtins
from meshroll.core.previous import previous_plan
from meshroll.core.releases import Edge
from meshroll.core.settings import Settings
from meshroll.core.way_in import rollout_plan
from meshroll.core.way_out import fallback_plan

EDGES = [Edge(25, 10, 1), Edge(25, 12, 3), Edge(26, 5, 1), EDGE]
NAMESPACE = st.fixed_dictionaries(
    {},
    optional={
        WAIT: st.just("40"),
        ALPHA: st.sampled_from(["true", "false"]),
        BETA: st.sampled_from(["true", "false"]),
        GA: st.sampled_from(["true", "false"]),
        "linkerd.io/inject": st.sampled_from(["enabled", "disabled"]),
        "team": st.just("roaming"),
    },
)
CASES = st.tuples(
    st.sampled_from(EDGES),
    st.sampled_from(["auto", "wait", "native"]),
    st.sampled_from(["namespace", "workloads"]),
    NAMESPACE,
)


def rollout(view: ClusterView, settings: Settings, edge: Edge = EDGE, run: str = "run-1") -> Plan:
    return rollout_plan(view, settings, edge, run, (), ())


def entries(changes: Iterable[Change]) -> list[Entry]:
    """Changes as the journal has them of a run that died before it saw what became of them."""
    return [Entry("step", change) for change in changes]


def with_namespace(view: ClusterView, annotations: Json) -> ClusterView:
    home = view.namespaces["charging"]
    manifest = space(annotations=annotations).manifest
    return replace(view, namespaces={"charging": replace(home, manifest=manifest)})


def started(case: tuple[Edge, str, str, Json]) -> tuple[ClusterView, Settings, Edge]:
    edge, sidecar, injection, annotations = case
    settings = inventory(sidecar=sidecar, injection=injection)
    return with_namespace(estate(), annotations), settings, edge


def looks(view: ClusterView) -> Json:
    """All that a run may change, comparable."""
    home = view.namespaces["charging"]
    return {
        "namespace": home.manifest,
        "workloads": [workload.manifest for workload in home.workloads],
        "config_maps": sorted(home.config_maps, key=str),
        "services": sorted(home.services, key=str),
    }


def proxies(view: ClusterView) -> dict[str, set[bool]]:
    home = view.namespaces["charging"]
    return {
        workload.id: {pod.proxy is not None for pod in home.pods_of(workload.id)}
        for workload in home.workloads
        if home.pods_of(workload.id)
    }


@hypothesis(max_examples=30)
@given(CASES)
def test_a_second_identical_rollout_changes_nothing(case: tuple[Edge, str, str, Json]) -> None:
    view, settings, edge = started(case)
    after = rolled(view, rollout(view, settings, edge), edge)
    again = rollout(after, settings, edge, "run-2")
    assert list(again.changes()) == []
    assert again.nothing_to_do


@hypothesis(max_examples=30)
@given(CASES)
def test_a_rollout_meshes_all_but_those_that_opt_out(case: tuple[Edge, str, str, Json]) -> None:
    view, settings, edge = started(case)
    found = proxies(rolled(view, rollout(view, settings, edge), edge))
    assert found.pop("Deployment/legacy-terminal") == {False}
    assert set(map(tuple, found.values())) == {(True,)}


@hypothesis(max_examples=30)
@given(CASES, st.data())
def test_fallback_from_any_state_leaves_no_proxy_and_nothing_to_do(
    case: tuple[Edge, str, str, Json], data: st.DataObject
) -> None:
    view, settings, edge = started(case)
    steps = list(rollout(view, settings, edge).changes())
    for change in steps[: data.draw(st.integers(0, len(steps)))]:
        view = made(view, change, edge)
    after = rolled(view, fallback_plan(view, settings, "run-2"), edge)
    assert set(map(tuple, proxies(after).values())) == {(False,)}
    assert list(fallback_plan(after, settings, "run-3").changes()) == []


@hypothesis(max_examples=30)
@given(CASES, st.data())
def test_previous_returns_every_field_however_far_the_run_came(
    case: tuple[Edge, str, str, Json], data: st.DataObject
) -> None:
    view, settings, edge = started(case)
    intended = list(rollout(view, settings, edge).changes())
    come = data.draw(st.integers(0, len(intended)))
    after = view
    for change in intended[:come]:
        after = made(after, change, edge)
    back = rolled(after, previous_plan(after, settings, entries(intended[: come + 1])), edge)
    assert looks(back) == looks(view)
    assert list(previous_plan(back, settings, entries(intended)).changes()) == []


@hypothesis(max_examples=30)
@given(CASES, st.data())
def test_previous_works_after_a_fallback_that_stopped_halfway(
    case: tuple[Edge, str, str, Json], data: st.DataObject
) -> None:
    view, settings, edge = started(case)
    there = list(rollout(view, settings, edge).changes())
    after = rolled(view, rollout(view, settings, edge), edge)
    back = list(fallback_plan(after, settings, "run-1").changes())
    come = data.draw(st.integers(0, len(back)))
    for change in back[:come]:
        after = made(after, change, edge)
    plan = previous_plan(after, settings, entries([*there, *back[: come + 1]]))
    assert looks(rolled(after, plan, edge)) == looks(view)


def test_previous_does_not_lay_itself_over_somebody_elses_change() -> None:
    view, settings = estate(), inventory()
    plan = rollout(view, settings)
    after = rolled(view, plan, EDGE)
    path = "/spec/template/metadata/annotations/linkerd.io~1inject"
    theirs = Change("Deployment", "charging", "omni", "patch", "theirs", [Field(path, "enabled", "ingress")])
    drifted = made(after, theirs, EDGE)
    done = entries(plan.changes())
    left = previous_plan(drifted, settings, done)
    assert "Deployment/omni" not in {change.workload for change in left.changes()}
    (conflict,) = left.conflicts
    assert (conflict.code, conflict.object) == ("drift", "charging/Deployment/omni")
    assert "ingress" in conflict.message and "--take Deployment/omni" in conflict.hint
    taken = previous_plan(drifted, settings, done, taken=["Deployment/omni"])
    assert taken.conflicts == []
    assert looks(rolled(drifted, taken, EDGE)) == looks(view)


def test_an_inventory_that_names_what_is_gone_does_not_block_the_way_out() -> None:
    dial = [{"env": "DIAL_MODE", "pooled": "pooled", "per_request": "per_request"}]
    gone = {"workload": "Deployment/gone", "service": "tariffs", "dial": dial}
    settings = inventory(services=[{"name": "absent"}, {"name": "tariffs"}], clients=[gone])
    view = rolled(estate(), rollout(estate(), inventory()), EDGE)
    plan = fallback_plan(view, settings, "run-2")
    after = rolled(view, plan, EDGE)
    assert set(map(tuple, proxies(after).values())) == {(False,)}
    assert any("absent" in note for note in plan.notes)
    assert any("Deployment/gone" in note for note in plan.notes)


def test_a_cluster_that_was_never_touched_has_nothing_to_undo() -> None:
    assert previous_plan(estate(), inventory(), []).nothing_to_do


def test_a_plan_survives_its_way_through_ansible() -> None:
    for plan in (rollout(estate(), inventory()), fallback_plan(estate(), inventory(), "run")):
        assert plan_from(to_builtins(plan)) == plan


def order(plan: Plan) -> Sequence[str]:
    return [step.stage for step in plan.steps if step.changes or step.gate or step.pause]


def test_the_way_in_is_waves_then_services_then_clients_and_the_namespace_last() -> None:
    """Two dial steps of three: ``pricing`` holds its connection already."""
    expected = ["wave", "wave", "wave", "services", "dial", "dial", "namespace"]
    assert order(rollout(estate(), inventory())) == expected


def test_the_way_out_is_namespace_services_clients_servers() -> None:
    view, settings = estate(), inventory()
    after = rolled(view, rollout(view, settings), EDGE)
    assert order(fallback_plan(after, settings, "run-2")) == ["namespace", "clients", "servers"]
    assert order(fallback_plan(view, settings, "run-2")) == ["services", "clients"]


def test_no_plan_writes_replicas_images_or_status() -> None:
    view, settings = estate(), inventory()
    there = rollout(view, settings)
    after = rolled(view, there, EDGE)
    for plan in (
        there,
        fallback_plan(after, settings, "r"),
        previous_plan(after, settings, entries(there.changes())),
    ):
        paths = [field.path for change in plan.changes() for field in change.fields]
        assert paths
        assert not [path for path in paths if path.endswith(("/replicas", "/image")) or "/status" in path]


def test_no_step_changes_one_workload_twice() -> None:
    view, settings = estate(), inventory()
    after = rolled(view, rollout(view, settings), EDGE)
    for plan in (rollout(view, settings), fallback_plan(after, settings, "r")):
        for step in plan.steps:
            changed = [change.object for change in step.changes]
            assert len(changed) == len(set(changed))
