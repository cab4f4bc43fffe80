"""Quantiles of a latency histogram, as PromQL's histogram_quantile works them out.

Done here and not in the query, because a baseline needs them by workload while application metrics only know
pods, and because bucket counts say more than a quantile: what falls into which bucket is known, the rest is
interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

QUANTILES = {"latency_p50_ms": 0.50, "latency_p95_ms": 0.95, "latency_p99_ms": 0.99}


Bucket = tuple[float, float]
"""Above the first bound and up to the second, in milliseconds."""


def quantile(cumulative: Mapping[float, float], share: float) -> float | None:
    """The value that ``share`` of the observations stay below, from bucket upper bound -> cumulative count.

    Linear inside a bucket; the last finite bound where the quantile lies beyond it. None without observations
    or without the +Inf bucket (then the answer was not whole).
    """
    found = _found(cumulative, share)
    if found is None:
        return None
    (lower, bound), part = found
    return lower if bound == math.inf else lower + (bound - lower) * part


def bucket(cumulative: Mapping[float, float], share: float) -> Bucket | None:
    """The bucket that this quantile lies in; where in it, no histogram knows."""
    found = _found(cumulative, share)
    return found and found[0]


def unresolved(name: str, now: Bucket | None, before: Bucket | None, limit_ms: float | None) -> str:
    """What buckets do not tell of a quantile (``latency_p99_ms``): that it is above its limit, or that it changed."""
    if now is None:
        return ""
    said = f"not resolvable: bucket ({now[0]:g}, {'+Inf' if now[1] == math.inf else f'{now[1]:g}'}] ms"
    short = name.split("_")[1]
    if limit_ms is not None and now[0] < limit_ms < now[1]:
        return f"whether {short} is above {limit_ms:g} ms is {said}"
    return f"a change of {short} is {said}" if now == before else ""


def _found(cumulative: Mapping[float, float], share: float) -> tuple[Bucket, float] | None:
    """The bucket that the quantile lies in, and how far into it."""
    bounds = sorted(cumulative)
    if not bounds or bounds[-1] != math.inf:
        return None
    total = cumulative[math.inf]
    if total <= 0:
        return None
    rank = share * total
    lower, below = 0.0, 0.0
    for bound in bounds:
        # Counts of different scrapes can run backwards by a hair; a histogram cannot.
        upto = max(below, cumulative[bound])
        if upto >= rank and upto > below:
            return (lower, bound), (rank - below) / (upto - below)
        below = upto
        lower = bound if bound != math.inf else lower
    return (lower, math.inf), 0.0
