"""What a template says about its proxy, and whether the injector of each release hears it as it was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.api_server import ALPHA, BETA, GA, WAIT, injector, patched
from unit.core.factories import EDGE, Json, pod, pods, settings, space, workload

from meshroll.core.injection import (
    Sidecar,
    injected,
    sidecar_annotations,
    sidecar_mode,
    sidecar_problems,
    uninjected,
    unlike,
)
from meshroll.core.model import KEPT_OUT, Workload
from meshroll.core.releases import Edge

BEFORE_BETA, WITH_BETA, LAST_BETA, FIRST_GA = (
    Edge(25, 10, 1),
    Edge(25, 10, 2),
    Edge(26, 5, 1),
    Edge(26, 5, 2),
)
EDGES = [Edge(24, 11, 8), BEFORE_BETA, WITH_BETA, Edge(25, 12, 3), LAST_BETA, FIRST_GA, EDGE]
MODES: list[Sidecar] = ["native", "wait"]
INJECT = "linkerd.io/inject"
SAID = st.dictionaries(st.sampled_from([ALPHA, BETA, GA]), st.sampled_from(["true", "false"]))
WAITS = st.sampled_from([{}, {WAIT: "40"}])
INJECTS = st.sampled_from(["", "disabled", "enabled", "ingress"])
OTHERS = st.dictionaries(st.sampled_from(["team", "config.linkerd.io/opaque-ports"]), st.just("x"))


def namespace(**keys: object) -> Json:
    return {"name": "charging", **keys}


def after_injection(
    owner: Workload, mode: Sidecar, edge: Edge, inherited: Json | None = None, **keys: object
) -> Workload:
    wanted = settings(namespace(**keys)).namespaces[0]
    change = injected(owner, space(owner, annotations=inherited), wanted, mode, edge, "run")
    return Workload(patched(owner.manifest, change.json_patch())) if change else owner


@pytest.mark.parametrize("mode", MODES)
@given(edge=st.sampled_from(EDGES), inherited=SAID, own=SAID, own_wait=WAITS, inject=INJECTS)
def test_every_release_gives_the_proxy_that_was_meant_whatever_was_said_before(
    mode: Sidecar, edge: Edge, inherited: Json, own: Json, own_wait: Json, inject: str
) -> None:
    owner = workload(annotations={**own, **own_wait, **({INJECT: inject} if inject else {})})
    assert injector(after_injection(owner, mode, edge, inherited), inherited, edge) == mode


@given(edge=st.sampled_from(EDGES), inherited=SAID, own=SAID, own_wait=WAITS)
def test_native_and_wait_are_never_said_together(
    edge: Edge, inherited: Json, own: Json, own_wait: Json
) -> None:
    owner = workload(annotations={**own, **own_wait})
    native = after_injection(owner, "native", edge, inherited).template_annotations
    assert WAIT not in native
    waiting = after_injection(owner, "wait", edge, inherited).template_annotations
    assert waiting[WAIT] == "10"
    assert {waiting[key] for key in (ALPHA, BETA, GA) if key in waiting} == {"false"}


@pytest.mark.parametrize(
    ("edge", "inherited", "expected"),
    [
        (BEFORE_BETA, {}, {ALPHA: "true", BETA: None, GA: None}),
        (WITH_BETA, {}, {ALPHA: "true", BETA: None, GA: None}),
        (WITH_BETA, {BETA: "false"}, {ALPHA: "true", BETA: "true", GA: None}),
        (LAST_BETA, {BETA: "true"}, {ALPHA: "true", BETA: "true", GA: None}),
        (LAST_BETA, {GA: "false"}, {ALPHA: "true", BETA: None, GA: None}),
        (FIRST_GA, {}, {ALPHA: "true", BETA: None, GA: "true"}),
        (FIRST_GA, {BETA: "false"}, {ALPHA: "true", BETA: None, GA: "true"}),
        (EDGE, {GA: "false", ALPHA: "false"}, {ALPHA: "true", BETA: None, GA: "true"}),
    ],
)
def test_each_release_is_told_in_its_own_words(edge: Edge, inherited: Json, expected: Json) -> None:
    assert sidecar_annotations("native", edge, 10, inherited) == {**expected, WAIT: None}
    opposite = {key: value and "false" for key, value in expected.items()}
    assert sidecar_annotations("wait", edge, 10, inherited) == {**opposite, WAIT: "10"}


@pytest.mark.parametrize(
    ("kubernetes", "edge", "mode"),
    [
        ("v1.29.0", Edge(25, 12, 3), "native"),
        ("v1.28.9", Edge(25, 12, 3), "wait"),
        ("v1.35.4-eks-a1b2c3d", Edge(25, 12, 2), "wait"),
        ("v1.35.4-eks-a1b2c3d", EDGE, "native"),
    ],
)
def test_auto_is_native_where_kubernetes_and_the_release_carry_it(
    kubernetes: str, edge: Edge, mode: str
) -> None:
    assert sidecar_mode("auto", kubernetes, edge) == mode


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_that_was_asked_for_is_not_second_guessed(mode: Sidecar) -> None:
    assert sidecar_mode(mode, "v1.20.0", BEFORE_BETA) == mode


def test_ingress_mode_survives() -> None:
    owner = workload(annotations={INJECT: "ingress"})
    assert after_injection(owner, "wait", EDGE).template_annotations[INJECT] == "ingress"


def test_a_cronjob_stays_out_unless_sidecars_are_native() -> None:
    owner = workload("CronJob", "nightly")
    kept_out = after_injection(owner, "wait", EDGE)
    assert kept_out.template_annotations == {INJECT: "disabled", KEPT_OUT: "true"}
    assert not kept_out.opted_out, "meshroll's own mark is no decision of the team's"
    annotations = after_injection(kept_out, "native", EDGE).template_annotations
    assert annotations[INJECT] == "enabled"
    assert KEPT_OUT not in annotations


def test_a_cronjob_is_not_touched_where_the_namespace_will_not_inject_it() -> None:
    owner = workload("CronJob", "nightly")
    assert after_injection(owner, "wait", EDGE, injection="workloads") is owner


def test_a_workload_that_is_as_wanted_is_left_alone() -> None:
    owner = after_injection(workload(), "native", EDGE)
    meshed = space(owner, pods_seen=pods(owner, proxy="native"))
    assert injected(owner, meshed, settings().namespaces[0], "native", EDGE, "run") is None


@pytest.mark.parametrize(
    "how", [{}, {"proxy": "wait"}, {"proxy": "native", "release": "edge-26.6.1"}], ids=str
)
def test_pods_unlike_their_template_are_restarted(how: Json) -> None:
    owner = after_injection(workload(), "native", EDGE)
    seen = (pod(owner, 0, proxy="native"), pod(owner, 1, **how))
    change = injected(owner, space(owner, pods_seen=seen), settings().namespaces[0], "native", EDGE, "run-7")
    assert change is not None
    assert [(f.path.rpartition("/")[2], f.after) for f in change.fields] == [
        ("meshroll.io~1restarted-by-run", "run-7")
    ]


def test_pods_on_their_way_out_restart_nothing() -> None:
    owner = after_injection(workload(), "native", EDGE)
    seen = (*pods(owner, proxy="native"), pod(owner, 9, ending=True))
    assert (
        injected(owner, space(owner, pods_seen=seen), settings().namespaces[0], "native", EDGE, "r") is None
    )


def test_a_proxy_whose_release_nobody_wrote_down_is_believed() -> None:
    assert unlike(pod(workload(), proxy="native", release=None), "native", EDGE) is None


@given(edge=st.sampled_from(EDGES), mode=st.sampled_from(MODES), own=OTHERS)
def test_uninjection_takes_out_what_injection_put_in_and_nothing_else(
    edge: Edge, mode: Sidecar, own: Json
) -> None:
    owner = workload(annotations=own)
    meshed = after_injection(owner, mode, edge)
    change = uninjected(meshed, [])
    assert change is not None
    assert patched(meshed.manifest, change.json_patch()) == owner.manifest


def test_somebodys_own_opt_out_stays() -> None:
    assert uninjected(workload(annotations={INJECT: "disabled"}), []) is None


def test_dial_mode_and_uninjection_are_one_change() -> None:
    owner = after_injection(workload(env={"DIAL": "pooled"}), "native", EDGE)
    change = uninjected(owner, [("/spec/template/spec/containers/0/env/0/value", "per_request")])
    assert change is not None
    assert len({field.path for field in change.fields}) == len(change.fields) == 4
    assert (change.pods, change.why) == (owner.replicas, "take the proxy out")


def test_a_client_without_a_proxy_is_not_said_to_lose_one() -> None:
    owner = workload(env={"DIAL": "pooled"})
    change = uninjected(owner, [("/spec/template/spec/containers/0/env/0/value", "per_request")])
    assert change and change.why == "dial once per request"


@pytest.mark.parametrize(("wait", "fits"), [(29, True), (30, False), (31, False)])
def test_the_wait_must_end_before_the_grace_period(wait: int, fits: bool) -> None:
    wanted = settings(namespace(wait_before_exit_seconds=wait)).namespaces[0]
    assert (sidecar_problems(workload(), "wait", wanted) == []) is fits
    assert sidecar_problems(workload(), "native", wanted) == []
