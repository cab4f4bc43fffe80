"""From looks at Prometheus and the pods, each since the fault began, to the measures of a drill."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise, takewhile
from typing import NamedTuple

import msgspec

from meshroll.core.drill.model import NEW_POD_SECONDS_MAX, Measures, Scenario
from meshroll.core.gate.measurements import Measurements, Sample
from meshroll.core.gate.signals import workload_of
from meshroll.core.gate.traffic import answered_by
from meshroll.core.model import Pod

QUERIES = (
    *("outbound-matrix", "outbound-responses", "inbound-by-pod", "inbound-median-by-pod"),
    *("application-grpc-responses", "application-client-responses"),
)
"""Ids of the gate's queries that a drill asks: it has no others."""

QUERIES_BEFORE = (*QUERIES, "scraped-twice")
"""Before the fault only: Linkerd's scrape configuration makes a pod's labels those of its series, so a pod that gets
another one is two targets for a moment.
"""

CALLERS = "callers' proxies"
SLOWER = 2.0
"""Times the median of the other pods: from there on a pod counts as slow."""
ABORT_FAILED_RATIO = 0.2
ABORT_LOOKS = 2
ABORT_SECONDS = 3.0
"""For so many looks and so long calls fail before that aborts: with a scrape each second, one bad look says little."""


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

    ``sent`` are requests by pod and source, ``answers`` what callers got, by source, the one nearest to them first.
    ``unready`` are pods of other workloads that were Ready before the fault and are not now.
    """

    at_seconds: float
    sent: dict[str, dict[str, float]]
    answers: dict[str, Count]
    medians_ms: dict[str, float]
    pods: tuple[PodSeen, ...]
    unready: tuple[str, ...] = ()


def look(
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
    inbound = _answers(measured.of("inbound-by-pod"), own)
    served = _answers(measured.of("application-grpc-responses"), own)
    through = answered_by(
        measured.of("outbound-responses"),
        lambda sample: "all" if workload_of(sample.labels) in calling else None,
    )
    made = _answers(measured.of("application-client-responses"), of_callers)
    sent = {
        CALLERS: _sums(matrix, "dst_pod"),
        "its own proxies": inbound[0],
        "its own metrics": served[0],
    }
    answers = {
        "callers' own metrics": _total(made),
        CALLERS: Count(through[0].get("all", 0.0), through[1].get("all", 0.0)),
        "its own proxies": _total(inbound),
        "its own metrics": _total(served),
    }
    return Look(
        at_seconds=measured.at_seconds,
        sent={source: by_pod for source, by_pod in sent.items() if sum(by_pod.values()) > 0},
        answers={source: count for source, count in answers.items() if count.responses > 0},
        medians_ms={
            sample.labels.get("pod", ""): sample.value
            for sample in measured.of("inbound-median-by-pod")
            if sample.labels.get("pod") in own and sample.value is not None
        },
        pods=tuple(_seen(pod) for pod in here if pod.owner == workload and not pod.finished),
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


def _succeeded(pod: Pod) -> bool:
    """Whether it is done with its work, as that of a Job, and not Ready for that reason."""
    return bool(pod.manifest["status"].get("phase") == "Succeeded")


def measure(
    scenario: Scenario,
    began_seconds: float,
    before: Collection[str],
    hit: str | None,
    looks: Sequence[Look],
    precision_seconds: float,
) -> Measures | None:
    """``before`` are the workload's pods from before the fault (Unix seconds), ``hit`` the one that it is about.

    None where no look has seen a request.
    """
    if not looks or not looks[-1].sent:
        return None
    last = looks[-1]
    source = next(iter(last.sent))
    counted = next(iter(last.answers), None)
    answers = last.answers[counted] if counted else Count(0.0, 0.0)
    new = {
        pod.name: pod for each in looks for pod in each.pods if pod.name not in before and _lasts(pod, last)
    }
    ready = {name: pod.ready_at_seconds for name, pod in new.items() if pod.ready_at_seconds is not None}
    took = {name: _first_request(name, source, looks) for name in ready}
    latest = last.at_seconds - _patience(precision_seconds)
    idle = [name for name, at in took.items() if at is None and ready[name] < latest]
    told = all(at is not None for at in took.values())
    waits = [max(0.0, at - ready[name]) for name, at in took.items() if at is not None]
    gone = _gone(before, looks)
    if hit in before and scenario != "degraded-pod":
        gone[str(hit)] = began_seconds
    since = [max(0.0, _last_request(name, source, looks, at) - at) for name, at in gone.items()]
    # A pod's own counts say nothing of what was sent there and did not arrive.
    telling = source == CALLERS
    share, fair = _share(hit, source, looks)
    return Measures(
        source=f"{source}, failures by {counted}" if counted else source,
        precision_seconds=precision_seconds,
        requests=answers.responses,
        failed_requests=answers.failures,
        new_pods=len(ready),
        idle_new_pods=len(idle),
        new_pod_seconds=max(waits) if waits and told else None,
        gone_pod_seconds=max(since) if since and telling else None,
        slow_pod_share=share,
        fair_share=fair,
        slow_pod_slower=_slower(hit, last),
    )


def answered(
    before: Collection[str], looks: Sequence[Look], pods_wanted: int, gone: int, precision_seconds: float
) -> bool:
    """Whether there is nothing left to wait for: as many pods as are wanted are Ready, so many of those from before are
    gone, and each new one has taken traffic or had the time for it.
    """
    last = looks[-1]
    if not last.sent:
        return False
    source = next(iter(last.sent))
    ready = {pod.name: at for pod in last.pods if (at := pod.ready_at_seconds) is not None and not pod.ending}
    if len(ready) != pods_wanted or len(last.pods) != pods_wanted or len({*before} - {*ready}) < gone:
        return False
    latest = last.at_seconds - _patience(precision_seconds)
    return all(
        at < latest or _first_request(name, source, looks) is not None
        for name, at in ready.items()
        if name not in before
    )


def _patience(precision_seconds: float) -> float:
    """How long a pod that is Ready may be without a request, in seconds, until that is told of it."""
    return NEW_POD_SECONDS_MAX + precision_seconds


def abort(began_seconds: float, looks: Sequence[Look]) -> str | None:
    """Why the fault of that moment has to be taken back at once; None where it may go on."""
    if looks[-1].unready:
        return f"{', '.join(looks[-1].unready)} of another workload is not Ready any more"
    nothing_yet = Look(at_seconds=began_seconds, sent={}, answers={}, medians_ms={}, pods=())
    failing = list(
        takewhile(
            lambda pair: _most_failed(*pair) > ABORT_FAILED_RATIO,
            reversed([*pairwise([nothing_yet, *looks])]),
        )
    )
    if len(failing) >= ABORT_LOOKS:
        seconds = looks[-1].at_seconds - failing[-1][0].at_seconds
        if seconds >= ABORT_SECONDS:
            return f"more than {ABORT_FAILED_RATIO:.0%} of calls failed for {seconds:.0f} s"
    return None


def _most_failed(earlier: Look, later: Look) -> float:
    """The largest share of calls that failed between two looks, by any source."""
    ratios = [0.0]
    for source, count in later.answers.items():
        responses, failures = earlier.answers.get(source, Count(0.0, 0.0))
        if count.responses > responses:
            ratios.append((count.failures - failures) / (count.responses - responses))
    return max(ratios)


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


def _seen(pod: Pod) -> PodSeen:
    conditions = (pod.manifest.get("status") or {}).get("conditions") or []
    ready = next((each for each in conditions if each["type"] == "Ready" and each["status"] == "True"), None)
    at = datetime.fromisoformat(ready["lastTransitionTime"]).timestamp() if ready else None
    return PodSeen(pod.name, at, pod.ending)


def _lasts(pod: PodSeen, last: Look) -> bool:
    """Whether a new pod is still there: one that went with the fault (scale up, taken back) is not waited for."""
    return any(each.name == pod.name and not each.ending for each in last.pods)


def _first_request(name: str, source: str, looks: Sequence[Look]) -> float | None:
    return next((each.at_seconds for each in looks if each.sent.get(source, {}).get(name, 0.0) > 0), None)


def _last_request(name: str, source: str, looks: Sequence[Look], otherwise: float) -> float:
    """The last look that saw more requests to it than the one before."""
    found, most = otherwise, 0.0
    for each in looks:
        count = each.sent.get(source, {}).get(name, 0.0)
        if count > most:
            found, most = each.at_seconds, count
    return found


def _gone(before: Collection[str], looks: Sequence[Look]) -> dict[str, float]:
    """When each pod from before was first seen ending, or not at all any more."""
    found: dict[str, float] = {}
    for each in looks:
        staying = {pod.name for pod in each.pods if not pod.ending}
        for name in before:
            if name not in staying:
                found.setdefault(name, each.at_seconds)
    return found


def _share(hit: str | None, source: str, looks: Sequence[Look]) -> tuple[float | None, float | None]:
    """(Of the requests of the second half, those to the pod; and that share if all got alike.)"""
    middle, last = looks[(len(looks) - 1) // 2], looks[-1]
    if hit is None or not any(pod.name == hit and not pod.ending for pod in last.pods):
        return None, None
    then, now = middle.sent.get(source, {}), last.sent.get(source, {})
    grown = {name: count - then.get(name, 0.0) for name, count in now.items()}
    total = sum(grown.values())
    return (grown.get(hit, 0.0) / total if total > 0 else None), 1 / len(last.pods)


def _slower(hit: str | None, last: Look) -> bool | None:
    others = sorted(value for name, value in last.medians_ms.items() if name != hit)
    if hit not in last.medians_ms or not others:
        return None
    return last.medians_ms[str(hit)] >= SLOWER * others[len(others) // 2]
