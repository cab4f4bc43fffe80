"""The workloads that a gate judges, with the pods they have at this moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from meshroll.core import plan
from meshroll.core.model import Pod


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A workload to judge.

    pods               its Ready pods
    meshed_pods        those with a proxy, which Prometheus therefore has to scrape
    traffic_expected   a Service's server or a caller: without traffic nothing is proved
    evenness_expected  its callers are meshed and balanced by Linkerd, so an uneven load is a fault
    mesh_expected      each of its pods is to have a proxy
    known              what is known of its callers, which names the cause where one of them is pinned
    """

    workload: str
    pods: tuple[str, ...]
    meshed_pods: tuple[str, ...]
    traffic_expected: bool = False
    evenness_expected: bool = False
    mesh_expected: bool = False
    known: plan.Known = plan.Known()


def ready_pods(pods: Iterable[Pod]) -> list[Pod]:
    """Pods that take part in traffic."""
    return [pod for pod in pods if pod.ready and not pod.ending and not pod.finished]


def owners_of(pods: Iterable[Pod]) -> dict[str, str]:
    """Ready pod -> workload id, for the metrics that know pods only."""
    return {pod.name: pod.owner for pod in ready_pods(pods) if pod.owner}


def with_pods(expected: Sequence[plan.Subject], pods: Iterable[Pod]) -> list[Subject]:
    """The plan's subjects with their Ready pods of now."""
    ready = ready_pods(pods)
    return [
        Subject(
            workload=subject.workload,
            pods=tuple(pod.name for pod in ready if pod.owner == subject.workload),
            meshed_pods=tuple(pod.name for pod in ready if pod.owner == subject.workload and pod.proxy),
            traffic_expected=subject.traffic_expected,
            evenness_expected=subject.evenness_expected,
            mesh_expected=subject.mesh_expected,
            known=subject.known,
        )
        for subject in expected
    ]
