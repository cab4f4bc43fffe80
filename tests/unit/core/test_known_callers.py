"""What gates know of a server's callers, as the plan for the way in hands it to them."""

from __future__ import annotations

from dataclasses import replace

from unit.core.factories import EDGE, Json, cluster, pods, service, settings, space, workload

from meshroll.core.judged import verify_plan
from meshroll.core.model import ClusterView
from meshroll.core.plan import Known, Plan, Step
from meshroll.core.way_in import rollout_plan

POINTS = workload(name="points", replicas=3)
DIAL = [{"env": "DIAL", "pooled": "pooled", "per_request": "per_request"}]


def caller(name: str, mode: str = "per_request", **how: object):
    return workload(name=name, env={"TARGET": "points.charging:80", "DIAL": mode}, **how)  # type: ignore[arg-type]


def home(*workloads: object, headless: tuple[str, ...] = (), **how: object) -> ClusterView:
    services = [service(name, "points", headless=name in headless) for name in ("points", *headless)]
    return cluster(space(*workloads, POINTS, services=tuple(services), **how))  # type: ignore[arg-type]


def client(name: str, **keys: object) -> Json:
    return {"workload": f"Deployment/{name}", "service": "points", "dial": DIAL, **keys}


def plan(view: ClusterView, *clients: Json, **keys: object) -> Plan:
    wanted = {"name": "charging", "services": [{"name": "points"}], "clients": list(clients), **keys}
    return rollout_plan(view, settings(wanted), EDGE, "run-1", (), ())


def known(step: Step) -> Known:
    return next(subject.known for subject in step.subjects if subject.workload == POINTS.id)


def of_stage(found: Plan, stage: str) -> list[Step]:
    return [step for step in found.steps if step.stage == stage]


def wave_of_points(found: Plan) -> Step:
    return next(step for step in of_stage(found, "wave") if POINTS.id in step.workloads)


def test_callers_that_stay_without_a_proxy_are_known_by_name() -> None:
    outside = caller("reports", namespace="reporting")
    terminal = caller("terminal", annotations={"linkerd.io/inject": "disabled"})
    view = replace(home(caller("omni"), terminal), other_workloads=(outside,))
    found = known(wave_of_points(plan(view)))
    assert found == Known(unmeshed=["Deployment/terminal", "reporting/Deployment/reports"])


def test_a_caller_that_a_later_wave_meshes_has_no_proxy_until_then() -> None:
    rules = [{"workloads": ["Deployment/points"]}, {"workloads": ["Deployment/omni"]}]
    found = known(wave_of_points(plan(home(caller("omni")), waves=rules)))
    assert found.unmeshed == ["Deployment/omni"]


def test_headless_services_over_the_same_pods_are_known() -> None:
    view = home(caller("omni"), headless=("points-headless",))
    assert known(wave_of_points(plan(view))).headless == ["points-headless"]


def test_while_one_client_is_moved_those_after_it_are_as_they_were() -> None:
    view = home(caller("a"), caller("b"), caller("c"))
    steps = of_stage(plan(view, client("a"), client("b"), client("c")), "dial")
    assert [known(step).unmoved for step in steps] == [
        ["Deployment/b", "Deployment/c"],
        ["Deployment/c"],
        [],
    ]


def test_a_client_that_dials_as_it_should_already_is_held_to_an_even_load() -> None:
    steps = of_stage(plan(home(caller("a"), caller("b", "pooled")), client("a"), client("b")), "dial")
    assert known(next(step for step in steps if step.gate)).unmoved == []


def test_clients_elsewhere_are_never_moved() -> None:
    view = replace(home(caller("a")), other_workloads=(caller("reports", namespace="reporting"),))
    steps = of_stage(plan(view, client("a"), client("reports", namespace="reporting")), "dial")
    assert [known(step).unmoved for step in steps] == [["reporting/Deployment/reports"]]


def test_a_verify_knows_the_callers_too() -> None:
    omni, terminal = caller("omni"), caller("terminal")
    seen = [*pods(omni, proxy="native"), *pods(terminal), *pods(POINTS, proxy="native")]
    view = home(omni, terminal, headless=("points-headless",), pods_seen=seen)
    (step,) = verify_plan(view, settings({"name": "charging"})).steps
    assert known(step) == Known(headless=["points-headless"], unmeshed=["Deployment/terminal"])
