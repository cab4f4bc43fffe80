"""The way back of a hop: its changes undone, newer proxies gone, and nobody else restarted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import event, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from unit.core.api_server import injector, made, rolled
from unit.core.factories import EDGE, cluster, pod, pods, settings, space, workload

from meshroll.core.changes import Change
from meshroll.core.journal import Entry
from meshroll.core.model import KEPT_OUT, ClusterView, ControlPlane, NamespaceView, Pod, Workload
from meshroll.core.plan import Plan
from meshroll.core.releases import Edge
from meshroll.core.settings import Settings
from meshroll.core.upgrade.back import back_plan, newer_left, newer_outside
from meshroll.core.upgrade.data_plane import hop_plan

INJECT, PIN = "linkerd.io/inject", "config.linkerd.io/proxy-version"
WAIT = "config.alpha.linkerd.io/proxy-wait-before-exit-seconds"
ALPHA = "config.alpha.linkerd.io/proxy-enable-native-sidecar"
OLD = Edge(25, 10, 7)
WAITS, NATIVE = {INJECT: "enabled", ALPHA: "false", WAIT: "10"}, {INJECT: "enabled", ALPHA: "true"}
ALL_AT_ONCE = [{"share": 1.0}]


def plane(edge: Edge) -> ControlPlane:
    return ControlPlane(True, "linkerd", str(edge), injectors_ready=2)


@dataclass
class Failed:
    """A hop from ``start`` that has come some way, with its control plane back already."""

    before: ClusterView
    now: ClusterView
    start: Edge
    wanted: Settings
    entries: list[Entry]

    def back(self, run_id: str = "run-1") -> Plan:
        return back_plan(self.now, self.wanted, self.entries, self.start, run_id)

    def carried_out(self, plan: Plan) -> Failed:
        """The journal has the way back's own changes too."""
        done = [*self.entries, *written(plan.changes())]
        return Failed(self.before, rolled(self.now, plan, self.start), self.start, self.wanted, done)

    @property
    def space(self) -> NamespaceView:
        return self.now.namespaces["charging"]


def written(changes: Iterable[Change]) -> list[Entry]:
    return [Entry("step", change) for change in changes]


@st.composite
def failures(draw: st.DrawFn) -> Failed:
    """Some changes of the hop are made, one more is only meant, and crashes and autoscalers have made newer pods."""
    start = draw(st.sampled_from([OLD, Edge(25, 12, 3), Edge(26, 5, 2)]))
    before = cluster(_home(draw, start), kubernetes=draw(st.sampled_from(["v1.33.1", "v1.28.9"])))
    wanted = settings({"name": "charging", "sidecar": draw(st.sampled_from(["auto", "wait"]))})
    intended = list(hop_plan(before, wanted, EDGE, "run-1", [], new_control_plane=True).changes())
    come = draw(st.integers(0, len(intended)))
    now = before
    for change in intended[:come]:
        now = made(now, change, EDGE)
    now = _with_newer_pods(draw, now)
    event(f"{come} of {len(intended)} changes")
    return Failed(
        before, replace(now, control_plane=plane(start)), start, wanted, written(intended[: come + 1])
    )


def _home(draw: st.DrawFn, start: Edge) -> NamespaceView:
    annotations = draw(st.sampled_from([{}, {INJECT: "enabled"}, {WAIT: "40"}]))
    found: list[Workload] = []
    for name in "abcde"[: draw(st.integers(1, 5))]:
        kind = draw(st.sampled_from(["Deployment", "StatefulSet", "DaemonSet", "CronJob"]))
        how: list[dict[str, str]] = [{}, WAITS, WAITS, {**WAITS, PIN: "edge-25.8.5"}, {INJECT: "disabled"}]
        if start != OLD:
            how.append(NATIVE)
        own = draw(st.sampled_from(how))
        if kind == "CronJob" and own.get(INJECT) == "disabled":
            own = {**own, KEPT_OUT: "true"}
        found.append(workload(kind, name, annotations=own))
    seen = [
        pod(owner, index, proxy=injector(owner, annotations, start), release=str(start))
        for owner in found
        for index in range(owner.replicas)
    ]
    return space(*found, annotations=annotations, pods_seen=seen)


def _with_newer_pods(draw: st.DrawFn, view: ClusterView) -> ClusterView:
    home = view.namespaces["charging"]
    seen: list[Pod] = []
    for each in home.pods:
        owner = home.workload(each.owner or "")
        if owner and each.proxy and draw(st.sampled_from([True, False, False])):
            seen.append(
                pod(owner, len(seen), proxy=injector(owner, home.annotations, EDGE), release=str(EDGE))
            )
        else:
            seen.append(each)
    return replace(view, namespaces={"charging": replace(home, pods=tuple(seen))})


