"""Whole plans of namespaces whose Services are converted themselves: in, out, and from anywhere in between."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from unit.core.api_server import made, rolled, served
from unit.core.estate import estate, inventory
from unit.core.factories import EDGE, Json

from meshroll.core.changes import Change
from meshroll.core.conversion import State, state_of
from meshroll.core.journal import Entry
from meshroll.core.model import ClusterView
from meshroll.core.plan import Plan, Step
from meshroll.core.previous import previous_plan
from meshroll.core.settings import Settings
from meshroll.core.way_in import rollout_plan
from meshroll.core.way_out import fallback_plan

NAME = "voltnet-omnicharge-points"
BESIDE = f"{NAME}-clusterip"
METHODS = ["in_place", "recreate"]


def start() -> ClusterView:
    """The estate, its Services with what an API server adds."""
    view = estate()
    home = view.namespaces["charging"]
    services = tuple(
        served(
            None, {**s, "metadata": {**s["metadata"], "uid": s["metadata"]["name"], "resourceVersion": "7"}}
        )
        for s in home.services
    )
    return replace(view, namespaces={"charging": replace(home, services=services)})


def wanted(method: str) -> Settings:
    """Clients keep the Service's name, so only their dial mode is switched."""
    settings = inventory()
    (home,) = settings.namespaces
    clients = [
        {"workload": c.workload, "service": c.service, "namespace": c.namespace, "dial": dials(c)}
        for c in home.clients
    ]
    names = [{"name": NAME, "method": method}, {"name": "tariffs"}, {"name": "sessions"}]
    return inventory(services=names, clients=clients)


def dials(client: object) -> list[Json]:
    found = msgspec.to_builtins(client)["dial"]
    return [{k: v for k, v in each.items() if v is not None} for each in found if each["env"] != "TARGET"]


def rollout(view: ClusterView, method: str, run: str = "run-1", pending: tuple[str, ...] = ()) -> Plan:
    return rollout_plan(view, wanted(method), EDGE, run, pending, ())


def entries(*plans: Plan) -> list[Entry]:
    return [Entry("step", change) for plan in plans for change in plan.changes()]


def service(view: ClusterView, name: str = NAME) -> Json | None:
    found = view.namespaces["charging"].service(name)
    return dict(found) if found else None


def state(view: ClusterView) -> State:
    found = service(view)
    assert found is not None
    return state_of(found)


def alike(manifest: Json | None) -> Json:
    """Comparable where it may have been made anew."""
    assert manifest is not None
    server = ("uid", "resourceVersion")
    return {
        "metadata": {k: v for k, v in manifest["metadata"].items() if k not in server},
        "spec": manifest["spec"],
    }


def conversion(plan: Plan) -> Step:
    return next(step for step in plan.steps if "from headless" in step.title)


@pytest.mark.parametrize("method", METHODS)
def test_it_comes_after_the_look_at_callers_and_is_judged(method: str) -> None:
    plan = rollout(start(), method)
    stages = [step.stage for step in plan.steps]
    first = stages.index("services")
    assert plan.steps[first].services and not plan.steps[first].gate
    assert stages.index("services", first + 1) == first + 1
    step = conversion(plan)
    assert step.gate and step.pending == [f"service:charging/{NAME}"]
    assert step.workloads == ["Deployment/omni"], "its held connections lead to single pods"
    assert {s.workload: s.evenness_expected for s in step.subjects} == {
        "Deployment/omni": False,
        f"Deployment/{NAME}": True,
    }


@pytest.mark.parametrize("method", METHODS)
def test_a_second_rollout_changes_nothing_and_a_gate_not_passed_is_due_again(method: str) -> None:
    after = rolled(start(), rollout(start(), method), EDGE)
    assert state(after) == "clusterip"
    assert rollout(after, method, "run-2").nothing_to_do
    again = conversion(rollout(after, method, "run-2", (f"service:charging/{NAME}",)))
    assert again.gate and [change.workload for change in again.changes] == ["Deployment/omni"]


@hypothesis(max_examples=40)
@given(st.sampled_from(METHODS), st.data())
def test_however_far_it_came_the_next_rollout_finishes_it(method: str, data: st.DataObject) -> None:
    changes = list(rollout(start(), method).changes())
    view = start()
    for change in changes[: data.draw(st.integers(0, len(changes)))]:
        view = made(view, change, EDGE)
    if service(view) is None:  # between delete and create, only a journal knows it
        return
    after = rolled(view, rollout(view, method, "run-2"), EDGE)
    assert state(after) == "clusterip"
    whole = rolled(start(), rollout(start(), method), EDGE)
    assert alike(service(after)) == alike(service(whole))


