"""How many pods a workload's own strategy takes away, and adds, while it restarts, and how long they take to end."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from meshroll.core.injection import WAIT
from meshroll.core.model import Object, Workload, containers_of

DEFAULT_SHARE = "25%"
SLEEP = re.compile(r"\bsleep\s+(\d+(?:\.\d+)?)([smh]?)\b")
UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def taken_away(workload: Workload) -> int:
    """The most pods that its own strategy takes away at once.

    Deployments round down, but never to nothing where no pod may come on top
    (kubernetes pkg/controller/deployment/util ResolveFenceposts); the others round up, and take one by default.
    """
    total = workload.replicas
    if workload.kind == "CronJob" or not total:
        return 0
    spec = workload.manifest["spec"]
    if workload.kind != "Deployment":
        rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
        return min(total, count(rolling.get("maxUnavailable", 1), total, up=True))
    if recreated(workload):
        return total
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    away = count(rolling.get("maxUnavailable", DEFAULT_SHARE), total, up=False)
    return min(total, away if surge(workload) else max(away, 1))


def surge(workload: Workload) -> int:
    """The most pods that its own strategy adds for the time of a restart: only Deployments add some by default."""
    spec = workload.manifest["spec"]
    if workload.kind == "DaemonSet":
        rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
        return count(rolling.get("maxSurge", 0), workload.replicas, up=True)
    if workload.kind != "Deployment" or recreated(workload):
        return 0
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    return count(rolling.get("maxSurge", DEFAULT_SHARE), workload.replicas, up=True)


def recreated(workload: Workload) -> bool:
    return (workload.manifest["spec"].get("strategy") or {}).get("type") == "Recreate"


def count(said: str | int, total: int, *, up: bool) -> int:
    """Of ``25%`` or 3."""
    text = str(said)
    if not text.endswith("%"):
        return int(text)
    share = int(text[:-1]) * total
    return math.ceil(share / 100) if up else share // 100


def ending_seconds(workload: Workload) -> float:
    """How long one of its pods goes on after it was told to end, as far as its template says: by a sleep before it
    stops, or a proxy's wait.
    """
    wait = workload.template_annotations.get(WAIT, "")
    told = max(pre_stop_seconds(workload), float(wait) if wait.isdecimal() else 0.0)
    return min(told, float(workload.grace_period_seconds))


def pre_stop_seconds(workload: Workload) -> float:
    """The longest that a container's preStop hook sleeps."""
    return max((_sleep_seconds(hook) for _, hook in hooks(workload)), default=0.0)


def hooks(workload: Workload) -> Iterator[tuple[str, Object]]:
    """(container, its preStop hook)."""
    for container in containers_of(workload.template):
        hook = (container.get("lifecycle") or {}).get("preStop")
        if hook:
            yield container["name"], hook


def command_of(hook: Object) -> str:
    return " ".join((hook.get("exec") or {}).get("command") or [])


def _sleep_seconds(hook: Object) -> float:
    told = sum(float(number) * UNIT_SECONDS[unit] for number, unit in SLEEP.findall(command_of(hook)))
    return told + float((hook.get("sleep") or {}).get("seconds", 0))
