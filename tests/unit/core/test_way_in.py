"""The way in, in the cases that the estate does not show."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from unit.core.api_server import WAIT, rolled
from unit.core.estate import estate, inventory
from unit.core.factories import EDGE, Json, cluster, config_map, pods, service, settings, space, workload

from meshroll.core.judged import verify_plan
from meshroll.core.model import ClusterView
from meshroll.core.plan import Plan, Step
from meshroll.core.way_in import rollout_plan

INJECT = "linkerd.io/inject"
DIAL = [{"env": "DIAL", "pooled": "pooled", "per_request": "per_request"}]
SWITCH = [{"config_map": "omni", "key": "DIAL", "pooled": "pooled", "per_request": "per_request"}]
HOST = "points.charging:80"
POINTS = workload(name="points", replicas=3)


def namespace(*clients: Json, **keys: object) -> Json:
    return {"name": "charging", "services": [{"name": "points"}], "clients": list(clients), **keys}


def client(name: str = "Deployment/omni", **keys: object) -> Json:
    return {"workload": name, "service": "points", "dial": DIAL, **keys}


def plan(
    view: ClusterView,
    wanted: Json,
    pending: Collection[str] = (),
    acknowledged: Collection[str] = (),
    run: str = "run-1",
) -> Plan:
    return rollout_plan(view, settings(wanted), EDGE, run, pending, acknowledged)


def caller(kind: str = "Deployment", name: str = "omni", mode: str = "per_request", **how: object):
    return workload(kind, name, env={"TARGET": HOST, "DIAL": mode}, **how)  # type: ignore[arg-type]


def home(*workloads: object, **how: object) -> ClusterView:
    return cluster(space(*workloads, POINTS, services=(service("points", "points"),), **how))  # type: ignore[arg-type]


def stages(found: Plan, stage: str) -> list[Step]:
    return [step for step in found.steps if step.stage == stage]


def test_a_client_that_opts_out_keeps_dialling_per_request() -> None:
    view = home(caller(annotations={INJECT: "disabled"}))
    assert stages(plan(view, namespace(client())), "dial") == []


def test_a_client_that_this_rollout_does_not_take_keeps_dialling_per_request() -> None:
    wanted = namespace(client(), workloads=["Deployment/points"])
    assert stages(plan(home(caller()), wanted), "dial") == []


def test_a_client_that_an_earlier_rollout_meshed_goes_to_pooled() -> None:
    omni = caller(annotations={INJECT: "enabled"})
    view = home(omni, pods_seen=[*pods(omni, proxy="native"), *pods(POINTS)])
    wanted = namespace(client(), workloads=["Deployment/points"])
    assert len(stages(plan(view, wanted), "dial")) == 1


def test_a_cronjob_client_goes_to_pooled_only_beside_native_sidecars() -> None:
    view = home(caller("CronJob", "nightly"))
    native = stages(plan(view, namespace(client("CronJob/nightly"), sidecar="native")), "dial")
    assert [step.workloads for step in native] == [[]]
    assert [subject.workload for subject in native[0].subjects] == ["Deployment/points"]
    assert stages(plan(view, namespace(client("CronJob/nightly"), sidecar="wait")), "dial") == []


def test_a_cronjob_that_stays_out_does_not_make_load_even() -> None:
    view = home(caller("CronJob", "nightly", "pooled"), caller())

    rules = [{"workloads": ["CronJob/nightly", "Deployment/omni"]}, {"workloads": ["Deployment/points"]}]

    def even(sidecar: str) -> bool:
        waves = stages(plan(view, namespace(sidecar=sidecar, waves=rules)), "wave")
        return next(s for wave in waves for s in wave.subjects if s.workload == POINTS.id).evenness_expected

    assert even("native")
    assert not even("wait")


def test_dial_mode_is_planned_on_the_template_that_the_wave_leaves() -> None:
    reference = {"name": "DIAL", "valueFrom": {"configMapKeyRef": {"name": "omni", "key": "DIAL"}}}
    target = {"name": "TARGET", "value": HOST}
    omni = workload(containers=[{"name": "omni", "env": [target, reference]}])
    view = home(omni, config_maps=(config_map("omni", DIAL="per_request"),))
    found = plan(view, namespace(client(dial=SWITCH)))
    after = rolled(view, found, EDGE)
    assert after.namespaces["charging"].config_maps[0]["data"]["DIAL"] == "pooled"
    assert plan(after, namespace(client(dial=SWITCH)), run="run-2").nothing_to_do


def test_the_namespace_is_annotated_though_its_only_annotation_went() -> None:
    view = home(caller(), annotations={WAIT: "40"})
    after = rolled(view, plan(view, namespace(sidecar="native")), EDGE).namespaces["charging"]
    assert after.annotations == {INJECT: "enabled"}


def test_a_namespaces_wait_stays_beside_classic_proxies() -> None:
    view = home(caller(), annotations={WAIT: "40"})
    assert all(
        WAIT not in str(step.changes) for step in stages(plan(view, namespace(sidecar="wait")), "namespace")
    )


def test_a_namespace_of_which_only_named_workloads_are_wanted_is_not_annotated() -> None:
    view = home(caller(), workload("CronJob", "nightly"))
    wanted = namespace(workloads=["Deployment/omni"], sidecar="wait")
    objects = [change.object for step in plan(view, wanted).steps for change in step.changes]
    assert objects == ["charging/Deployment/omni"]


def test_injection_by_workload_leaves_the_namespace_alone() -> None:
    assert stages(plan(home(caller()), namespace(injection="workloads")), "namespace") == []


def test_a_workload_without_replicas_is_not_taken() -> None:
    found = plan(home(workload(name="idle", replicas=0)), namespace())
    assert "Deployment/idle" not in str([step.workloads for step in found.steps])


def manual(service_name: str = "points") -> Json:
    return {"workload": "Deployment/omni", "service": service_name, "manual": "Switch the flag."}


MARK = "dial:charging/Deployment/omni/points"


def test_a_manual_client_pauses_until_a_person_has_answered_and_is_judged_then() -> None:
    view = home(caller())
    (first,) = stages(plan(view, namespace(manual())), "dial")
    assert (first.pause, first.gate, first.pending) == ("Switch the flag.", False, [MARK])
    (second,) = stages(plan(view, namespace(manual()), pending=first.pending, acknowledged=[MARK]), "dial")
    assert (second.pause, second.gate, second.pending) == (None, True, [MARK])
    assert stages(plan(view, namespace(manual()), acknowledged=[MARK]), "dial") == []


def test_each_manual_switch_of_a_client_is_asked_for() -> None:
    wanted = namespace(manual(), manual("tariffs"), services=[{"name": "points"}, {"name": "tariffs"}])
    asked = stages(plan(home(caller()), wanted, acknowledged=[MARK]), "dial")
    assert [(step.title, step.pause) for step in asked] == [
        ("Deployment/omni calls tariffs over held connections", "Switch the flag.")
    ]


def test_a_gate_that_an_earlier_run_did_not_pass_is_due_again() -> None:
    view, wanted = estate(), inventory()
    after = rolled(view, rollout_plan(view, wanted, EDGE, "run-1", (), ()), EDGE)
    found = rollout_plan(after, wanted, EDGE, "run-2", ["inject:charging/Deployment/tariffs"], ())
    due = [step for step in found.steps if step.gate]
    assert [step.changes for step in due] == [[]]
    assert "Deployment/tariffs" in due[0].workloads
    assert not found.nothing_to_do


def test_the_first_wave_is_a_caller() -> None:
    view, wanted = estate(), inventory()
    assert rollout_plan(view, wanted, EDGE, "run", (), ()).steps[0].workloads == ["Deployment/omni"]
    unlisted = inventory(clients=[], services=[])
    first = rollout_plan(view, unlisted, EDGE, "run", (), ()).steps[0].workloads
    assert first == ["Deployment/omni"]


def test_even_load_is_expected_once_the_last_caller_is_balanced() -> None:
    view = home(caller(name="a", mode="pooled"), caller(name="b", mode="pooled"))
    rules = [{"workloads": [f"Deployment/{name}"]} for name in ("a", "points", "b")]

    def even(*waves: Json) -> bool:
        found = stages(plan(view, namespace(waves=list(waves))), "wave")
        return next(s for wave in found for s in wave.subjects if s.workload == POINTS.id).evenness_expected

    assert not even(*rules)
    assert even(rules[0], rules[2], rules[1])


def test_a_pinned_caller_elsewhere_makes_even_load_impossible() -> None:
    outside = caller(name="reports", mode="pooled", namespace="reporting")
    view = replace(home(caller()), other_workloads=(outside,))
    waves = stages(plan(view, namespace()), "wave")
    assert not next(s for w in waves for s in w.subjects if s.workload == POINTS.id).evenness_expected


def test_verify_judges_what_is_meshed_and_changes_nothing() -> None:
    omni = caller()
    view = home(omni, pods_seen=[*pods(omni, proxy="native"), *pods(POINTS)])
    found = verify_plan(view, settings(namespace()))
    assert [[s.workload for s in step.subjects] for step in found.steps] == [["Deployment/omni"]]
    assert list(found.changes()) == []
    assert found.steps[0].gate