@hypothesis(max_examples=40)
@given(st.sampled_from(METHODS), st.data())
def test_however_far_it_came_previous_finds_every_field(method: str, data: st.DataObject) -> None:
    plan = rollout(start(), method)
    changes = list(plan.changes())
    view = start()
    for change in changes[: data.draw(st.integers(0, len(changes)))]:
        view = made(view, change, EDGE)
    if service(view) is None:
        return
    back = previous_plan(view, wanted(method), entries(plan))
    assert back.conflicts == []
    before, after = start(), rolled(view, back, EDGE)
    assert alike(service(after)) == alike(service(before))
    assert service(after, BESIDE) is None
    assert after.namespaces["charging"].workloads == before.namespaces["charging"].workloads
    assert list(previous_plan(after, wanted(method), entries(plan)).changes()) == []


@pytest.mark.parametrize("method", METHODS)
def test_previous_makes_it_headless_after_the_servers_are_out(method: str) -> None:
    there = rollout(start(), method)
    view = rolled(start(), there, EDGE)
    back = previous_plan(view, wanted(method), entries(there))
    objects = [change.object for change in back.changes()]
    assert objects.index(f"charging/Deployment/{NAME}") < objects.index(f"charging/Service/{NAME}")
    assert state(rolled(view, back, EDGE)) == "headless"


def test_the_fallback_keeps_what_is_converted_and_finishes_what_is_half_way() -> None:
    there = rollout(start(), "in_place")
    after = rolled(start(), there, EDGE)
    services = [
        c.object for c in fallback_plan(after, wanted("in_place"), "r").changes() if c.kind == "Service"
    ]
    assert services == []
    view = start()
    for change in half(there):
        view = made(view, change, EDGE)
    assert state(view) == "halfway"
    for settings in (wanted("in_place"), inventory(services=[], clients=[])):
        plan = fallback_plan(view, settings, "r")
        stages = [step.stage for step in plan.steps if step.changes]
        assert stages.index("services") < stages.index("servers")
        assert state(rolled(view, plan, EDGE)) == "clusterip"


def half(plan: Plan) -> list[Change]:
    """The changes up to the first of the two updates."""
    changes = list(plan.changes())
    place = next(i for i, change in enumerate(changes) if change.object == f"charging/Service/{NAME}")
    return changes[: place + 1]


@pytest.mark.parametrize("method", METHODS)
def test_the_fallback_converts_what_is_headless_before_its_clients_dial_anew(method: str) -> None:
    plan = fallback_plan(start(), wanted(method), "r")
    assert state(rolled(start(), plan, EDGE)) == "clusterip"
    stages = [step.stage for step in plan.steps if step.changes]
    beside = ["services"] if method == "in_place" else []
    assert stages == [*beside, "services", "clients"]
    (note,) = [note for note in plan.notes if f"Service {NAME} of charging is headless no longer" in note]
    assert "that the inventory does not name" in note
    assert fallback_plan(rolled(start(), plan, EDGE), wanted(method), "r").notes == []


def test_the_fallback_leaves_a_service_that_its_owner_would_make_headless_again_and_says_so() -> None:
    view = start()
    home = view.namespaces["charging"]
    helm = {"app.kubernetes.io/managed-by": "Helm"}
    release = {"meta.helm.sh/release-name": "points", "meta.helm.sh/release-namespace": "charging"}
    owned = tuple(
        {**s, "metadata": {**s["metadata"], "labels": helm, "annotations": release}}
        if s["metadata"]["name"] == NAME
        else s
        for s in home.services
    )
    view = replace(view, namespaces={"charging": replace(home, services=owned)})
    plan = fallback_plan(view, wanted("in_place"), "r")
    assert [change.object for change in plan.changes() if change.kind == "Service"] == []
    assert any("Helm" in note and NAME in note for note in plan.notes)


def test_ports_that_somebody_changed_are_shown_and_left() -> None:
    there = rollout(start(), "in_place")
    view = rolled(start(), there, EDGE)
    home = view.namespaces["charging"]
    theirs = service(view)
    assert theirs is not None
    theirs = {
        **theirs,
        "spec": {**theirs["spec"], "ports": [{"name": "other", "port": 1, "targetPort": 8080}]},
    }
    others = tuple(s for s in home.services if s["metadata"]["name"] != NAME)
    view = replace(view, namespaces={"charging": replace(home, services=(*others, theirs))})
    plan = previous_plan(view, wanted("in_place"), entries(there))
    assert [problem.object for problem in plan.conflicts] == [f"charging/Service/{NAME}"]
    assert f"charging/Service/{NAME}" not in [change.object for change in plan.changes()]


def test_back_to_a_run_that_left_it_a_clusterip_service() -> None:
    there = rollout(start(), "in_place")
    view = rolled(start(), there, EDGE)
    back = previous_plan(view, wanted("in_place"), entries(there))
    headless = rolled(view, back, EDGE)
    again = rolled(headless, previous_plan(headless, wanted("in_place"), entries(back)), EDGE)
    assert state(again) == "clusterip"
    assert alike(service(again)) == alike(service(view))
