"""Whether a share of requests (those that failed, those that were slow) is larger than it may be.

Every function takes rows x blocks: a row is one share of one workload, a block the requests of one interval. Blocks are
the sampling unit and never single requests, because errors come in clusters and in phases. A count has the variance

    mean * (1 + clusters) + CORRELATED_BLOCKS * swings * (sum of the blocks' squared means)

so it is divided by ``1 + clusters`` and compared with the tail of a negative binomial distribution, whose size is what
the swings leave of it. Docs and the figures that this was measured with: docs/explanation/gate.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv

Array: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

# An error is seldom alone (a connection that breaks fails all that was on it), and no workload is as steady as dice.
CLUSTERS_MIN, SWINGS_MIN = 1.0, 0.3
CLUSTERS_UNKNOWN = 2.0
# A phase of more errors lasts for some blocks, so that they do not count as that many independent witnesses.
CORRELATED_BLOCKS = 2.0
# As long as a gate of ten minutes.
STRETCH_BLOCKS = 20
# Below so many per block, clusters explain all that scatters; above, phases do.
SWINGS_FROM_MEAN = 5.0
KNOWN_FROM_COUNT = 20.0
# Looks at the whole of what was seen so far, in blocks: each costs a part of the error rate (Lan-DeMets).
LOOKS = (6, 12, 20, 40, 60, 80, 120)
BAD_BLOCKS_MIN, BAD_BLOCKS_RATIO_MIN = 4, 0.2
BOUND_LEVEL, FRESH_LEVEL = 0.05, 0.1
# After half of the blocks a quarter of the error rate is spent: what is plain is found early at that, and what is not
# has most of it left at the end.
SPENDING_POWER = 2.0
STEADY = 1e6
COLLAPSE_RATIO, COLLAPSE_TIMES_ALLOWED, COLLAPSE_BLOCKS, COLLAPSE_LEVEL = 0.07, 3.0, 2, 1e-5


@dataclass(frozen=True)
class Noise:
    """How much a row's counts scatter beyond dice: by clusters of errors, and by phases (``swings``)."""

    clusters: Array
    swings: Array


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


def looks_of(blocks: int) -> list[int]:
    """After which blocks of so many planned ones the whole is looked at; always after the last."""
    return [*(look for look in LOOKS if look < blocks), blocks]


def noise_of(total: Array, bad: Array) -> Noise:
    """From a history of blocks, never less than any workload has."""
    mean = _expected(total, bad)
    count = np.maximum(mean.sum(1), 1e-9)
    typical = _typical(mean)
    excess = (((bad - mean) ** 2).sum(1) - mean.sum(1)) / count
    phases = typical > SWINGS_FROM_MEAN
    clusters = np.where(phases, CLUSTERS_UNKNOWN, np.maximum(CLUSTERS_MIN, excess - SWINGS_MIN * typical))
    measured = (excess - CLUSTERS_UNKNOWN) / np.maximum(typical, 1e-9)
    swings = np.where(phases, np.maximum(SWINGS_MIN, measured), SWINGS_MIN)
    known = mean.sum(1) >= KNOWN_FROM_COUNT
    return Noise(np.where(known, clusters, CLUSTERS_UNKNOWN), np.where(known, swings, SWINGS_MIN))


def upper_bound(total: Array, bad: Array, noise: Noise) -> Array:
    """The 95 % upper bound of the share that these blocks are a sample of, their swings included."""
    theta = 1 + noise.clusters
    upper: Array = _mean_where_tail(bad.sum(1) + theta, _size(total, noise), theta, 1 - BOUND_LEVEL)
    bound: Array = np.minimum(1.0, upper / np.maximum(total.sum(1), 1e-9))
    return bound


def judged(
    total: Array, bad: Array, allowed: Array, noise: Noise, planned_blocks: int, level: Array | float
) -> Shares:
    """The rows after all blocks given. ``level`` is the chance of a false alarm that each row may spend over all looks
    of ``planned_blocks``.

    Exceeded at one look stays exceeded: the looks before the last block are judged as they were when they were due.
    """
    rows, blocks = total.shape
    exceeded = np.zeros(rows, bool)
    spent: Array | float = 0.0
    for look in looks_of(planned_blocks):
        by_now = level * (look / planned_blocks) ** SPENDING_POWER
        level_of_look, spent = by_now - spent, by_now
        if look <= blocks:
            seen_total, seen_bad = total[:, :look], bad[:, :look]
            exceeded |= more_than(seen_total, seen_bad, seen_total * allowed[:, None], noise, level_of_look)
    size, theta = _size(total, noise), 1 + noise.clusters
    # The bounds are of the share in these blocks, whose phases have happened.
    steady = np.full(rows, STEADY)
    requests, count = total.sum(1), bad.sum(1)
    seen = np.maximum(requests, 1e-9)
    least = _least_found(requests * allowed, size, theta, level_of_look)
    return Shares(
        ratio=np.where(requests > 0, count / seen, np.nan),
        lower=np.where(count > 0, _mean_where_tail(count, steady, theta, BOUND_LEVEL), 0.0) / seen,
        upper=np.where(
            requests > 0, _mean_where_tail(count + theta, steady, theta, 1 - BOUND_LEVEL) / seen, np.nan
        ),
        exceeded=exceeded,
        collapsed=_collapsed(total, bad, allowed, theta),
        smallest=np.where(
            requests > 0, np.minimum(1.0, _mean_where_tail(least, size, theta, 0.9) / seen), np.nan
        ),
    )


