"""What an upgrade does now: on, back, nothing, or what stands in its way; however the one before it ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import pytest
from unit.core.factories import Json, cluster, pod, pods, settings, space, workload
from unit.core.release_cases import CATALOGUE, EVERYWHERE, bounds

from meshroll.core.chart_values import CONTROL_PLANE_CHART, CRDS_CHART
from meshroll.core.control_plane import DEPLOYMENTS
from meshroll.core.errors import Problem, Refused
from meshroll.core.gate.verdict import Outcome
from meshroll.core.helm_records import HelmRelease
from meshroll.core.journal import UNFINISHED, HopTaken, Line, Record
from meshroll.core.model import ControlPlane, NamespaceView
from meshroll.core.releases import Edge
from meshroll.core.renewal import Renewal
from meshroll.core.resume import Rule
from meshroll.core.settings import Settings
from meshroll.core.upgrade.data_plane import meshed_only
from meshroll.core.upgrade.decision import Asked, Decision, decide
from meshroll.core.upgrade.standing import Standing

OLD, MILESTONE, NEW = Edge(25, 10, 7), Edge(26, 6, 3), Edge(26, 8, 3)
NOW = datetime(2026, 8, 25, 12, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
RULE = Rule("rollback", 86400, "")
MESHED = {"linkerd.io/inject": "enabled"}
PIN = "config.linkerd.io/proxy-version"
SWITCH = "linkerd.io/proxy-enable-native-sidecar"
NATIVE = {f"config.alpha.{SWITCH}": "true", f"config.{SWITCH}": "true"}
WAITS = {f"config.alpha.{SWITCH}": "false", "config.alpha.linkerd.io/proxy-wait-before-exit-seconds": "10"}
GATE, PLANE = "inject:charging/Deployment/omni", "plane:charging/edge-26.6.3"
BY_HAND, SCHEDULED = Asked(), Asked(scheduled=True)
LASTS = Renewal()
NUMBERS = count()


def helm(
    revision: int = 4, status: str = "deployed", changed_at: datetime = LONG_AGO
) -> dict[str, HelmRelease]:
    """Both charts; ``status`` is the control plane's."""
    deployed = revision if status == "deployed" else revision - 1
    return {
        name: HelmRelease(name, "linkerd", revision, kind, changed_at, f"{name}.v{revision}", at)
        for name, kind, at in ((CRDS_CHART, "deployed", revision), (CONTROL_PLANE_CHART, status, deployed))
    }


def deployment(name: str, available: int = 1) -> Json:
    status = {"availableReplicas": available, "updatedReplicas": available, "observedGeneration": 1}
    return {"metadata": {"name": name, "generation": 1}, "spec": {"replicas": 1}, "status": status}


def meshed(name: str = "charging", release: Edge = OLD) -> NamespaceView:
    """A workload as an upgrade to ``release`` leaves it."""
    native = release >= MILESTONE
    omni = workload(annotations={**MESHED, **(NATIVE if native else WAITS)}, namespace=name)
    seen = pods(omni, proxy="native" if native else "wait", release=str(release))
    return space(omni, name=name, pods_seen=seen)


def standing(
    *records: Record, installed: Edge = OLD, spaces: tuple[NamespaceView, ...] | None = None, **others: Any
) -> Standing:
    """A healthy mesh of ``installed`` whose proxies are as new; ``records`` newest first."""
    found = (meshed(release=installed),) if spaces is None else spaces
    view = cluster(*found, plane=ControlPlane(True, "linkerd", str(installed), injectors_ready=2))
    there = [each.name for each in found if each.manifest is not None]
    seen: Json = {
        "namespaces": frozenset({"linkerd", "meshroll", *there}),
        "pods": [each.manifest for own in found for each in own.pods],
        "deployments": [deployment(name) for name in DEPLOYMENTS],
        "helm": helm(),
        "records": records,
    }
    return Standing(view=view, **{**seen, **others})


def inventory(*names: str, **asked: Any) -> Settings:
    return settings(*({"name": name} for name in names or ("charging",)), upgrade=asked)


