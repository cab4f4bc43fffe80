"""How the shares of requests are judged: all rows of a gate together, each with its part of the false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshroll.core.gate.rows import Row
from meshroll.core.gate.signals import FAILED
from meshroll.core.gate.text import count, share
from meshroll.core.gate.verdict import Finding, Outcome, Share

if TYPE_CHECKING:
    from meshroll.core.gate.excess import Shares
    from meshroll.core.gate.noise import Noise

# The chance that a gate calls a workload Failed whose shares are just what they may be: all its workloads, shares and
# looks together. Where nothing changed they are well below that, so far fewer false alarms come of it.
FALSE_ALARMS_RATIO = 0.0035
# Of it. Latency is allowed to drift so far that chance seldom makes an alarm of it.
FAILED_PART = 0.9
# Signals that say that a workload itself fails too often.
FAILING = ("success_ratio", "failed_ratio")
HINT = (
    "Send it traffic, or set a longer window_max_seconds or a larger limits.growth_ratio_max in meshroll_gate; "
    "The same command goes on at this gate, `meshroll rollback` undoes."
)
HINT_UNRESOLVED = (
    "Hold it to a bound that its histogram has (meshroll_gate.limits), or to none (null); `meshroll rollout` goes on "
    "at this gate, `meshroll rollback` undoes."
)


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
    """The chance of a false alarm that each row may spend.

    A share that is held to several limits spends once: beyond the highest it is beyond the others too.
    """
    shares = {(row.workload, row.what): row.share == FAILED for row in rows}
    failed = sum(shares.values())
    slow = len(shares) - failed
    part = FAILED_PART if failed and slow else 1.0
    of_failed, of_slow = part / max(failed, 1), ((1 - part) or 1.0) / max(slow, 1)
    return [false_alarms_ratio * (of_failed if row.share == FAILED else of_slow) for row in rows]


def _noise(rows: Sequence[Row]) -> Noise:
    import numpy as np

    from meshroll.core.gate.noise import CLUSTERS_UNKNOWN, SWINGS_MIN, Noise

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
    hint = ""
    if row.may_fail and (shares.collapsed[place] or shares.exceeded[place]):
        outcome = Outcome.FAILED
    elif upper <= row.proved and (row.known or ratio <= row.allowed):
        outcome = Outcome.SUCCESSFUL
    elif not row.decides:
        outcome = None
    elif not row.may_fail and ratio > row.allowed:
        outcome, hint = Outcome.INCONCLUSIVE, HINT_UNRESOLVED
    else:
        outcome, hint = Outcome.INCONCLUSIVE, HINT
        found = f"{share(float(shares.smallest[place]))} is the least that would have been found"
        text += f", up to {share(upper)} is possible with so few; {found}"
    text += f"; {row.note}" if row.note else ""
    return Finding(
        signal=row.signal,
        value=ratio if row.value is None else row.value,
        limit=row.limit,
        before=row.before,
        outcome=outcome,
        collapsed=outcome == Outcome.FAILED and bool(shares.collapsed[place]),
        source=row.source,
        share=Share(row.what, sum(row.total), ratio, float(shares.lower[place]), min(1.0, upper))
        if sum(row.total)
        else None,
        text=text,
        hint=hint,
    )
