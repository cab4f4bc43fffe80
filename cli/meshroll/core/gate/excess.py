"""Whether a share of requests (those that failed, those that were slow) is larger than it may be.

Every function takes rows x blocks: a row is one share of one workload, a block the requests of one interval. Blocks are
the sampling unit and never single requests, because errors come in clusters and in phases (noise.py beside this). Docs
and the figures that this was measured with: docs/explanation/gate.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meshroll.core.gate.noise import BOUND_LEVEL, Noise, size_of
from meshroll.core.gate.tails import Array, Flags, mean_where_tail, nbinom_tail

# Looks at the whole of what was seen so far, in blocks: each costs a part of the error rate (Lan-DeMets).
LOOKS = (6, 12, 20, 40, 60, 80, 120)
BAD_BLOCKS_MIN, BAD_BLOCKS_RATIO_MIN = 4, 0.2
FRESH_LEVEL = 0.2
# After half of the blocks an eighth of the error rate is spent: what is plain is found early at that, and what is not
# has most of it left at the end.
SPENDING_POWER = 3.0
STEADY = 1e6
COLLAPSE_RATIO, COLLAPSE_TIMES_ALLOWED, COLLAPSE_BLOCKS, COLLAPSE_LEVEL = 0.07, 3.0, 2, 1e-5


@dataclass(frozen=True)
class Shares:
    """What is known of each row after its last block. ``upper`` and ``lower`` are 95 % bounds, one-sided.

    exceeded    it is larger than allowed, at the error rate that was asked for
    collapsed   so much larger that two blocks are enough
    smallest    the smallest share that would have been found in nine of ten cases with this much traffic
    """

    ratio: Array
    lower: Array
    upper: Array
    exceeded: Flags
    collapsed: Flags
    smallest: Array


def looks_of(planned_blocks: int) -> dict[int, float]:
    """After which blocks of so many planned ones the whole is looked at, the last among them -> the part of the error
    rate that this look spends."""
    looks = [*(look for look in LOOKS if look < planned_blocks), planned_blocks]
    spent = [(look / planned_blocks) ** SPENDING_POWER for look in looks]
    return dict(zip(looks, np.diff([0.0, *spent]).tolist(), strict=True))


def judged(
    total: Array, bad: Array, allowed: Array, noise: Noise, planned_blocks: int, level: Array | float
) -> Shares:
    """The rows after all blocks given. ``level`` is the chance of a false alarm that each row may spend over all looks
    of ``planned_blocks``.

    Exceeded at one look stays exceeded: the looks before the last block are judged as they were when they were due.
    """
    rows, blocks = total.shape
    exceeded = np.zeros(rows, bool)
    for look, part in looks_of(planned_blocks).items():
        level_of_look = level * part
        if look <= blocks:
            seen_total, seen_bad = total[:, :look], bad[:, :look]
            exceeded |= more_than(seen_total, seen_bad, seen_total * allowed[:, None], noise, level_of_look)
    size, theta = size_of(total, noise), 1 + noise.clusters
    # The bounds are of the share in these blocks, whose phases have happened.
    steady = np.full(rows, STEADY)
    requests, count = total.sum(1), bad.sum(1)
    seen = np.maximum(requests, 1e-9)
    least = _least_found(requests * allowed, size, theta, level_of_look)
    return Shares(
        ratio=np.where(requests > 0, count / seen, np.nan),
        lower=np.where(count > 0, mean_where_tail(count, steady, theta, BOUND_LEVEL), 0.0) / seen,
        upper=np.where(
            requests > 0, mean_where_tail(count + theta, steady, theta, 1 - BOUND_LEVEL) / seen, np.nan
        ),
        exceeded=exceeded,
        collapsed=_collapsed(total, bad, allowed, theta),
        smallest=np.where(
            requests > 0, np.minimum(1.0, mean_where_tail(least, size, theta, 0.9) / seen), np.nan
        ),
    )


def more_than(
    total: Array,
    bad: Array,
    most: Array,
    noise: Noise,
    level: Array | float,
    fresh_level: float = FRESH_LEVEL,
) -> Flags:
    """Whether more were bad than ``most``, which may differ from block to block.

    On the whole, and in its latest third alone: what has passed already is no reason to undo anything.
    """
    blocks = total.shape[1]
    latest = -max(1, blocks // 3)
    bad_blocks = (bad > np.maximum(most, 1.0)).sum(1)
    enough = bad_blocks >= max(min(BAD_BLOCKS_MIN, blocks), BAD_BLOCKS_RATIO_MIN * blocks)
    whole = _tail(total, bad, most, noise)
    fresh = _tail(total[:, latest:], bad[:, latest:], most[:, latest:], noise)
    found: Flags = enough & (whole < level) & (fresh < fresh_level)
    return found


def _collapsed(total: Array, bad: Array, allowed: Array, theta: Array) -> Flags:
    """Two blocks in a row so bad that no phase of errors explains them, wherever they are among the blocks."""
    limit = np.maximum(COLLAPSE_RATIO, COLLAPSE_TIMES_ALLOWED * allowed)
    found = np.zeros(len(total), bool)
    for first in range(total.shape[1] - COLLAPSE_BLOCKS + 1):
        requests, count = (each[:, first : first + COLLAPSE_BLOCKS] for each in (total, bad))
        each_bad = (count > requests * limit[:, None]).all(1) & (limit < 1)
        # Phases are what the limit stands for already; what is left are clusters.
        tail = nbinom_tail(count.sum(1) / theta, requests.sum(1) * limit / theta, np.full(len(total), STEADY))
        found |= each_bad & (tail < COLLAPSE_LEVEL)
    return found


def _tail(total: Array, bad: Array, most: Array, noise: Noise) -> Array:
    """The chance of at least so many where ``most`` are to be expected."""
    theta = 1 + noise.clusters
    return nbinom_tail(bad.sum(1) / theta, most.sum(1) / theta, size_of(total, noise))


def _least_found(mean: Array, size: Array, theta: Array, level: Array | float) -> Array:
    """The smallest count that is beyond ``mean`` at this level, in requests; found by halving."""
    low = mean / theta
    high = low + 60 * np.sqrt(low + low**2 / size) + 60
    for _ in range(40):
        middle = (low + high) / 2
        beyond = nbinom_tail(middle, mean / theta, size) < level
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    least: Array = high * theta
    return least
