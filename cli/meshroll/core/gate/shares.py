"""The shares of requests that a workload is judged by: failed ones, and those slower than a bucket's bound.

Held to the inventory's limits and, where the same instrument counted before the change, to what they were before. A
quantile is never compared: a histogram knows how many requests were slower than each of its bounds, and no more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from meshroll.core.gate.directions import decides, requests
from meshroll.core.gate.latency import QUANTILES
from meshroll.core.gate.signals import FAILED, Past, Traffic
from meshroll.core.gate.text import count, milliseconds, share
from meshroll.core.gate.verdict import Finding, Outcome, Share
from meshroll.core.settings import Limits

if TYPE_CHECKING:
    from meshroll.core.gate.excess import Noise, Shares

# The chance that a gate without any fault calls a workload Failed: all its workloads, shares and looks together. The
# rest of what a gate may spend is the pods'.
FALSE_ALARMS_RATIO = 0.0015
# No share is the same in two windows; these much larger ones are no alarm yet.
FAILED_TIMES, FAILED_DRIFT = 1.25, 0.0002
# Who fails more often than this does so in phases, and a history of hours has not seen the longest of them.
UNRULY_FROM = 0.002
SLOW_DRIFT_MIN, SLOW_DRIFT_MAX = 0.0025, 0.10
# The bounds that are compared with before are the first that fewer requests than these exceeded.
SLOWER = (0.3, 0.05, 0.01, 0.001)
# Signals that say that a workload itself fails too often.
FAILING = ("success_ratio", "failed_ratio")
HINT = (
    "Send it traffic, or set a longer window_max_seconds or a larger limits.growth_ratio_max in meshroll_gate; "
    "`meshroll rollout` goes on at this gate, `meshroll rollback` undoes."
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One share of one workload: by block the requests, and how many of them were ``bad``.

    share      its name (``failed``, or a bucket's bound); rows of one share differ in what they hold it to
    allowed    a larger share is a fault, once it is no chance
    proved     a Successful verdict has ruled out a larger one
    known      what it was before the change, where ``allowed`` comes from there and not from the inventory
    decides    False: it may fail a gate, but what it leaves open is settled by the proxies' count of the same requests
    value, limit, before   what the finding shows; a share, or a quantile in milliseconds
    """

    workload: str
    signal: str
    source: str
    share: str
    what: str
    total: tuple[float, ...]
    bad: tuple[float, ...]
    allowed: float
    proved: float
    known: Past | None = None
    decides: bool = True
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
        total, bad = zip(*(block.counts(share) for block in blocks), strict=True)
        return Row(
            workload=workload,
            signal=f"{prefix}{signal}",
            source=whole.source,
            share=share,
            what=f"{requests(prefix)} {what}",
            total=total,
            bad=bad,
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
        bound = next((each for each in bounds if limit is not None and each >= limit), None)
        if bound is not None:
            rows.append(
                row(
                    name,
                    f"{bound:g}",
                    f"took more than {milliseconds(bound)}",
                    1 - quantile,
                    value=whole.latency_ms(name),
                    limit=limit,
                    before=past.latency_ms(name) if past else None,
                )
            )
    for bound, slower in to_compare(known, bounds):
        allowed = allowed_slow(slower)
        counted = row("", f"{bound:g}", f"took more than {milliseconds(bound)}", allowed)
        signal = f"{prefix}slower_than_{bound:g}_ms_ratio"
        rows.append(_compared(counted, signal, slower, allowed, limits))
    return rows


def allowed_failed(past: Past) -> float:
    """The most that may fail: not less than in its own worst times, and known no better than its history is long."""
    usual = max(FAILED_TIMES * past.ratio, past.upper, past.worst)
    return usual + FAILED_DRIFT + max(0.0, past.ratio - UNRULY_FROM)


def allowed_slow(past: Past) -> float:
    """The same of requests slower than some bound."""
    return max(past.upper, past.worst) + min(SLOW_DRIFT_MAX, max(SLOW_DRIFT_MIN, past.ratio))


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


def judge_rows(
    rows: Sequence[Row], planned_blocks: int, false_alarms_ratio: float = FALSE_ALARMS_RATIO
) -> list[Finding]:
    """A finding for each row, in their order. All rows have the same number of blocks."""
    if not rows:
        return []
    # Here, because these take a third of a second to import and most commands judge nothing.
    import numpy as np

    from meshroll.core.gate.excess import judged

    shares = judged(
        np.array([row.total for row in rows], dtype=np.float64),
        np.array([row.bad for row in rows], dtype=np.float64),
        np.array([row.allowed for row in rows]),
        _noise(rows),
        planned_blocks,
        np.array(levels_of(rows, false_alarms_ratio)),
    )
    return [_finding(row, shares, place) for place, row in enumerate(rows)]


def levels_of(rows: Sequence[Row], false_alarms_ratio: float = FALSE_ALARMS_RATIO) -> list[float]:
    """The chance of a false alarm that each row may spend: half for what failed, half for what was slow.

    A share that is held to several limits spends once: beyond the highest it is beyond the others too.
    """
    shares = {(row.workload, row.what): row.share == FAILED for row in rows}
    failed = sum(shares.values())
    slow = len(shares) - failed
    both = 2 if failed and slow else 1
    return [false_alarms_ratio / both / (failed if row.share == FAILED else slow) for row in rows]


def _noise(rows: Sequence[Row]) -> Noise:
    import numpy as np

    from meshroll.core.gate.excess import CLUSTERS_UNKNOWN, SWINGS_MIN, Noise

    return Noise(
        np.array([row.known.clusters if row.known else CLUSTERS_UNKNOWN for row in rows]),
        np.array([row.known.swings if row.known else SWINGS_MIN for row in rows]),
    )


def _finding(row: Row, shares: Shares, place: int) -> Finding:
    ratio, upper = float(shares.ratio[place]), float(shares.upper[place])
    before = f" (before {share(row.before)})" if row.known else ""
    text = (
        f"{share(ratio)} of {count(sum(row.total))} {row.what}, at most {share(row.allowed)} wanted{before}"
    )
    outcome: Outcome | None
    if shares.collapsed[place] or shares.exceeded[place]:
        outcome = Outcome.FAILED
    elif upper <= row.proved and (row.known or ratio <= row.allowed):
        outcome = Outcome.SUCCESSFUL
    elif not row.decides:
        outcome = None
    else:
        outcome = Outcome.INCONCLUSIVE
        found = f"{share(float(shares.smallest[place]))} is the least that would have been found"
        text += f", up to {share(upper)} is possible with so few; {found}"
    return Finding(
        signal=row.signal,
        value=ratio if row.value is None else row.value,
        limit=row.limit,
        before=row.before,
        outcome=outcome,
        collapsed=bool(shares.collapsed[place]),
        source=row.source,
        share=Share(row.what, sum(row.total), ratio, float(shares.lower[place]), min(1.0, upper))
        if sum(row.total)
        else None,
        text=text,
        hint=HINT if outcome == Outcome.INCONCLUSIVE else "",
    )
