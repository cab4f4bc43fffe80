"""How long a fault is watched: until its question is answered, or it has to be taken back at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise, takewhile

from meshroll.core.drill.looks import Count, Look
from meshroll.core.drill.measure import first_request, patience_seconds
from meshroll.core.drill.model import GONE_POD_SECONDS_MAX, HITS_A_POD, Scenario

WATCH_SECONDS_MAX = 300.0
REPLICAS: Mapping[Scenario, int] = {"scale-up": 1, "scale-down": -1}
GONE: Mapping[Scenario, int] = {"pod-crash": 1, "scale-down": 1}
ABORT_FAILED_RATIO = 0.2
ABORT_LOOKS = 2
ABORT_SECONDS = 3.0
"""For so many looks and so long calls fail before that aborts: with a scrape each second, one bad look says little."""


def pods_wanted(scenario: Scenario, before: Collection[str]) -> int:
    """Pods of the workload while the fault is there; ``before`` are those from before it."""
    return len(before) + REPLICAS.get(scenario, 0)


def watched(
    scenario: Scenario,
    began_seconds: float,
    before: Collection[str],
    looks: Sequence[Look],
    interval_seconds: float,
    precision_seconds: float,
) -> bool:
    """Whether a fault that began then (Unix) has been watched for long enough, with looks at this interval.

    Of a pod that is cut, slow or gone it has to be seen that it is called no more: until that could be refuted, and
    for one look more.
    """
    now_seconds = looks[-1].at_seconds
    enough_seconds = GONE_POD_SECONDS_MAX + precision_seconds + interval_seconds
    if now_seconds - began_seconds >= WATCH_SECONDS_MAX:
        return True
    if scenario in HITS_A_POD:
        return now_seconds - began_seconds >= enough_seconds
    wanted = pods_wanted(scenario, before)
    gone = len(before) if scenario == "rolling-deploy" else GONE.get(scenario, 0)
    # Once more, so that what came with the last pod is seen.
    twice = (looks[:-1], looks)
    if not all(seen and _answered(before, seen, wanted, gone, precision_seconds) for seen in twice):
        return False
    return not gone or now_seconds - _last_went_seconds(before, looks) >= enough_seconds


def _last_went_seconds(before: Collection[str], looks: Sequence[Look]) -> float:
    """When the last one that went was first not there any more, also not as one that ends."""
    there = [len({*before} & {pod.name for pod in each.pods}) for each in looks]
    return looks[there.index(min(there))].at_seconds


def _answered(
    before: Collection[str], looks: Sequence[Look], wanted: int, gone: int, precision_seconds: float
) -> bool:
    """Whether there is nothing left to wait for: as many pods as are wanted are Ready, so many of those from before are
    gone, and each new one has taken traffic or had the time for it.
    """
    last = looks[-1]
    if not last.sent:
        return False
    ready = {pod.name: at for pod in last.pods if (at := pod.ready_at_seconds) is not None and not pod.ending}
    if len(ready) != wanted or len(last.pods) != wanted or len({*before} - {*ready}) < gone:
        return False
    latest = last.at_seconds - patience_seconds(precision_seconds)
    return all(
        at < latest or first_request(name, last.source, looks) is not None
        for name, at in ready.items()
        if name not in before
    )


def abort(began_seconds: float, looks: Sequence[Look]) -> str | None:
    """Why the fault of that moment has to be taken back at once; None where it may go on."""
    if looks[-1].unready:
        return f"{', '.join(looks[-1].unready)} of another workload is not Ready any more"
    nothing_yet = Look(at_seconds=began_seconds, sent={}, answers={}, medians_ms={}, slowest_ms={}, pods=())
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
