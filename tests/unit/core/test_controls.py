from __future__ import annotations

from unit.core.factories import EDGE, cluster, service, settings, space, workload

from meshroll.core.controls import controls
from meshroll.core.judged import callers_by_service, verify_plan
from meshroll.core.model import ClusterView
from meshroll.core.plan import Plan
from meshroll.core.way_in import rollout_plan


def chain() -> ClusterView:
    """portal -> omni -> points -> tariffs, and meters that calls nobody."""
    return cluster(
        space(
            workload(name="portal", env={"TARGET": "omni:80"}),
            workload(name="omni", env={"TARGET": "points:80", "DIAL": "per_request"}),
            workload(name="points", env={"TARGET": "tariffs:80"}),
            workload(name="tariffs"),
            workload(name="meters"),
            workload("CronJob", "nightly"),
            services=tuple(service(name, name) for name in ("omni", "points", "tariffs")),
        )
    )


def plan(*waves: list[str], clients: tuple[str, ...] = ()) -> Plan:
    rules = [{"workloads": [f"Deployment/{name}" for name in names]} for names in waves]
    dial = [{"env": "DIAL", "pooled": "pooled", "per_request": "per_request"}]
    return rollout_plan(
        chain(),
        settings(
            {
                "name": "charging",
                "waves": rules,
                "workloads": [f"Deployment/{name}" for names in waves for name in names],
                "services": [{"name": "points"}],
                "clients": [
                    {"workload": f"Deployment/{c}", "service": "points", "dial": dial} for c in clients
                ],
            }
        ),
        EDGE,
        "run-1",
        (),
        (),
    )


def names(plan: Plan, stage: str) -> list[list[str] | None]:
    found = [step.controls for step in plan.steps if step.stage == stage]
    return [each and [name.removeprefix("Deployment/") for name in each] for each in found]


def test_what_has_not_been_changed_yet_is_a_control_and_what_has_is_none_any_more() -> None:
    assert names(plan(["portal"], ["meters", "omni"]), "wave") == [
        ["meters", "omni", "points", "tariffs"],
        ["points", "tariffs"],
    ]


def test_whoever_calls_a_changed_server_is_none_however_far_up() -> None:
    assert names(plan(["tariffs"]), "wave") == [["meters"]]


def test_a_dial_step_has_neither_its_client_nor_its_servers_as_controls() -> None:
    assert names(plan(["omni"], clients=("omni",)), "dial") == [["meters", "tariffs"]]


def test_where_nothing_is_changed_there_is_nothing_to_compare() -> None:
    steps = verify_plan(chain(), settings({"name": "charging"})).steps
    assert [step.controls for step in steps] == [None]


def test_a_meshed_server_suffers_with_a_changed_caller_and_an_unmeshed_one_does_not() -> None:
    view = chain().namespaces["charging"]
    callers = callers_by_service(chain(), view)
    changed = ["Deployment/omni"]
    assert controls(view, callers, changed, meshed=["Deployment/points"]) == [
        "Deployment/meters",
        "Deployment/tariffs",
    ]
    assert "Deployment/points" in controls(view, callers, changed)


def test_a_workload_on_the_hosts_network_is_neither_meshed_nor_expected_to_be() -> None:
    agent = workload("DaemonSet", "agent", pod_spec={"hostNetwork": True})
    view = cluster(space(workload(), agent, annotations={"linkerd.io/inject": "enabled"}))
    asked = settings({"name": "charging"})
    taken = {name for step in rollout_plan(view, asked, EDGE, "run", (), ()).steps for name in step.workloads}
    (verified,) = verify_plan(view, asked).steps
    assert taken == {"Deployment/omni"} == {subject.workload for subject in verified.subjects}
