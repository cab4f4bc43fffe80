"""Looks at Prometheus and the pods, each since the fault began."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from meshroll.core.gate.measurements import Measurements, Sample
from meshroll.core.gate.signals import workload_of
from meshroll.core.gate.subjects import ready_pods
from meshroll.core.gate.traffic import answered_by
from meshroll.core.model import Pod

QUERIES = (
    *("outbound-matrix", "outbound-responses-by-destination", "inbound-by-pod", "inbound-median-by-pod"),
    "inbound-slowest-by-pod",
    *("application-grpc-responses", "application-client-responses"),
)
"""Ids of the queries that a drill asks."""

QUERIES_BEFORE = (*QUERIES, "scraped-twice")
"""Before the fault only: Linkerd's scrape configuration makes a pod's labels those of its series, so a pod that gets
another one is two targets for a moment.
"""

CALLERS, CALLERS_OWN = "callers' proxies", "callers' own metrics (of all that they call)"


class PodSeen(NamedTuple):
    """A pod of the drilled workload. ``ready_at_seconds`` (Unix; None: it is not Ready)."""

    name: str
    ready_at_seconds: float | None
    ending: bool


class Count(NamedTuple):
    """Answers, and those of them that were failures."""

    responses: float
    failures: float


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One moment (Unix seconds). All counts are from the fault on.

    ``sent`` are requests by pod and source, ``answers`` what callers got, by source.
    ``unmeshed`` are callers that have pods without a proxy, ``uncounted`` those of them that do not count themselves.
    ``unready`` are pods of other workloads that were Ready before the fault and are not now.
    """

    at_seconds: float
    sent: dict[str, dict[str, float]]
    answers: dict[str, Count]
    medians_ms: dict[str, float]
    slowest_ms: dict[str, float]
    pods: tuple[PodSeen, ...]
    unready: tuple[str, ...] = ()
    unmeshed: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Of the counts of requests, the one that is nearest to the callers and has them all."""
        whole = (name for name in self.sent if name != CALLERS or not self.unmeshed)
        return next(whole, next(iter(self.sent), ""))

    @property
    def requests(self) -> dict[str, float]:
        """By pod."""
        return self.sent.get(self.source, {})


def seen(
    measured: Measurements,
    workload: str,
    callers: Collection[str],
    pods: Iterable[Pod],
    known: Collection[str],
    was_ready: Collection[str],
) -> Look:
    """``callers`` are workloads (ids) that name a Service of it; ``known`` its pods so far, also those that are gone;
    ``was_ready`` the pods of others that were Ready before the fault.
    """
    here = list(pods)
    own = {pod.name for pod in here if pod.owner == workload} | set(known)
    matrix = [
        sample
        for sample in measured.of("outbound-matrix")
        if workload_of(sample.labels, "dst_") == workload or sample.labels.get("dst_pod") in own
    ]
    calling = set(callers) | {
        str(workload_of(sample.labels))
        for sample in matrix
        if sample.labels.get("namespace") == measured.namespace
    }
    of_callers = {pod.name for pod in here if pod.owner in calling}
    unmeshed = [pod for pod in ready_pods(here) if pod.owner in calling and not pod.proxy]
    counting = {sample.labels.get("pod") for sample in measured.of("application-client-responses")}
    inbound = _answers(measured.of("inbound-by-pod"), own)
    served = _answers(measured.of("application-grpc-responses"), own)
    got = answered_by(
        measured.of("outbound-responses-by-destination"), lambda sample: workload_of(sample.labels, "dst_")
    )
    made = _answers(measured.of("application-client-responses"), of_callers)
    sent = {
        CALLERS: _sums(matrix, "dst_pod"),
        "its own proxies": inbound[0],
        "its own metrics": served[0],
    }
    answers = {
        CALLERS: Count(got[0].get(workload, 0.0), got[1].get(workload, 0.0)),
        CALLERS_OWN: _total(made),
        "its own proxies": _total(inbound),
        "its own metrics": _total(served),
    }
    return Look(
        at_seconds=measured.at_seconds,
        sent={source: by_pod for source, by_pod in sent.items() if sum(by_pod.values()) > 0},
        answers={source: count for source, count in answers.items() if count.responses > 0},
        medians_ms=_milliseconds(measured.of("inbound-median-by-pod"), own),
        slowest_ms=_milliseconds(measured.of("inbound-slowest-by-pod"), own),
        pods=tuple(_pod(pod) for pod in here if pod.owner == workload and not pod.finished),
        unmeshed=_owners(unmeshed),
        uncounted=_owners(pod for pod in unmeshed if pod.name not in counting),
        unready=tuple(
            sorted(
                pod.name
                for pod in here
                if pod.name in was_ready
                and pod.owner != workload
                and not (pod.ending or pod.ready or _succeeded(pod))
            )
        ),
    )


def _owners(pods: Iterable[Pod]) -> tuple[str, ...]:
    return tuple(sorted({str(pod.owner) for pod in pods}))


def _succeeded(pod: Pod) -> bool:
    """Whether it is done with its work, as that of a Job, and not Ready for that reason."""
    return bool(pod.manifest["status"].get("phase") == "Succeeded")


def _answers(samples: Iterable[Sample], pods: Collection[str]) -> tuple[dict[str, float], dict[str, float]]:
    return answered_by(samples, lambda sample: pod if (pod := sample.labels.get("pod")) in pods else None)


def _total(counted: tuple[Mapping[str, float], Mapping[str, float]]) -> Count:
    return Count(sum(counted[0].values()), sum(counted[1].values()))


def _sums(samples: Iterable[Sample], label: str) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for sample in samples:
        if sample.value is not None and sample.labels.get(label):
            found[sample.labels[label]] += sample.value
    return dict(found)


def _milliseconds(samples: Iterable[Sample], pods: Collection[str]) -> dict[str, float]:
    return {
        sample.labels.get("pod", ""): sample.value
        for sample in samples
        if sample.labels.get("pod") in pods and sample.value is not None
    }


def _pod(pod: Pod) -> PodSeen:
    conditions = (pod.manifest.get("status") or {}).get("conditions") or []
    ready = next((each for each in conditions if each["type"] == "Ready" and each["status"] == "True"), None)
    at = datetime.fromisoformat(ready["lastTransitionTime"]).timestamp() if ready else None
    return PodSeen(pod.name, at, pod.ending)