def changed(plan: Plan) -> set[str]:
    return {change.object for change in plan.changes()}


def newer(found: NamespaceView) -> set[str]:
    """The objects of workloads that have a pod whose proxy is newer than any that the hop began from."""
    return {f"charging/{each.owner}" for each in found.pods if each.proxy and each.proxy.release == str(EDGE)}


@hypothesis(max_examples=200)
@given(failures())
def test_nothing_is_touched_that_has_no_newer_proxy_and_that_the_hop_did_not_change(failed: Failed) -> None:
    plan = failed.back()
    meant = {entry.change.object for entry in failed.entries}
    assert changed(plan) <= meant | newer(failed.space)
    after = failed.carried_out(plan).space
    for owner in failed.space.workloads:
        if f"charging/{owner.id}" not in changed(plan):
            assert after.workload(owner.id) == owner
            assert after.pods_of(owner.id) == failed.space.pods_of(owner.id)


@hypothesis(max_examples=200)
@given(failures())
def test_afterwards_no_proxy_is_newer_and_a_second_look_finds_nothing_to_do(failed: Failed) -> None:
    after = failed.carried_out(failed.back())
    assert newer_left(after.now, after.wanted, failed.start) == []
    assert changed(after.back()) == set()
    assert changed(after.back("run-2")) == set(), "nor that of a later run, which goes on back"


@hypothesis(max_examples=200)
@given(failures())
def test_what_the_hop_changed_is_as_it_was_but_for_what_made_newer_pods_restart(failed: Failed) -> None:
    plan = failed.back()
    assert plan.conflicts == []
    after, before = failed.carried_out(plan).space, failed.before.namespaces["charging"]
    assert after.annotations == before.annotations
    for owner in before.workloads:
        now = after.workload(owner.id)
        assert now
        left = {
            key: value
            for key, value in now.template_annotations.items()
            if not key.startswith("meshroll.io/")
        }
        assert left == {
            key: value
            for key, value in owner.template_annotations.items()
            if not key.startswith("meshroll.io/")
        }
        assert (KEPT_OUT in now.template_annotations) == (KEPT_OUT in owner.template_annotations)


@hypothesis(max_examples=200)
@given(failures())
def test_whoever_was_and_is_born_with_a_proxy_still_would_be_at_any_point_of_the_way_back(
    failed: Failed,
) -> None:
    view, stages = failed.now, (failed.before.namespaces["charging"], failed.space)
    before, now = (
        {w.id for w in each.workloads if injector(w, each.annotations, failed.start)} for each in stages
    )
    meshed = before & now
    for change in failed.back().changes():
        view = made(view, change, failed.start)
        home = view.namespaces["charging"]
        for identifier in meshed:
            owner = home.workload(identifier)
            assert owner and injector(owner, home.annotations, failed.start), identifier


def failed_hop(
    *workloads: Workload, pods_seen: Iterable[Pod], entries: Iterable[Entry] = (), **how: Any
) -> Failed:
    view = cluster(space(*workloads, pods_seen=list(pods_seen), **how), plane=plane(OLD))
    return Failed(view, view, OLD, settings(waves=ALL_AT_ONCE), list(entries))


def test_a_workload_that_an_autoscaler_gave_a_newer_proxy_restarts_once() -> None:
    omni, points = workload(annotations=WAITS), workload(name="points", annotations=WAITS)
    seen = [pod(omni, 0, proxy="wait", release=str(EDGE)), pod(omni, 1, proxy="wait", release=str(OLD))]
    failed = failed_hop(omni, points, pods_seen=[*seen, *pods(points, proxy="wait", release=str(OLD))])
    plan = failed.back()
    assert (plan.direction, plan.release) == ("hop_back", str(OLD))
    (step,) = plan.steps
    (change,) = step.changes
    assert step.workloads == ["Deployment/omni"]
    assert [field.after for field in change.fields if not field.makes_map] == ["run-1-back"]
    assert failed.carried_out(plan).back().steps == []


