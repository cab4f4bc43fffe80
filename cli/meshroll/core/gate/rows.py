"""The shares of requests that a workload is judged by: failed ones, and those slower than a bucket's bound.

Held to the inventory's limits and, where the same instrument counted before the change, to what they were before. A
quantile is never compared: a histogram knows how many requests were slower than each of its bounds, and no more.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence

import msgspec

from meshroll.core.gate.directions import decides, requests
from meshroll.core.gate.latency import QUANTILES, unresolved
from meshroll.core.gate.signals import FAILED, Past, Traffic
from meshroll.core.gate.text import milliseconds
from meshroll.core.settings import Limits

# No share is the same in two windows; these much larger ones are no alarm yet.
FAILED_TIMES, FAILED_DRIFT = 1.25, 0.0002
# Who fails more often than this does so in phases, and a history of hours has not seen the longest of them.
UNRULY_FROM = 0.001
SLOW_DRIFT_MIN, SLOW_DRIFT_MAX = 0.0025, 0.10
# The bounds that are compared with before are the first that fewer requests than these exceeded.
SLOWER = (0.3, 0.05, 0.01, 0.001)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One share of one workload: by block the requests, and how many of them were ``bad``.

    share      its name (``failed``, or a bucket's bound); rows of one share differ in what they hold it to
    allowed    a larger share is a fault, once it is no chance
    proved     a Successful verdict has ruled out a larger one
    known      what it was before the change, where ``allowed`` comes from there and not from the inventory
    decides    False: it may fail a gate, but what it leaves open is settled by the proxies' count of the same requests
    may_fail   False: what is slower than the share's bound may still keep the limit, which no bucket reaches
    note       what the buckets leave open
    value, limit, before   what the finding shows; a share, or a quantile in milliseconds
    """

    workload: str
    signal: str
    source: str
    share: str
    what: str
    total: Sequence[float]
    bad: Sequence[float]
    allowed: float
    proved: float
    known: Past | None = None
    decides: bool = True
    may_fail: bool = True
    note: str = ""
    value: float | None = None
    limit: float | None = None
    before: float | None = None


def rows_of(
    workload: str,
    prefix: str,
    blocks: Sequence[Traffic],
    whole: Traffic,
    past: Traffic | None,
    limits: Limits,
) -> list[Row]:
    """The rows of one direction. ``whole`` are all blocks as one; ``past`` is the same before the change."""
    known = past.past if past and past.source == whole.source else {}

    def row(
        signal: str,
        share: str,
        what: str,
        allowed: float,
        *,
        value: float | None = None,
        limit: float | None = None,
        before: float | None = None,
    ) -> Row:
        counts = [block.counts(share) for block in blocks]
        return Row(
            workload=workload,
            signal=f"{prefix}{signal}",
            source=whole.source,
            share=share,
            what=f"{requests(prefix)} {what}",
            total=array("d", (total for total, _ in counts)),
            bad=array("d", (bad for _, bad in counts)),
            allowed=allowed,
            proved=allowed + limits.growth_ratio_max,
            decides=decides(prefix),
            value=value,
            limit=limit,
            before=before,
        )

    rows = []
    if whole.responses:
        held = row(
            "success_ratio",
            FAILED,
            "failed",
            1 - limits.success_ratio_min,
            value=whole.success_ratio,
            limit=limits.success_ratio_min,
            before=past.success_ratio if past else None,
        )
        rows.append(held)
        if FAILED in known:
            signal = f"{prefix}failed_ratio"
            rows.append(_compared(held, signal, known[FAILED], allowed_failed(known[FAILED]), limits))
    histogram = whole.histogram
    bounds = sorted(bound for bound in histogram if bound < math.inf) if histogram.get(math.inf) else []
    for name, quantile in QUANTILES.items():
        limit: float | None = getattr(limits, f"{name}_max")
        if limit is None or not bounds:
            continue
        bound = next((each for each in bounds if each >= limit), bounds[-1])
        counted = row(
            name,
            f"{bound:g}",
            f"took more than {milliseconds(bound)}",
            1 - quantile,
            value=whole.latency_ms(name),
            limit=limit,
            before=past.latency_ms(name) if past else None,
        )
        rows.append(
            msgspec.structs.replace(
                counted, may_fail=bound >= limit, note=unresolved_of(name, whole, past, limit)
            )
        )
    for bound, slower in to_compare(known, bounds):
        allowed = allowed_slow(slower)
        counted = row("", f"{bound:g}", f"took more than {milliseconds(bound)}", allowed)
        signal = f"{prefix}slower_than_{bound:g}_ms_ratio"
        rows.append(_compared(counted, signal, slower, allowed, limits))
    return rows


def unresolved_of(name: str, whole: Traffic, past: Traffic | None, limit_ms: float | None) -> str:
    """Of a quantile, beside what the same instrument counted before."""
    before = past.bucket_ms(name) if past and past.source == whole.source else None
    return unresolved(name, whole.bucket_ms(name), before, limit_ms)


def allowed_failed(past: Past) -> float:
    """The most that may fail: known no better than its history is long, and no share is the same for ever."""
    usual = max(FAILED_TIMES * past.ratio, past.upper)
    return usual + FAILED_DRIFT + max(0.0, past.ratio - UNRULY_FROM)


def allowed_slow(past: Past) -> float:
    """The same of requests slower than some bound."""
    return past.upper + min(SLOW_DRIFT_MAX, max(SLOW_DRIFT_MIN, past.ratio))


def _compared(row: Row, signal: str, known: Past, allowed: float, limits: Limits) -> Row:
    """The same counts, held to what the share was before."""
    return msgspec.structs.replace(
        row,
        signal=signal,
        allowed=allowed,
        proved=allowed + max(allowed - known.ratio, limits.growth_ratio_max),
        known=known,
        value=None,
        limit=allowed,
        before=known.ratio,
    )


def to_compare(known: Mapping[str, Past], bounds: Sequence[float]) -> list[tuple[float, Past]]:
    """The bounds (milliseconds) by which latency is compared with before, and how many were slower then."""
    slower = {bound: known[f"{bound:g}"] for bound in bounds if f"{bound:g}" in known}
    found = {
        min((b for b, past in slower.items() if past.ratio <= most), default=math.inf) for most in SLOWER
    }
    return sorted((bound, slower[bound]) for bound in found if bound < math.inf)
