"""How far a workload has got: done only when proved, failed as soon as it cannot get better by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from unit.core.factories import EDGE, Json, pod, pods, workload

from meshroll.core.model import Pod, Workload
from meshroll.core.progress import (
    HOPELESS,
    OVERLOADED_SECONDS,
    UNPROVED_SECONDS,
    Expectation,
    Progress,
    judge,
)

NATIVE = Expectation(True, "native", str(EDGE))
OUT = Expectation(False)
KINDS = ("Deployment", "StatefulSet", "DaemonSet")


def judged(
    owner: Workload,
    seen: Sequence[Pod] | None = None,
    expected: Expectation | None = NATIVE,
    events: Sequence[Json] = (),
    old: Sequence[Pod] = (),
) -> Progress:
    found = pods(owner, proxy="native") if seen is None else seen
    return judge(owner, found, events, expected, frozenset(each.uid for each in old))


def with_status(owner: Workload, **status: Any) -> Workload:
    return Workload({**owner.manifest, "status": {**owner.manifest["status"], **status}})


def event(reason: str, kind: str = "ReplicaSet") -> Json:
    return {"reason": reason, "message": "because", "involvedObject": {"kind": kind, "name": "x"}}


@pytest.mark.parametrize("kind", KINDS)
def test_a_workload_whose_pods_are_all_as_wanted_is_done(kind: str) -> None:
    progress = judged(workload(kind))
    assert (progress.state, progress.done, progress.total) == ("done", 2, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_that_its_controller_has_not_seen_is_waited_for(kind: str) -> None:
    assert judged(workload(kind, metadata={"generation": 2})).state == "waiting"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("Deployment", {"updatedReplicas": 1}),
        ("Deployment", {"replicas": 3}),
        ("Deployment", {"availableReplicas": 1}),
        ("StatefulSet", {"updateRevision": "rev-2"}),
        ("StatefulSet", {"readyReplicas": 1}),
        ("DaemonSet", {"updatedNumberScheduled": 1}),
        ("DaemonSet", {"numberAvailable": 1}),
    ],
)
def test_an_update_that_is_under_way_is_waited_for(kind: str, status: Json) -> None:
    assert judged(with_status(workload(kind), **status)).state == "waiting"


def test_a_workload_without_pods_is_not_done_before_its_pods_are_seen() -> None:
    assert judged(workload(), []).state == "waiting"
    assert judged(workload(replicas=0), []).state == "done"


def test_without_an_expectation_ready_is_enough() -> None:
    owner = workload()
    assert judged(owner, pods(owner), None).state == "done"
    assert judged(owner, pods(owner, ready=False), None).state == "waiting"


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({}, "no linkerd-proxy"),
        ({"proxy": "wait"}, "not a native sidecar"),
        ({"proxy": "native", "release": "edge-26.6.1"}, "edge-26.6.1, not edge-26.6.3"),
    ],
)
def test_pods_that_are_not_as_wanted_are_unproved_with_the_reason(how: Json, why: str) -> None:
    owner = workload()
    progress = judged(owner, (pod(owner, 0, proxy="native"), pod(owner, 1, **how)))
    assert (progress.state, progress.done) == ("unproved", 1)
    assert "omni-1: " in progress.message
    assert why in progress.message


def test_a_proxy_that_stays_is_unproved_on_the_way_out() -> None:
    owner = workload()
    assert judged(owner, pods(owner, proxy="native"), OUT).state == "unproved"
    assert judged(owner, pods(owner), OUT).state == "done"


def test_pods_that_end_do_not_count() -> None:
    owner = workload()
    assert judged(owner, (*pods(owner, proxy="native"), pod(owner, 7, ending=True))).state == "done"


@pytest.mark.parametrize("reason", sorted(HOPELESS))
def test_a_new_pod_that_cannot_start_fails_at_once(reason: str) -> None:
    owner = workload()
    broken = pod(owner, 1, proxy="native", ready=False, waiting=reason)
    progress = judged(owner, (pod(owner, 0), broken))
    assert progress.state == "failed"
    assert reason in progress.message


def test_the_proxys_own_crash_loop_fails_though_it_is_an_init_container() -> None:
    owner = workload()
    broken = pod(owner, 1, proxy="native", ready=False)
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "bad config"}}
    status = {
        **broken.manifest["status"],
        "initContainerStatuses": [{"name": "linkerd-proxy", "state": waiting}],
    }
    progress = judged(owner, (Pod({**broken.manifest, "status": status}),))
    assert progress.state == "failed"
    assert "linkerd-proxy: CrashLoopBackOff bad config" in progress.message


def test_a_pod_that_only_starts_is_waited_for() -> None:
    owner = with_status(workload(), availableReplicas=1)
    assert (
        judged(owner, (pod(owner, proxy="native", ready=False, waiting="PodInitializing"),)).state
        == "waiting"
    )


def test_a_crash_loop_from_before_the_change_is_not_blamed_on_it() -> None:
    owner = with_status(workload(), updatedReplicas=1)
    old = pod(owner, 1, ready=False, waiting="CrashLoopBackOff")
    assert judged(owner, (pod(owner, 0, proxy="native"), old), old=(old,)).state == "waiting"
    assert judged(owner, (pod(owner, 0, proxy="native"), old)).state == "failed"


CONDITIONS = [
    {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"},
    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda each: each["type"])
@pytest.mark.parametrize("expected", [NATIVE, OUT, None])
def test_what_a_deployment_complains_of_must_last(condition: Json, expected: Expectation | None) -> None:
    owner = with_status(workload(), updatedReplicas=0, conditions=[condition])
    assert judged(owner, [], expected).state == "unproved"


BUSY = (
    'Internal error occurred: failed calling webhook "linkerd-proxy-injector.linkerd.io": failed to call webhook: Post '
    '"https://linkerd-proxy-injector.linkerd.svc:443/?timeout=10s": context deadline exceeded'
)


@pytest.mark.parametrize(("message", "seconds"), [(BUSY, OVERLOADED_SECONDS), ("quota", UNPROVED_SECONDS)])
def test_a_webhook_that_is_busy_has_longer_than_what_no_second_call_mends(
    message: str, seconds: float
) -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    owner = with_status(workload(), updatedReplicas=0, conditions=[condition])
    assert judged(owner, []).unproved_seconds == seconds


def test_what_a_deployment_said_of_an_older_template_is_not_heard() -> None:
    owner = with_status(workload(metadata={"generation": 2}), conditions=CONDITIONS)
    assert judged(owner).state == "waiting"


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_a_replica_failure_that_is_over_is_none(status: str) -> None:
    assert judged(with_status(workload(), conditions=[{**CONDITIONS[0], "status": status}])).state == "done"


@pytest.mark.parametrize(
    ("reason", "kind", "expected", "state"),
    [
        ("FailedCreate", "ReplicaSet", NATIVE, "waiting"),
        ("FailedCreate", "StatefulSet", NATIVE, "unproved"),
        ("FailedCreate", "StatefulSet", OUT, "unproved"),
        ("FailedCreate", "ReplicaSet", OUT, "waiting"),
        ("FailedCreate", "ReplicaSet", None, "waiting"),
        ("InjectionSkipped", "Deployment", NATIVE, "unproved"),
        ("InjectionSkipped", "Deployment", OUT, "waiting"),
        ("Injected", "Deployment", NATIVE, "waiting"),
        ("BackOff", "Pod", NATIVE, "waiting"),
    ],
)
def test_events_that_must_persist_to_count_as_failed(
    reason: str, kind: str, expected: Expectation | None, state: str
) -> None:
    owner = with_status(workload(kind if kind == "StatefulSet" else "Deployment"), updatedReplicas=0)
    assert judged(owner, [], expected, [event(reason, kind)]).state == state


def stateful(*how: Json) -> Progress:
    owner = with_status(
        workload("StatefulSet", "ledger", replicas=len(how)), updateRevision="rev-2", readyReplicas=2
    )
    return judged(owner, [pod(owner, index, **each) for index, each in enumerate(how)], OUT)


OLD, NEW = {"revision": "rev-1"}, {"revision": "rev-2"}


def test_a_statefulsets_pod_that_is_stuck_on_a_failed_revision_is_named() -> None:
    progress = stateful(OLD, OLD, {**OLD, "ready": False})
    assert progress.state == "waiting"
    assert [each.name for each in progress.stuck_pods] == ["ledger-2"]


@pytest.mark.parametrize(
    "how",
    [
        (OLD, {**OLD, "ready": False}, {**NEW, "ready": False}),
        (OLD, {**OLD, "ready": False}, {**NEW, "ending": True}),
        (OLD, OLD, {**NEW, "ready": False}),
        (OLD, OLD, NEW),
    ],
    ids=["another is starting", "another is ending", "the new one is starting", "all are ready"],
)
def test_nothing_is_freed_while_the_update_moves(how: tuple[Json, ...]) -> None:
    assert stateful(*how).stuck_pods == ()


def test_only_statefulsets_get_stuck() -> None:
    owner = with_status(workload("DaemonSet"), updateRevision="rev-2", updatedNumberScheduled=1)
    assert judged(owner, pods(owner, ready=False), OUT).stuck_pods == ()