def worst_stretch(total: Array, bad: Array) -> Array:
    """The largest share in any STRETCH_BLOCKS blocks in a row; 0 where chance alone would make one."""
    if total.shape[1] < STRETCH_BLOCKS:
        return np.zeros(len(total))
    zero = np.zeros((len(total), 1))
    requests, errors = (np.concatenate([zero, each.cumsum(1)], axis=1) for each in (total, bad))
    stretch = requests[:, STRETCH_BLOCKS:] - requests[:, :-STRETCH_BLOCKS]
    share = (errors[:, STRETCH_BLOCKS:] - errors[:, :-STRETCH_BLOCKS]) / np.maximum(stretch, 1.0)
    worst: Array = np.where(_typical(_expected(total, bad)) > SWINGS_FROM_MEAN, share.max(1), 0.0)
    return worst


def _expected(total: Array, bad: Array) -> Array:
    """How many of each block would be bad, were the share the same in all."""
    expected: Array = total * (bad.sum(1) / np.maximum(total.sum(1), 1.0))[:, None]
    return expected


def _typical(mean: Array) -> Array:
    """Of a block's expected errors, weighed by themselves."""
    typical: Array = (mean**2).sum(1) / np.maximum(mean.sum(1), 1e-9)
    return typical


def more_than(total: Array, bad: Array, most: Array, noise: Noise, level: Array | float) -> Flags:
    """Whether more were bad than ``most``, which may differ from block to block.

    On the whole, and in its latest third alone: what has passed already is no reason to undo anything.
    """
    blocks = total.shape[1]
    latest = -max(1, blocks // 3)
    bad_blocks = (bad > np.maximum(most, 1.0)).sum(1)
    enough = bad_blocks >= max(min(BAD_BLOCKS_MIN, blocks), BAD_BLOCKS_RATIO_MIN * blocks)
    whole = _tail(total, bad, most, noise)
    fresh = _tail(total[:, latest:], bad[:, latest:], most[:, latest:], noise)
    found: Flags = enough & (whole < level) & (fresh < FRESH_LEVEL)
    return found


def _collapsed(total: Array, bad: Array, allowed: Array, theta: Array) -> Flags:
    """Two blocks in a row so bad that no phase of errors explains them, wherever they are among the blocks."""
    limit = np.maximum(COLLAPSE_RATIO, COLLAPSE_TIMES_ALLOWED * allowed)
    found = np.zeros(len(total), bool)
    for first in range(total.shape[1] - COLLAPSE_BLOCKS + 1):
        requests, count = (each[:, first : first + COLLAPSE_BLOCKS] for each in (total, bad))
        each_bad = (count > requests * limit[:, None]).all(1) & (limit < 1)
        # Phases are what the limit stands for already; what is left are clusters.
        tail = _nbinom_tail(
            count.sum(1) / theta, requests.sum(1) * limit / theta, np.full(len(total), STEADY)
        )
        found |= each_bad & (tail < COLLAPSE_LEVEL)
    return found


def _tail(total: Array, bad: Array, most: Array, noise: Noise) -> Array:
    """The chance of at least so many where ``most`` are to be expected."""
    theta = 1 + noise.clusters
    return _nbinom_tail(bad.sum(1) / theta, most.sum(1) / theta, _size(total, noise))


def _size(total: Array, noise: Noise) -> Array:
    """Of the negative binomial: large where many blocks with traffic average the swings out."""
    squares = np.maximum((total**2).sum(1), 1e-9)
    size: Array = np.maximum(total.sum(1) ** 2 / (CORRELATED_BLOCKS * noise.swings * squares), 1e-3)
    return size


def _nbinom_tail(count: Array, mean: Array, size: Array) -> Array:
    """P(X >= count), for counts that are no integers too."""
    mean = np.maximum(mean, 1e-9)
    tail: Array = betainc(np.maximum(count, 1e-9), size, mean / (mean + size))
    return np.where(count <= 0, 1.0, tail)


def binomial_tail(count: float, total: float, share: float) -> float:
    """P(X >= count) of ``total`` with this share; for parts of requests too."""
    return float(betainc(count, max(total - count, 0.0) + 1, share)) if count > 0 else 1.0


def _mean_where_tail(count: Array, size: Array, theta: Array, tail: float) -> Array:
    """The mean at which P(X >= count) is ``tail``, in requests."""
    share = betaincinv(np.maximum(count / theta, 1e-9), size, tail)
    mean: Array = theta * size * share / np.maximum(1 - share, 1e-12)
    return mean


def _least_found(mean: Array, size: Array, theta: Array, level: Array | float) -> Array:
    """The smallest count that is beyond ``mean`` at this level, in requests; found by halving."""
    low = mean / theta
    high = low + 60 * np.sqrt(low + low**2 / size) + 60
    for _ in range(40):
        middle = (low + high) / 2
        beyond = _nbinom_tail(middle, mean / theta, size) < level
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    least: Array = high * theta
    return least
