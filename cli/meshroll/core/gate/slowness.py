"""Which pods are slower than the others of their workload in the same blocks.

By medians and not by load: a balancer rightly spares a slow pod, so how little it is asked proves nothing. Arrays are
pods x blocks, and the pods of a workload follow one another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from meshroll.core.gate.outliers import REQUESTS_MIN, Compared
from meshroll.core.gate.tails import Array, Flags

# In one block, for a median to be worth anything.
MEDIAN_REQUESTS_MIN = 5
# A median this many times the others' is reported, and acted on.
SLOW_TIMES_SHOWN, SLOW_TIMES = 1.5, 2.3
# What is acted on has to be further beyond, the fewer blocks say so: a pod may have a phase in some of them. The spread
# of a block, as a logarithm.
PHASES_SPREAD = 0.3
# What a slow pod has to exceed: how slow one may look that takes twice as long.
TIMES_FORGIVEN = 2.0
# A mix that shifts by a tenth (of hits and misses of a cache, say) moves a median from one hump to the other.
SHIFT_MIN = 0.1
SHIFT_SIGMAS = 3.0
# A bucket that holds fewer is read as if they were spread evenly in it.
BUCKET_SHARE_MAX = 0.5
SLOW_BLOCKS_MIN, SLOW_BLOCKS_RATIO_MIN = 4, 0.6


def siblings_median(medians: Array, starts: Sequence[int]) -> Array:
    """The median of the other pods' medians in each block; NaN where the pod or all others have none."""
    found = np.full(medians.shape, np.nan)
    for first, end in zip(starts, [*starts[1:], len(medians)], strict=True):
        if end - first > 1:
            found[first:end] = _median_without_each(medians[first:end])
    return found


def slower(responses: Array, medians: Array, siblings: Array) -> tuple[Compared, Flags, Flags]:
    """(each pod beside its siblings, whether it is slower, whether by so much and for so long that it is a fault).

    By what was measured alone: what the buckets and few requests make of it, ``beyond`` says.
    """
    weight = np.where(np.isnan(siblings), 0.0, responses)
    total = np.maximum(weight.sum(1), 1e-9)
    with np.errstate(invalid="ignore"):
        times = np.where(weight > 0, np.log(medians / siblings), 0.0)
    blocks = (weight > 0).sum(1)
    mean = (weight * times).sum(1) / total
    latest = -max(1, weight.shape[1] // 3)
    fresh = (weight * times)[:, latest:].sum(1) / np.maximum(weight[:, latest:].sum(1), 1e-9)
    slow_blocks = (times >= np.log(TIMES_FORGIVEN)).sum(1)
    known = (weight.sum(1) >= REQUESTS_MIN) & (blocks >= SLOW_BLOCKS_MIN)
    shown = known & (mean >= np.log(SLOW_TIMES_SHOWN)) & (fresh >= np.log(SLOW_TIMES_SHOWN))
    fault = (
        shown
        & (mean >= np.log(SLOW_TIMES) + PHASES_SPREAD / np.sqrt(np.maximum(blocks, 1)))
        & (fresh >= np.log(TIMES_FORGIVEN))
        & (slow_blocks >= SLOW_BLOCKS_RATIO_MIN * blocks)
    )
    value, beside = (
        np.where(
            blocks > 0, np.exp((weight * np.log(np.where(weight > 0, each, 1.0))).sum(1) / total), np.nan
        )
        for each in (medians, siblings)
    )
    return Compared(weight.sum(1), value, beside), shown, fault


def beyond(
    times: float, bounds: Array, histogram: Array, responses: Array, medians: Array, siblings: Array
) -> bool:
    """Whether one pod's medians exceed what a pod that takes ``times`` as long would show, buckets and chance included.

    ``bounds`` (K, the last infinite) and ``histogram`` (blocks x K, cumulative) are of the whole workload; the rest is
    one pod's, by block. Where most requests lie in one bucket it is not known where in it, so they are taken to be as
    slow as it admits. What comes out is read as Prometheus reads a median.
    """
    use = ~np.isnan(siblings) & (histogram[:, -1] > responses)
    weight = responses[use]
    if not weight.sum():
        return False
    stretched = _stretched(times, bounds, histogram[use], weight)
    shift = max(SHIFT_MIN, SHIFT_SIGMAS / (2 * np.sqrt(weight.sum())))
    most = _quantile(bounds, stretched, 0.5 + shift)
    return bool((weight * np.log(medians[use] / most)).sum() > 0)


def _stretched(times: float, bounds: Array, histogram: Array, part: Array) -> Array:
    """Shares at or below each bound (blocks x K) of a pod that made ``part`` of all requests, ``times`` as slow as the
    others. All are the others' and the pod's together, so both are worked out from the lowest bound up."""
    whole = histogram / histogram[:, -1:]
    share = part / histogram[:, -1]
    pod, others = np.zeros_like(whole), np.zeros_like(whole)
    for place, known in enumerate(np.searchsorted(bounds, bounds / times, side="right") - 1):
        if known == place:
            pod[:, place] = others[:, place] = whole[:, place]
            continue
        if known >= 0:
            pod[:, place] = others[:, known]
        if 0 <= known < place - 1:
            inside = others[:, known + 1] - others[:, known]
            part_below = (bounds[place] / times - bounds[known]) / (bounds[known + 1] - bounds[known])
            pod[:, place] += np.where(inside < BUCKET_SHARE_MAX, part_below * inside, 0.0)
        rest = (whole[:, place] - share * pod[:, place]) / (1 - share)
        others[:, place] = np.clip(rest, others[:, place - 1] if place else 0.0, 1.0)
    return pod


def _quantile(bounds: Array, shares: Array, level: float) -> Array:
    """By block, linear inside a bucket; the last finite bound where it lies beyond."""
    rows = np.arange(len(shares))
    place = (shares >= level).argmax(1)
    before = np.maximum(place - 1, 0)
    low, below = (np.where(place > 0, each, 0.0) for each in (bounds[before], shares[rows, before]))
    high = np.where(np.isinf(bounds[place]), low, bounds[place])
    found: Array = low + (high - low) * (level - below) / np.maximum(shares[rows, place] - below, 1e-12)
    return found


def _median_without_each(values: Array) -> Array:
    ordered = np.sort(values, axis=0)
    rank = values.argsort(axis=0).argsort(axis=0)
    others = (~np.isnan(values)).sum(0) - 1

    def rest(place: Array) -> Array:
        """The value at this place among all but the one of each row."""
        at = np.maximum(place, 0) + (rank <= place)
        return np.take_along_axis(ordered, np.minimum(at, len(values) - 1), axis=0)

    found = (rest((others - 1) // 2) + rest(others // 2)) / 2
    median: Array = np.where(np.isnan(values) | (others < 1), np.nan, found)
    return median
