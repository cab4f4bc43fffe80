"""Quantiles of a latency histogram, as PromQL's histogram_quantile works them out.

Done here and not in the query, because a baseline needs them by workload while application metrics only know
pods, and because bucket counts say more than a quantile: what falls into which bucket is known, the rest is
interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

QUANTILES = {"latency_p50_ms": 0.50, "latency_p95_ms": 0.95, "latency_p99_ms": 0.99}


def quantile(cumulative: Mapping[float, float], share: float) -> float | None:
    """The value that ``share`` of the observations stay below, from bucket upper bound -> cumulative count.

    Linear inside a bucket; the last finite bound where the quantile lies beyond it. None without observations
    or without the +Inf bucket (then the answer was not whole).
    """
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
            return lower if bound == math.inf else lower + (bound - lower) * (rank - below) / (upto - below)
        below = upto
        lower = bound if bound != math.inf else lower
    return lower
