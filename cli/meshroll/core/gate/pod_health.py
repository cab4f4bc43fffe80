"""What Kubernetes says of a workload's pods while a gate looks: restarts, OOM kills, and pods that are Ready no more.

Only what happens in front of the gate counts. The pods that the change replaced are gone, and what its new ones did
before the first look belongs to their start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from meshroll.core.gate.subjects import CRASH_LOOP, Subject
from meshroll.core.gate.text import percent
from meshroll.core.gate.verdict import Finding, Outcome
from meshroll.core.model import PROXY_CONTAINER

OOM_KILLED = "OOMKilled"
# One restart may be anything (a liveness probe that a busy node missed); a second one of the same container is a fault,
# and so are those of half of the pods. Of many pods some restart on any day, and a node that reboots restarts several.
RESTARTS_FAILED = 2
PODS_FAILED_RATIO = 0.5

Seen = Sequence[tuple[float, Subject]]
"""One workload, look by look: how long the gate had looked by then, and its pods."""


def health_findings(seen: Seen, began_at_seconds: float, settle_seconds: float, over: bool) -> list[Finding]:
    """Nothing where the pods are well. ``began_at_seconds`` (Unix time) is when the first look's block began.

    A container that is killed or restarts again is a fault at once, a pod that is not Ready only once the window is
    ``over``.
    """
    grown, killed = _grown(seen, began_at_seconds)
    return [*_killed(killed), *_restarted(grown, seen), *_unready(seen, settle_seconds, over)]


def _grown(seen: Seen, began_at_seconds: float) -> tuple[Counter[str], Counter[str]]:
    """``pod/container`` -> restarts while the gate looked, and those of them after an OOM kill."""
    grown: Counter[str] = Counter()
    killed: Counter[str] = Counter()

    def add(key: str, restarts: int, reason: str) -> None:
        if restarts > 0:
            grown[key] += restarts
            killed[key] += restarts if reason == OOM_KILLED else 0

    for key, first in seen[0][1].restarts.items():
        inside = first.ended_at_seconds is not None and first.ended_at_seconds >= began_at_seconds
        add(key, int(inside and first.count > 0), first.reason)
    for (_, earlier), (_, later) in pairwise(seen):
        if not later.restarts:
            continue
        there = {*earlier.pods, *earlier.unready}
        for key, now in later.restarts.items():
            if _pod(key) in there:
                past = earlier.restarts.get(key)
                add(key, now.count - (past.count if past else 0), now.reason)
    return grown, +killed


def _killed(killed: Counter[str]) -> list[Finding]:
    if not killed:
        return []
    key = _most(killed)[0]
    proxy = key.endswith(f"/{PROXY_CONTAINER}")
    return [
        Finding(
            signal="oom_kills",
            value=float(killed.total()),
            limit=0.0,
            outcome=Outcome.FAILED,
            text=f"{_named(_most(killed))} killed for want of memory (OOMKilled)",
            hint="Raise the proxy's limit: annotation config.linkerd.io/proxy-memory-limit."
            if proxy
            else f"Raise the memory limit of {key.split('/')[1]}, or see what it needs so much for now.",
        )
    ]


def _restarted(grown: Counter[str], seen: Seen) -> list[Finding]:
    now = seen[-1][1]
    before = {pod for _, subject in seen[-2:-1] for pod in (*subject.pods, *subject.unready)}
    looping = sorted(
        key for key, restarts in now.restarts.items() if restarts.crash_loop and _pod(key) in before
    )
    total = grown.total()
    pods = len({_pod(key) for key in grown})
    said = [f"{_named(looping)} in {CRASH_LOOP}"] if looping else []
    if total:
        said.append(f"{_named(_most(grown))} restarted {total} time{'s' if total > 1 else ''} in this gate")
    if not said:
        return []
    key = (looping or _most(grown))[0]
    reason = now.restarts[key].reason if key in now.restarts else ""
    failed = (
        bool(looping)
        or max(grown.values(), default=0) >= RESTARTS_FAILED
        or (pods >= RESTARTS_FAILED and pods >= PODS_FAILED_RATIO * (len(now.pods) + len(now.unready)))
    )
    return [
        Finding(
            signal="restarts",
            value=float(total),
            limit=float(RESTARTS_FAILED - 1),
            outcome=Outcome.FAILED if failed else None,
            text=", ".join(said) + (f", last with {reason}" if reason else ""),
            hint=f"`kubectl logs {_pod(key)} -c {key.split('/')[1]} --previous` says why." if failed else "",
        )
    ]


def _unready(seen: Seen, settle_seconds: float, over: bool) -> list[Finding]:
    """Failed: pods that were past their start and whose containers are not ready from one look to the next."""
    elapsed_seconds, now = seen[-1]
    if not now.unready:
        return []
    started = set(seen[0][1].unready).union(*(subject.pods for _, subject in seen))
    last_look = seen[-2][1].unready if len(seen) > 1 else {}
    known = set().union(*(subject.unready for at, subject in seen if at <= elapsed_seconds - settle_seconds))
    lost = [pod for pod in now.unready if pod in started]
    faulty = [pod for pod in lost if pod in last_look and now.unready[pod]]
    late = [pod for pod in now.unready if pod in lost or pod in known]
    outcome = Outcome.FAILED if faulty else Outcome.INCONCLUSIVE if late else None
    pod = (faulty or late or sorted(now.unready))[0]
    why = ", ".join(now.unready[pod]) or "no container of it says why"
    total = len(now.pods) + len(now.unready)
    value = len(now.pods) / total
    return [
        Finding(
            signal="ready_pods_ratio",
            value=value,
            limit=1.0,
            outcome=outcome if over else None,
            text=f"{len(now.unready)} of {total} pods {'are' if len(now.unready) > 1 else 'is'} not Ready "
            f"({percent(value)} are): {pod} ({why})",
            hint=f"`kubectl describe pod {pod}` says why: a probe, its node, or a readiness gate."
            if late
            else "",
        )
    ]


def _most(counted: Counter[str]) -> list[str]:
    return [key for key, _ in counted.most_common()]


def _named(keys: Sequence[str]) -> str:
    first, *others = keys
    more = f" and {len(others)} more" if others else ""
    return f"{first.split('/')[1]} of pod {_pod(first)}{more}"


def _pod(key: str) -> str:
    return key.split("/")[0]
