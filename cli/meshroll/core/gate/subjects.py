"""The workloads that a gate judges, with the pods they have at this moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from meshroll.core import plan
from meshroll.core.model import Pod

CRASH_LOOP = "CrashLoopBackOff"


class Restarts(msgspec.Struct, frozen=True):
    """How often a container has restarted so far, why it ended last, and when (Unix seconds; None: not known)."""

    count: int
    reason: str = ""
    ended_at_seconds: float | None = None
    crash_loop: bool = False


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A workload to judge.

    pods               its Ready pods
    meshed_pods        those with a proxy, which Prometheus therefore has to scrape
    traffic_expected   a Service's server or a caller: without traffic nothing is proved
    evenness_expected  its callers are meshed and balanced by Linkerd, so an uneven load is a fault
    mesh_expected      each of its pods is to have a proxy
    known              what is known of its callers, which names the cause where one of them is pinned
    unready            its other pods, but for those that end -> which of their containers are not ready; none where
                       their node or a readiness gate is what is missing
    restarts           ``pod/container`` of those that have ever restarted
    """

    workload: str
    pods: tuple[str, ...]
    meshed_pods: tuple[str, ...]
    traffic_expected: bool = False
    evenness_expected: bool = False
    mesh_expected: bool = False
    known: plan.Known = plan.Known()
    unready: dict[str, tuple[str, ...]] = {}
    restarts: dict[str, Restarts] = {}


def ready_pods(pods: Iterable[Pod]) -> list[Pod]:
    """Pods that take part in traffic."""
    return [pod for pod in pods if pod.ready and not pod.ending and not pod.finished]


def owners_of(pods: Iterable[Pod]) -> dict[str, str]:
    """Ready pod -> workload id, for the metrics that know pods only."""
    return {pod.name: pod.owner for pod in ready_pods(pods) if pod.owner}


def with_pods(expected: Sequence[plan.Subject], pods: Iterable[Pod]) -> list[Subject]:
    """The plan's subjects with their pods of now."""
    present = [pod for pod in pods if not pod.ending and not pod.finished]
    return [
        _subject(subject, [pod for pod in present if pod.owner == subject.workload]) for subject in expected
    ]


def _subject(expected: plan.Subject, pods: Sequence[Pod]) -> Subject:
    ready = ready_pods(pods)
    return Subject(
        workload=expected.workload,
        pods=tuple(pod.name for pod in ready),
        meshed_pods=tuple(pod.name for pod in ready if pod.proxy),
        traffic_expected=expected.traffic_expected,
        evenness_expected=expected.evenness_expected,
        mesh_expected=expected.mesh_expected,
        known=expected.known,
        unready={
            pod.name: tuple(state.name for state in pod.container_states() if not state.ready)
            for pod in pods
            if not pod.ready
        },
        restarts={
            f"{pod.name}/{state.name}": Restarts(
                state.restarts, state.last_reason, _seconds(state.last_ended_at), state.waiting == CRASH_LOOP
            )
            for pod in pods
            for state in pod.container_states()
            if state.restarts or state.waiting == CRASH_LOOP
        },
    )


def _seconds(time: str) -> float | None:
    return datetime.fromisoformat(time).timestamp() if time else None