def decided(
    now: Standing,
    asked: Asked = BY_HAND,
    wanted: Settings | None = None,
    rule: Rule = RULE,
    issuer: Renewal = LASTS,
    **policy: Any,
) -> Decision:
    wanted = meshed_only(now.view, wanted or inventory())
    held_against = bounds(NOW.date(), "v1.33.1", EVERYWHERE, **policy)
    return decide(now, wanted, CATALOGUE, held_against, [], asked, rule, NOW, "run-1", issuer)


def hops(found: Decision) -> list[str]:
    return [str(edge).removeprefix("edge-") for edge in found.hops]


def codes(found: Decision) -> list[str]:
    return [problem.code for problem in found.problems]


def taken(to: Edge = MILESTONE, start: Edge = OLD, done: bool = False, revision: int | None = 4) -> HopTaken:
    return HopTaken(str(start), str(to), revision, 0, done)


def run(state: str = "interrupted", *hops: HopTaken, **others: Any) -> Record:
    """An upgrade; each began before those that were made earlier."""
    number = next(NUMBERS)
    found: Json = {
        "run_id": f"r{number}",
        "command": "upgrade",
        "holder": "someone",
        "namespaces": ["charging"],
        "started_at": (LONG_AGO - timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return Record(**{**found, "state": state, "hops": list(hops), **others})


def test_an_upgrade_goes_over_the_milestones_and_the_first_hop_is_planned() -> None:
    found = decided(standing(), channel="edge-26.8.3")
    assert hops(found) == ["26.6.3", "26.8.3"]
    assert [step.stage for step in found.plan.steps] == ["verify", "wave"]
    assert found.plan.release == str(MILESTONE)
    assert (found.to_do, codes(found), found.due.state) == (True, [], "due")
    assert [hop.to for hop in found.described] == [MILESTONE, NEW]


def test_an_upgrade_is_overdue_however_new_what_policy_picks_is() -> None:
    found = decided(standing(), channel="newest")
    assert found.hops[-1] == NEW
    assert found.due.state == "overdue"


def test_nothing_is_to_do_where_policy_picks_nothing_newer() -> None:
    found = decided(standing(installed=MILESTONE))
    assert (found.to_do, hops(found), codes(found)) == (False, [], [])
    assert found.plan.notes == ["Policy picks nothing newer than edge-26.6.3."]


def test_proxies_that_are_behind_are_brought_up_though_the_control_plane_is_not() -> None:
    found = decided(standing(installed=MILESTONE, spaces=(meshed(release=OLD),)))
    assert hops(found) == ["26.6.3"]
    assert [step.stage for step in found.plan.steps] == ["wave"], (
        "nothing new is to be judged under old proxies"
    )


@pytest.mark.parametrize(
    ("asked", "upgrade", "begins"),
    [
        (SCHEDULED, {}, True),
        (SCHEDULED, {"windows": [{"starts": "11:00", "ends": "13:00"}]}, True),
        (SCHEDULED, {"windows": [{"starts": "02:00", "ends": "05:00"}]}, False),
        (SCHEDULED, {"freeze": [{"first": "2026-08-25", "last": "2026-08-25"}]}, False),
        (SCHEDULED, {"interval_days": 300}, False),
        (BY_HAND, {"interval_days": 300, "windows": [{"starts": "02:00", "ends": "05:00"}]}, True),
    ],
)
def test_the_calendar_decides_where_nobody_is_there(asked: Asked, upgrade: Json, begins: bool) -> None:
    found = decided(standing(), asked, inventory(**upgrade))
    assert found.to_do == begins
    assert bool(found.hops) == begins
    if not begins:
        (line,) = found.plan.notes
        assert line == f"{found.due.why}{line.removeprefix(found.due.why)}"
        assert codes(found) == []


def test_a_job_that_does_not_begin_says_why_and_when_it_may() -> None:
    frosty = {"first": "2026-08-24", "last": "2026-08-26", "reason": "the fair"}
    (line,) = decided(standing(), SCHEDULED, inventory(freeze=[frosty])).plan.notes
    assert line.endswith(
        "It does not begin now: a freeze until 2026-08-26 (the fair). It may begin 2026-08-27T00:00:00Z."
    )


def test_an_issuer_that_ends_is_renewed_although_no_upgrade_is_due() -> None:
    ending = Renewal("renew")
    night = {"windows": [{"starts": "02:00", "ends": "05:00"}]}
    assert decided(standing(installed=MILESTONE), issuer=ending).renews
    assert decided(standing(), SCHEDULED, inventory(interval_days=300), issuer=ending).renews
    assert not decided(standing(), SCHEDULED, inventory(interval_days=300, **night), issuer=ending).renews
    assert not decided(standing(run("interrupted", taken())), issuer=ending).renews, "never inside a hop"


def test_an_issuer_that_cannot_be_renewed_stands_in_the_way_before_a_hop_and_inside_one_only_once_it_is_over() -> (
    None
):
    for code, inside in (("issuer-renewal-key", []), ("certificate-not-valid", ["certificate-not-valid"])):
        stuck = Renewal(problems=(Problem(code, "It ends."),))
        assert codes(decided(standing(), issuer=stuck)) == [code]
        assert codes(decided(standing(run("interrupted", taken())), issuer=stuck)) == inside


@pytest.mark.parametrize("state", ["running", "interrupted", "failed", "paused"])
@pytest.mark.parametrize("installed", [OLD, MILESTONE], ids=["before Helm", "after Helm"])
def test_an_upgrade_that_was_killed_goes_on_with_its_hop_whatever_the_calendar_says(
    state: str, installed: Edge
) -> None:
    left = run(state, taken(), pending=[PLANE, GATE], finished_at="2026-08-25T11:00:00Z")
    frosty = inventory(freeze=[{"first": "2026-08-01", "last": "2026-08-31"}])
    found = decided(standing(left, installed=installed, spaces=(meshed(release=OLD),)), SCHEDULED, frosty)
    assert (hops(found), found.turn_back, found.due.state) == (["26.6.3"], None, "unfinished")
    assert found.closes
    assert [step.pending for step in found.plan.steps] == [[PLANE], [GATE]]


def test_gates_that_have_passed_before_it_was_killed_are_not_due_again() -> None:
    left = run("running", taken(), pending=[GATE])
    found = decided(standing(left, installed=MILESTONE))
    assert [step.pending for step in found.plan.steps] == [[GATE]]


def test_a_workload_that_is_degraded_is_for_its_gate_to_judge_where_that_is_due() -> None:
    omni = workload(annotations=MESHED)
    seen = [pod(omni, 0, proxy="wait", release=str(MILESTONE), ready=False), pod(omni, 1, proxy="wait")]
    broken = space(omni, pods_seen=seen)
    assert codes(decided(standing(installed=MILESTONE, spaces=(broken,)), channel="edge-26.8.3")) == [
        "workload-degraded"
    ]
    left = run("running", taken(), pending=[GATE])
    assert codes(decided(standing(left, installed=MILESTONE, spaces=(broken,)))) == []


def test_killed_before_its_first_hop_it_begins_with_that() -> None:
    found = decided(standing(run("running")))
    assert (hops(found), found.closes) == (["26.6.3"], True)
    assert [step.stage for step in found.plan.steps] == ["verify", "wave"]


def test_killed_after_its_last_hop_it_is_closed_and_says_so() -> None:
    left = run("running", taken(done=True))
    found = decided(standing(left, installed=MILESTONE))
    assert (hops(found), found.to_do) == ([], True)
    (note,) = found.plan.notes
    assert left.run_id in note and "nothing of it is left to do" in note


def test_killed_between_two_hops_it_goes_on_with_the_second() -> None:
    left = run("running", taken(done=True), namespaces=["charging"])
    found = decided(standing(left, installed=MILESTONE), channel="edge-26.8.3")
    assert hops(found) == ["26.8.3"]
    assert [step.stage for step in found.plan.steps] == ["verify", "wave"]


@pytest.mark.parametrize("channel", ["edge-26.8.3", "recommended"])
def test_a_target_that_changes_between_two_runs_is_gone_to_after_the_open_hop(channel: str) -> None:
    left = run("interrupted", taken(), release="edge-26.6.3")
    found = decided(standing(left, installed=MILESTONE), channel=channel)
    assert hops(found) == ["26.6.3", *(["26.8.3"] if channel != "recommended" else [])]


FAILED_GATE = [Line("Wave 1", Outcome.FAILED, "errors")]


@pytest.mark.parametrize(
    "left",
    [
        {"state": "running", "verdicts": FAILED_GATE},
        {"state": "running", "heading": "back", "to": "edge-25.10.7"},
        {"state": "interrupted", "heading": "back", "to": "edge-25.10.7"},
        {"state": "rollback_incomplete"},
        {"state": "paused", "paused_at": [GATE], "paused_since": "2026-08-24T11:00:00Z"},
    ],
    ids=[
        "failed and killed",
        "killed on its way back",
        "stopped on its way back",
        "incomplete",
        "paused for long",
    ],
)
def test_a_hop_that_had_failed_is_taken_back_whatever_the_calendar_says(left: Json) -> None:
    record = run(left.pop("state"), taken(), pending=[GATE], **left)
    frosty = inventory(freeze=[{"first": "2026-08-01", "last": "2026-08-31"}])
    found = decided(standing(record, installed=MILESTONE), SCHEDULED, frosty)
    assert (hops(found), found.to_do, found.renews) == ([], True, False)
    assert found.turn_back and record.run_id in found.turn_back and "edge-25.10.7" in found.turn_back
    assert found.plan.notes == [found.turn_back], "also a check says it"


def test_what_becomes_of_a_long_pause_is_the_operators_choice() -> None:
    left = run("paused", taken(), pending=[GATE], paused_at=[GATE], paused_since="2026-08-24T11:00:00Z")
    now = standing(left, installed=MILESTONE)
    on = decided(now, rule=Rule("continue", 86400, ""))
    assert (on.turn_back, on.waived, on.plan.steps) == (None, (GATE,), [])
    wait = decided(now, rule=Rule("pause", 86400, ""))
    assert (wait.turn_back, wait.waived) == (None, ())
    assert [step.pending for step in wait.plan.steps] == [[GATE]]
    assert decided(now, rule=Rule("rollback", 2 * 86400, "")).turn_back is None


def test_a_pause_between_two_hops_takes_nothing_back_however_long_it_is() -> None:
    left = run("paused", taken(done=True), paused_since="2026-01-01T00:00:00Z")
    found = decided(standing(left, installed=MILESTONE), channel="edge-26.8.3")
    assert (hops(found), found.turn_back) == (["26.8.3"], None)


def test_a_later_hop_that_fails_takes_back_only_itself() -> None:
    left = run("running", taken(done=True), taken(NEW, MILESTONE), verdicts=FAILED_GATE)
    found = decided(standing(left, installed=NEW), channel="edge-26.8.3")
    assert found.turn_back and found.turn_back.endswith("goes back to edge-26.6.3.")


def test_a_helm_that_may_still_be_writing_is_waited_for_before_the_way_back() -> None:
    left = run("running", taken(), verdicts=FAILED_GATE)
    recently = helm(5, "pending-upgrade", NOW - timedelta(seconds=20))
    found = decided(standing(left, installed=MILESTONE, helm=recently))
    assert codes(found) == ["helm-release-in-the-way"]
    assert "run again in 40 s" in found.problems[0].hint
    killed = helm(5, "pending-upgrade", NOW - timedelta(seconds=80))
    assert codes(decided(standing(left, installed=MILESTONE, helm=killed))) == []
    assert codes(decided(standing(left, installed=MILESTONE, helm={}))) == []


def test_a_release_that_nobody_knows_of_by_helm_is_not_begun_with() -> None:
    assert codes(decided(standing(helm={}))) == ["not-by-helm"]
    assert codes(decided(standing(helm=helm(5, "failed")))) == ["helm-release-in-the-way"]


@pytest.mark.parametrize("turning", [False, True])
def test_a_control_plane_that_somebody_has_moved_under_an_open_hop_is_put_back_by_them(turning: bool) -> None:
    left = run("running", taken(), verdicts=FAILED_GATE if turning else [])
    found = decided(standing(left, installed=Edge(26, 7, 1)), channel="edge-26.8.3")
    assert "control-plane-moved" in codes(found)
    assert bool(found.turn_back) == turning
    assert "control-plane-moved" not in codes(decided(standing(left, installed=MILESTONE)))


@pytest.mark.parametrize("turning", [False, True])
def test_a_namespace_that_the_inventory_lists_no_more_keeps_an_open_hop_from_its_end(turning: bool) -> None:
    verdicts = FAILED_GATE if turning else []
    left = run("running", taken(), namespaces=["charging", "parking"], verdicts=verdicts)
    there = frozenset({"linkerd", "meshroll", "charging", "parking"})
    found = decided(standing(left, installed=MILESTONE, namespaces=there))
    assert [(problem.code, problem.namespace) for problem in found.problems] == [
        ("namespace-left-out", "parking")
    ]
    off = run("succeeded", command="rollback", namespaces=["parking"])
    assert codes(decided(standing(off, left, installed=MILESTONE, namespaces=there))) == []


@pytest.mark.parametrize("turning", [False, True])
def test_a_namespace_that_has_gone_keeps_nothing_from_its_end(turning: bool) -> None:
    verdicts = FAILED_GATE if turning else []
    left = run("running", taken(), namespaces=["charging", "parking"], verdicts=verdicts)
    gone = replace(space(name="parking"), manifest=None)
    spaces = (meshed(release=MILESTONE), gone)
    for wanted in (inventory("charging", "parking"), inventory("charging")):
        found = decided(standing(left, installed=MILESTONE, spaces=spaces), wanted=wanted)
        assert (codes(found), bool(found.turn_back)) == ([], turning)


def test_runs_of_others_that_did_not_end_are_ended_first_but_for_those_of_namespaces_that_are_gone() -> None:
    there = frozenset({"linkerd", "meshroll", "charging", "tolls"})
    for command in ("rollout", "rollback"):
        left = run("interrupted", command=command, namespaces=["tolls", "preview-42"])
        found = decided(standing(left, namespaces=there))
        assert [(problem.code, problem.namespace) for problem in found.problems] == [
            ("run-unfinished", "tolls")
        ]


def test_an_uninstall_that_did_not_end_is_named_once() -> None:
    left = run("interrupted", command="uninstall", namespaces=[])
    assert codes(decided(standing(left))) == ["uninstall-unfinished"]


def test_a_control_plane_that_is_down_is_not_upgraded_but_one_that_an_open_hop_has_changed_may_be_down() -> (
    None
):
    down = [deployment(name, 0) for name in DEPLOYMENTS]
    assert codes(decided(standing(deployments=down))) == ["control-plane-not-up"]
    assert codes(decided(standing(run("running", taken()), installed=MILESTONE, deployments=down))) == []
    between = run("paused", taken(done=True))
    found = decided(standing(between, installed=MILESTONE, deployments=down), channel="edge-26.8.3")
    assert codes(found) == ["control-plane-not-up"]


REASON = {"reason": "Deployment/omni: errors."}


@pytest.mark.parametrize(
    ("records", "refused"),
    [
        ([run("rolled_back", taken(), **REASON)], True),
        ([run("rolled_back", taken(), release=None, **REASON)], True),
        ([run("succeeded"), run("rolled_back", taken(), **REASON)], True),
        ([run("succeeded", taken(done=True)), run("rolled_back", taken(), **REASON)], False),
        ([run("rolled_back", taken(done=True), taken(NEW, MILESTONE), **REASON)], False),
        ([run("rolled_back", taken(NEW, MILESTONE), **REASON)], False),
    ],
    ids=[
        "the last one",
        "when it was taken back by the run after it",
        "before a run that only renewed the issuer",
        "and went well by hand since",
        "but not this hop of it",
        "to another release",
    ],
)
def test_a_job_does_not_try_again_a_hop_that_has_failed(records: list[Record], refused: bool) -> None:
    expected = ["upgrade-failed-before"] if refused else []
    assert codes(decided(standing(*records), SCHEDULED)) == expected
    assert codes(decided(standing(*records))) == [], "a person may"
    if refused:
        (problem,) = decided(standing(*records), SCHEDULED).problems
        assert "to edge-26.6.3 failed and was taken back: Deployment/omni: errors." in problem.message
        assert "meshroll_release.deny" in problem.hint


def test_a_job_does_not_try_again_a_hop_that_has_failed_though_its_target_is_another_by_now() -> None:
    left = run("rolled_back", taken(), release="edge-26.6.3", **REASON)
    assert codes(decided(standing(left), SCHEDULED, channel="edge-26.8.3")) == ["upgrade-failed-before"]


@pytest.mark.parametrize(
    ("release", "code", "told"),
    [("edge-25.4.4", ["data-plane-too-old"], True), (str(OLD), [], True), (str(MILESTONE), [], False)],
)
def test_proxies_that_would_be_left_too_far_behind_stand_in_the_way_and_others_are_told(
    release: str, code: list[str], told: bool
) -> None:
    parked = workload(namespace="parking", annotations=MESHED)
    seen = [each.manifest for each in (*meshed().pods, *pods(parked, proxy="wait", release=release))]
    found = decided(standing(pods=seen))
    assert codes(found) == code
    assert any(note.startswith("parking keeps its proxies") for note in found.plan.notes) == told


def test_a_workload_that_keeps_its_proxy_is_named_once_and_nobody_is_told_to_restart_it() -> None:
    pinned = workload(name="pinned", annotations={**MESHED, PIN: "edge-25.8.5"})
    home = meshed()
    seen = [*home.pods, *pods(pinned, proxy="wait", release="edge-25.8.5")]
    found = decided(standing(spaces=(space(*home.workloads, pinned, pods_seen=seen),)))
    assert found.plan.notes == ["charging/Deployment/pinned keeps its proxy: it is pinned to edge-25.8.5."]
    job = pod(workload(name="canary"), proxy="wait", release=str(OLD)).manifest
    found = decided(standing(pods=[*(each.manifest for each in home.pods), job]))
    assert [note.partition(":")[0] for note in found.plan.notes] == [
        "charging keeps its proxies until its pods restart"
    ]


def test_a_cluster_without_linkerd_or_with_another_is_refused() -> None:
    for plane in (ControlPlane(False, "linkerd", None), ControlPlane(True, "linkerd", "stable-2.14.10")):
        now = standing()
        with pytest.raises(Refused):
            decided(replace(now, view=replace(now.view, control_plane=plane)))


def test_a_release_that_somebody_names_and_that_is_older_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        decided(standing(installed=NEW), Asked(to="edge-26.6.3"))
    assert refused.value.problems[0].code == "hop-downgrade"


def test_a_hop_begins_from_what_runs_and_from_the_revision_that_helm_calls_deployed() -> None:
    own = run("running", entries=[])
    assert standing().hop(own, MILESTONE) == HopTaken("edge-25.10.7", "edge-26.6.3", 4, 0)
    assert standing(helm=helm(5, "failed")).hop(own, MILESTONE).revision == 4
    catching_up = standing(installed=MILESTONE).hop(own, MILESTONE)
    assert (catching_up.start, catching_up.revision) == ("edge-26.6.3", None)


@pytest.mark.parametrize("installed", [OLD, MILESTONE])
def test_a_hop_that_is_gone_on_with_keeps_where_it_began(installed: Edge) -> None:
    left = taken(revision=3)
    assert standing(installed=installed).hop(run("running", left), MILESTONE) is left
    following = standing(installed=MILESTONE).hop(
        run("running", msgspec.structs.replace(left, done=True)), NEW
    )
    assert (following.start, following.to, following.revision) == ("edge-26.6.3", "edge-26.8.3", 4)


@pytest.mark.parametrize("state", UNFINISHED)
def test_several_namespaces_are_gone_on_with_together(state: str) -> None:
    spaces = (meshed("charging", MILESTONE), meshed("parking", OLD))
    marks = ["inject:parking/Deployment/omni"]
    left = run(
        state, taken(), namespaces=["charging", "parking"], pending=marks, finished_at="2026-08-25T11:00:00Z"
    )
    found = decided(
        standing(left, installed=MILESTONE, spaces=spaces), wanted=inventory("charging", "parking")
    )
    if state == "rollback_incomplete":
        assert found.turn_back
    else:
        assert [(step.namespace, step.pending) for step in found.plan.steps] == [("parking", marks)]
