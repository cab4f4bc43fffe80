"""From looks to the measures of a drill."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from meshroll.core.drill.looks import CALLERS, CALLERS_OWN, Count, Look, PodSeen
from meshroll.core.drill.model import (
    GONE_POD_SECONDS_MAX,
    NEW_POD_SECONDS_MAX,
    TAKES_PODS,
    Measures,
    Scenario,
)

SLOWER = 2.0
"""Times the median of the other pods: from there on a pod counts as slow."""

IDLE_SHARE = 0.5
"""Of its fair share: a pod that got no more before the fault is one that nobody misses."""


def measure(
    scenario: Scenario,
    began_seconds: float,
    before: Collection[str],
    past: Mapping[str, float],
    hit: str | None,
    looks: Sequence[Look],
    precision_seconds: float,
) -> Measures | None:
    """``before`` are the workload's pods from before the fault (Unix seconds), with the requests that each got in the
    ``past``; ``hit`` is the one that it is about.

    None where no look has seen a request.
    """
    if not looks or not looks[-1].sent:
        return None
    last = looks[-1]
    source = last.source
    counted, answers = _answered(last)
    new = {
        pod.name: pod for each in looks for pod in each.pods if pod.name not in before and _lasts(pod, last)
    }
    ready = {name: pod.ready_at_seconds for name, pod in new.items() if pod.ready_at_seconds is not None}
    took = {name: first_request(name, source, looks) for name in ready}
    latest = last.at_seconds - patience_seconds(precision_seconds)
    idle = [name for name, at in took.items() if at is None and ready[name] < latest]
    # A deploy that stands still has not shown what its other pods do.
    told = all(at is not None for at in took.values()) and (
        scenario != "rolling-deploy" or len(ready) >= len(before)
    )
    waits = [max(0.0, at - ready[name]) for name, at in took.items() if at is not None]
    gone = _gone(before, looks)
    if hit in before and scenario != "degraded-pod":
        gone[str(hit)] = began_seconds
    # Who is not watched for so long could not be seen to be called on.
    short = any(last.at_seconds - at < GONE_POD_SECONDS_MAX + precision_seconds for at in gone.values())
    since = [max(0.0, _last_request(name, looks, at) - at) for name, at in gone.items()]
    share, fair = _share(hit, source, looks)
    return Measures(
        source=f"{source}, failures by {counted}" if counted else source,
        precision_seconds=precision_seconds,
        requests=answers.responses,
        failed_requests=answers.failures,
        uncounted_callers=_uncounted(scenario, counted, last),
        new_pods=len(ready),
        idle_new_pods=len(idle),
        new_pod_seconds=max(waits) if waits and told else None,
        gone_pod_seconds=max(since) if since and CALLERS in last.sent and not short else None,
        slow_pod_share=share,
        fair_share=fair,
        slow_pod_slower=_slower(hit, last),
        slow_pod_slow_calls=_slow_calls(hit, last),
        slow_pod_unready=any(
            pod.name == hit and pod.ready_at_seconds is None for look in looks for pod in look.pods
        ),
        lost_pod_idle=_idle([*gone] or [str(hit)], before, past),
    )


def _answered(last: Look) -> tuple[str | None, Count]:
    """By the source of the callers that saw more fail: proxies do not count the call that finds no pod, and among all
    that an application calls a few failures get lost. Else by the server.
    """
    callers = {name: count for name, count in last.answers.items() if name in (CALLERS, CALLERS_OWN)}
    if callers:
        return max(callers.items(), key=lambda each: each[1].failures / each[1].responses)
    return next(iter(last.answers.items()), (None, Count(0.0, 0.0)))


def _uncounted(scenario: Scenario, counted: str | None, last: Look) -> tuple[str, ...]:
    """Callers of whom nobody knows what the scenario asks."""
    if (
        scenario == "degraded-pod"
    ):  # who gets what, and no call that does not arrive: its server knows as well
        return last.unmeshed if last.source == CALLERS else ()
    which = scenario in (*TAKES_PODS, "partition")
    known = counted in (CALLERS, CALLERS_OWN) and (not which or CALLERS in last.sent)
    return (last.unmeshed if which else last.uncounted) or (() if known else ("its callers",))


def patience_seconds(precision_seconds: float) -> float:
    """How long a pod that is Ready may be without a request, in seconds, until that is told of it."""
    return NEW_POD_SECONDS_MAX + precision_seconds


def _lasts(pod: PodSeen, last: Look) -> bool:
    """Whether a new pod is still there: one that went with the fault (scale up, taken back) is not waited for."""
    return any(each.name == pod.name and not each.ending for each in last.pods)


def first_request(name: str, source: str, looks: Sequence[Look]) -> float | None:
    return next((each.at_seconds for each in looks if each.sent.get(source, {}).get(name, 0.0) > 0), None)


def _last_request(name: str, looks: Sequence[Look], otherwise: float) -> float:
    """The last look at which callers had sent it more than at the one before: what arrived would not tell."""
    found, most = otherwise, 0.0
    for each in looks:
        count = each.sent.get(CALLERS, {}).get(name, 0.0)
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


def _idle(lost: Iterable[str], before: Collection[str], past: Mapping[str, float]) -> bool:
    fair = sum(past.get(name, 0.0) for name in before) / len(before)
    return any(name in before and past.get(name, 0.0) <= IDLE_SHARE * fair for name in lost)


def _slower(hit: str | None, last: Look) -> bool | None:
    others = sorted(value for name, value in last.medians_ms.items() if name != hit)
    if hit not in last.medians_ms or not others:
        return None
    return last.medians_ms[str(hit)] >= SLOWER * others[len(others) // 2]


def _slow_calls(hit: str | None, last: Look) -> bool:
    """Whether it had a call that took far longer than any of the others. Callers that turn away at once leave it not
    enough of them to change its median.
    """
    others = [value for name, value in last.slowest_ms.items() if name != hit]
    return bool(others) and last.slowest_ms.get(str(hit), 0.0) >= SLOWER * max(others)