def test_a_workload_whose_template_goes_back_is_not_restarted_beside_that() -> None:
    omni = workload(annotations=WAITS)
    view = cluster(space(omni, pods_seen=pods(omni, proxy="wait", release=str(OLD))))
    done = list(hop_plan(view, settings(), EDGE, "run-1", [], new_control_plane=True).changes())
    now = replace(rolled(view, Plan("upgrade", None, []), EDGE))
    for change in done:
        now = made(now, change, EDGE)
    failed = Failed(view, replace(now, control_plane=plane(OLD)), OLD, settings(), written(done))
    assert [change.why for change in failed.back().changes()] == ["as it was before the run"]


def test_what_rolls_back_already_is_waited_for_and_not_restarted_again() -> None:
    omni = workload(annotations=WAITS)
    view = cluster(space(omni, pods_seen=pods(omni, proxy="wait", release=str(OLD))))
    done = list(hop_plan(view, settings(), EDGE, "run-1", [], new_control_plane=True).changes())
    rolling = workload(annotations=WAITS, metadata={"generation": 2})
    failed = failed_hop(
        rolling, pods_seen=pods(rolling, proxy="wait", release=str(EDGE)), entries=written(done)
    )
    (step,) = failed.back().steps
    assert (step.changes, step.waited) == ([], ["Deployment/omni"])


def test_a_pinned_proxy_a_fork_and_a_cronjob_do_not_restart() -> None:
    pinned = workload(annotations={**WAITS, PIN: str(EDGE)})
    fork = workload(name="fork", annotations=WAITS)
    nightly = workload("CronJob", "nightly", annotations=WAITS)
    seen = [
        *pods(pinned, proxy="wait", release=str(EDGE)),
        *pods(fork, proxy="wait", release="edge-26.6.3-fork"),
        pod(nightly, proxy="wait", release=str(EDGE)),
    ]
    failed = failed_hop(pinned, fork, nightly, pods_seen=seen)
    assert failed.back().steps == []
    assert newer_left(failed.now, failed.wanted, OLD) == []


def test_a_workload_that_was_scaled_to_nothing_meanwhile_has_its_template_back() -> None:
    omni = workload(annotations=WAITS)
    view = cluster(space(omni, pods_seen=pods(omni, proxy="wait", release=str(OLD))))
    done = list(hop_plan(view, settings(), EDGE, "run-1", [], new_control_plane=True).changes())
    idle = workload(annotations={**WAITS, **after_of(done)}, replicas=0)
    failed = failed_hop(idle, pods_seen=[], entries=written(done))
    assert changed(failed.back()) == {"charging/Deployment/omni"}


def after_of(changes: Iterable[Change]) -> dict[str, str]:
    return {
        field.path.rpartition("/")[2].replace("~1", "/"): field.after
        for change in changes
        for field in change.fields
        if field.after and not field.makes_map
    }


def test_a_hop_is_not_back_while_another_control_plane_runs_or_a_newer_proxy_does() -> None:
    omni = workload(annotations=WAITS)
    view = cluster(space(omni, pods_seen=pods(omni, proxy="wait", release=str(EDGE))), plane=plane(EDGE))
    assert [problem.code for problem in newer_left(view, settings(), OLD)] == [
        "control-plane-not-back",
        "proxy-newer",
    ]
    assert [problem.object for problem in newer_left(view, settings(), OLD)] == [None, "Deployment/omni"]
    assert newer_left(view, settings(), EDGE) == []


def test_what_somebody_has_changed_since_is_left_and_named() -> None:
    omni = workload(annotations=WAITS)
    view = cluster(space(omni, pods_seen=pods(omni, proxy="wait", release=str(OLD))))
    done = list(hop_plan(view, settings(), EDGE, "run-1", [], new_control_plane=True).changes())
    theirs = workload(annotations={**WAITS, **after_of(done), ALPHA: "maybe"})
    failed = failed_hop(
        theirs, pods_seen=pods(theirs, proxy="wait", release=str(EDGE)), entries=written(done)
    )
    plan = failed.back()
    assert [problem.code for problem in plan.conflicts] == ["drift"]
    assert [change.why for change in plan.changes()] == [
        "restart pods whose proxy is newer than the control plane"
    ]


def test_who_got_a_newer_proxy_outside_the_inventory_is_named_with_what_restarts_it() -> None:
    left = {"tolls": {str(OLD): 2}, "parking": {str(OLD): 1, str(EDGE): 3, "edge-26.8.3": 1, "2.14": 1}}
    (note,) = newer_outside(left, OLD)
    assert note.startswith("parking has pods with a proxy that is newer than the control plane by now ")
    assert "(edge-26.6.3, edge-26.8.3)" in note and "kubectl -n parking rollout restart" in note
    assert newer_outside(left, Edge(26, 8, 3)) == []
