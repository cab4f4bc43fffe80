"""How many pods a workload's own strategy takes away, and adds, while it restarts."""

from __future__ import annotations

import math

from meshroll.core.model import Workload

DEFAULT_SHARE = "25%"


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
    if workload.kind != "Deployment" or recreated(workload):
        return 0
    rolling = (workload.manifest["spec"].get("strategy") or {}).get("rollingUpdate") or {}
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
