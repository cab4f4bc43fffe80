"""What a hop does to the data plane: meshed workloads once each, nobody else, and gates until they have passed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import event, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from unit.core.api_server import injector, made, rolled
from unit.core.factories import EDGE, Json, cluster, pod, pods, settings, space, workload

from meshroll.core.model import KEPT_OUT, ClusterView, ControlPlane, NamespaceView, Pod, Workload
from meshroll.core.plan import Plan
from meshroll.core.releases import Edge
from meshroll.core.settings import Settings
from meshroll.core.upgrade.data_plane import behind, hop_plan, meshed_only, narrowed, there_only

INJECT, PIN = "linkerd.io/inject", "config.linkerd.io/proxy-version"
WAIT = "config.alpha.linkerd.io/proxy-wait-before-exit-seconds"
ALPHA = "config.alpha.linkerd.io/proxy-enable-native-sidecar"
OLD = Edge(25, 10, 7)
MESHED = {INJECT: "enabled", ALPHA: "false", WAIT: "10"}
KINDS = ("Deployment", "Deployment", "StatefulSet", "DaemonSet", "CronJob")


@st.composite
def workloads(draw: st.DrawFn, name: str) -> tuple[Workload, list[Pod]]:
    """Any workload that an upgrade may come upon, with pods as they may be halfway through anything."""
    kind = draw(st.sampled_from(KINDS))
    annotations = dict(draw(st.sampled_from([{}, MESHED, MESHED, {INJECT: "ingress"}, {INJECT: "disabled"}])))
    if kind == "CronJob" and annotations.get(INJECT) == "disabled" and draw(st.booleans()):
        annotations[KEPT_OUT] = "true"
    annotations |= draw(st.sampled_from([{}, {}, {}, {PIN: "edge-25.8.5"}]))
    owner = workload(kind, name, annotations=annotations, replicas=draw(st.sampled_from([0, 2, 2, 2])))
    proxies = draw(
        st.sampled_from([(None, None), (OLD, OLD), (OLD, OLD), (OLD, EDGE), (EDGE, EDGE), (None, OLD)])
    )
    found = [
        pod(owner, index, proxy="wait" if edge else None, release=str(edge or ""))
        for index, edge in enumerate(proxies[: owner.replicas])
    ]
    return owner, found


@st.composite
def namespaces(draw: st.DrawFn, name: str = "charging") -> NamespaceView:
    found = [draw(workloads(each)) for each in "abcdef"[: draw(st.integers(0, 6))]]
    annotations = draw(
        st.sampled_from([{}, {INJECT: "enabled"}, {INJECT: "enabled", WAIT: "40"}, {PIN: "edge-25.8.5"}])
    )
    seen = [each for _, own in found for each in own]
    return space(*(owner for owner, _ in found), annotations=annotations, pods_seen=seen, name=name)


def inventory(view: ClusterView, named: list[int] | None = None, **others: Any) -> Settings:
    """All workloads of the namespace, or those with the numbers that are ``named``."""
    known = [each.id for each in view.namespaces["charging"].workloads]
    wanted = (
        {} if named is None else {"workloads": [known[number] for number in named if number < len(known)]}
    )
    return settings({"name": "charging", **wanted}, **others)


NAMED = st.none() | st.lists(st.integers(0, 5), unique=True)


def hop(view: ClusterView, wanted: Settings, pending: list[str] | None = None, new: bool = True) -> Plan:
    return hop_plan(view, meshed_only(view, wanted), EDGE, "run-1", pending or [], new)


def upgraded(found: NamespaceView) -> ClusterView:
    """A cluster whose control plane is that of the hop by now."""
    return cluster(found, plane=ControlPlane(True, "linkerd", str(EDGE), injectors_ready=2))


def releases(found: NamespaceView, identifier: str) -> set[str | None]:
    return {each.proxy.release if each.proxy else None for each in found.pods_of(identifier)}


def changed(plan: Plan) -> Counter[str]:
    return Counter(change.workload or change.object for change in plan.changes())


@hypothesis(max_examples=200)
@given(namespaces(), NAMED)
def test_every_meshed_workload_is_brought_up_in_one_wave_and_nothing_else_is_touched(
    found: NamespaceView, named: list[int] | None
) -> None:
    view = upgraded(found)
    wanted = inventory(view, named)
    plan = hop_plan(view, wanted, EDGE, "run-1", [], new_control_plane=True)
    after = rolled(view, plan, EDGE).namespaces["charging"]
    assert set(changed(plan).values()) <= {1}
    for owner in found.workloads:
        pinned = PIN in {**found.annotations, **owner.template_annotations}
        listed = named is None or owner.id in (wanted.namespaces[0].workloads or [])
        before, own = releases(found, owner.id), owner.template_annotations
        proxied = before - {None}
        asks = own.get(INJECT) in ("enabled", "ingress") or KEPT_OUT in own
        runs = owner.replicas > 0 or owner.kind == "CronJob"
        if listed and runs and not owner.opted_out and not pinned and (proxied or asks):
            event("brought up")
            assert releases(after, owner.id) <= {str(EDGE)}
            assert injector(after.workload(owner.id) or owner, after.annotations, EDGE) == "native"
        else:
            assert owner.id not in changed(plan)
            assert after.workload(owner.id) == owner
            told = any(note.startswith(f"charging/{owner.id} keeps its proxy") for note in plan.notes)
            assert told == bool(proxied - {str(EDGE)})
    again = hop(replace(view, namespaces={"charging": after}), wanted, new=False)
    assert list(again.changes()) == []
    assert again.nothing_to_do


@hypothesis(max_examples=100)
@given(namespaces(), st.sampled_from([Edge(25, 12, 3), EDGE]))
def test_whoever_would_be_born_with_a_proxy_still_would_at_any_point_of_the_hop(
    found: NamespaceView, edge: Edge
) -> None:
    view = upgraded(found)
    wanted = inventory(view)
    meshed = [owner.id for owner in found.workloads if injector(owner, found.annotations, edge)]
    for change in hop_plan(view, wanted, edge, "run-1", [], new_control_plane=True).changes():
        view = made(view, change, edge)
        now = view.namespaces["charging"]
        for identifier in meshed:
            owner = now.workload(identifier)
            assert owner and injector(owner, now.annotations, edge), identifier


@hypothesis(max_examples=200)
@given(namespaces(), st.data())
def test_after_an_interruption_the_gates_are_due_that_have_not_passed(
    found: NamespaceView, data: st.DataObject
) -> None:
    view = upgraded(found)
    wanted = inventory(view)
    first = hop(view, wanted)
    pending = [mark for step in first.steps for mark in step.pending]
    done = data.draw(st.integers(0, len(first.steps)))
    for step in first.steps[:done]:
        for change in step.changes:
            view = made(view, change, EDGE)
        pending = [mark for mark in pending if mark not in step.pending]
    if done < len(first.steps):
        # It was killed in the next step, of which some changes were made and none was judged.
        changes = first.steps[done].changes
        for change in changes[: data.draw(st.integers(0, len(changes)))]:
            view = made(view, change, EDGE)
    second = hop(view, wanted, pending, new=False)
    event(f"{done} of {len(first.steps)} steps")
    assert [mark for step in second.steps for mark in step.pending] == pending
    assert all(step.gate == bool(step.pending) for step in second.steps)


def test_old_proxies_are_judged_before_any_of_them_restarts() -> None:
    first, second = workload(name="a", annotations=MESHED), workload(name="b", annotations=MESHED)
    out = workload(name="c")
    seen = [
        *pods(first, proxy="wait", release=str(OLD)),
        *pods(second, proxy="wait", release=str(OLD)),
        *pods(out),
    ]
    view = upgraded(space(first, second, out, pods_seen=seen))
    plan = hop(view, settings(waves=[{"share": 1.0}]))
    assert [step.stage for step in plan.steps] == ["verify", "wave"]
    judged, wave = plan.steps
    assert (judged.changes, judged.gate, judged.pending) == ([], True, [f"plane:charging/{EDGE}"])
    assert [each.workload for each in judged.subjects] == wave.workloads == ["Deployment/a", "Deployment/b"]
    assert wave.pending == ["inject:charging/Deployment/a", "inject:charging/Deployment/b"]
    assert (wave.mode, wave.release, wave.meshed) == ("native", str(EDGE), True)
    assert plan.notes == []


def test_proxies_that_are_brought_up_under_the_control_plane_that_runs_are_not_judged_first() -> None:
    omni = workload(annotations=MESHED)
    view = upgraded(space(omni, pods_seen=pods(omni, proxy="wait", release=str(OLD))))
    assert [step.stage for step in hop(view, settings(), new=False).steps] == ["wave"]


def test_all_namespaces_are_judged_before_the_first_restart_in_any_of_them() -> None:
    found = []
    for name in ("charging", "parking"):
        omni = workload(namespace=name, annotations=MESHED)
        found.append(space(omni, name=name, pods_seen=pods(omni, proxy="wait", release=str(OLD))))
    plan = hop(cluster(*found), settings({"name": "charging"}, {"name": "parking"}))
    assert [(step.stage, step.namespace) for step in plan.steps] == [
        ("verify", "charging"),
        ("verify", "parking"),
        ("wave", "charging"),
        ("wave", "parking"),
    ]


def test_a_workload_that_says_no_by_now_is_left_although_the_inventory_names_it() -> None:
    omni = workload(annotations={INJECT: "disabled"})
    view = upgraded(space(omni, pods_seen=pods(omni, proxy="wait", release=str(OLD))))
    plan = hop(view, settings({"name": "charging", "workloads": [omni.id]}))
    assert list(plan.changes()) == []


def test_a_workload_without_replicas_is_not_waited_for_although_the_inventory_names_it() -> None:
    """There are no pods to prove it on; scaled up, they get the newer proxy by themselves."""
    idle = workload(annotations=MESHED, replicas=0)
    plan = hop(upgraded(space(idle)), settings({"name": "charging", "workloads": [idle.id]}))
    assert plan.nothing_to_do


def test_a_cronjob_that_was_kept_out_comes_in_with_native_sidecars_and_stays_out_with_others() -> None:
    nightly = workload("CronJob", "nightly", annotations={INJECT: "disabled", KEPT_OUT: "true"})
    view = upgraded(space(nightly))
    (change,) = hop(view, settings()).changes()
    assert change.workload == "CronJob/nightly"
    assert list(hop(view, settings({"name": "charging", "sidecar": "wait"})).changes()) == []


def test_the_older_release_keeps_its_older_kind_of_sidecar() -> None:
    omni = workload(annotations=MESHED)
    view = cluster(space(omni, pods_seen=pods(omni, proxy="wait", release="edge-25.8.5")))
    plan = hop_plan(view, settings(), OLD, "run-1", [], new_control_plane=False)
    assert [step.mode for step in plan.steps] == ["wait"]


def test_settings_and_view_keep_the_namespaces_that_are_there_and_meshed() -> None:
    omni = workload(annotations=MESHED)
    meshed = space(omni, pods_seen=pods(omni, proxy="wait"))
    bare = space(workload(namespace="parking"), name="parking")
    gone = replace(space(name="tolls"), manifest=None)
    wanted = settings({"name": "charging"}, {"name": "parking"}, {"name": "tolls"})
    view = cluster(meshed, bare, gone)
    kept = meshed_only(view, wanted)
    assert [each.name for each in kept.namespaces] == ["charging"]
    assert [each.name for each in there_only(view, wanted).namespaces] == ["charging", "parking"]
    assert list(narrowed(view, kept).namespaces) == ["charging"]
    assert list(narrowed(view, kept).all_workloads) == list(view.all_workloads), "the cluster is no smaller"


def test_behind_are_those_of_any_other_release_that_says_which() -> None:
    found: list[tuple[Workload, str | None]] = [
        (workload(name="a", annotations=MESHED), str(OLD)),
        (workload(name="b", annotations=MESHED), str(EDGE)),
        (workload(name="c", annotations=MESHED), "edge-26.8.3"),
        (workload(name="d", annotations=MESHED), None),
        (workload(name="e"), None),
    ]
    seen = [
        each
        for owner, release in found
        for each in pods(owner, proxy=None if owner.name == "e" else "wait", release=release)
    ]
    view = upgraded(space(*(owner for owner, _ in found), pods_seen=seen))
    assert behind(view, settings(), EDGE) == ["charging/Deployment/a", "charging/Deployment/c"]


def test_a_pinned_workload_is_left_with_the_reason() -> None:
    pinned: Json = {**MESHED, PIN: "edge-25.8.5"}
    omni, quiet = workload(annotations=pinned), workload(name="quiet", annotations={INJECT: "disabled"})
    seen = [*pods(omni, proxy="wait", release="edge-25.8.5"), *pods(quiet, proxy="wait", release=str(OLD))]
    plan = hop(
        upgraded(space(omni, quiet, workload(name="z", annotations=MESHED), pods_seen=seen)), settings()
    )
    assert plan.notes == [
        "charging/Deployment/omni keeps its proxy: it is pinned to edge-25.8.5.",
        "charging/Deployment/quiet keeps its proxy: the inventory leaves it out.",
    ]
