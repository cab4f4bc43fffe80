"""Which pods fail more than the others of their workload in the same blocks.

The others are the control: what shakes all pods alike is no fault of one. It is no excuse either, and nor is another
pod that restarts. So each pod is judged twice, and at fault by either: by all blocks, and without those in which the
others fail far more than they do otherwise. Arrays are pods x blocks, and the pods of a workload follow one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from meshroll.core.gate.excess import STEADY, more_than
from meshroll.core.gate.noise import (
    AS_MEASURED,
    CLUSTERS_UNKNOWN,
    PIECES_MIN,
    SWINGS_MIN,
    SWINGS_USUAL,
    Noise,
    noise_of,
    upper_bound,
)
from meshroll.core.gate.tails import Array, Flags

# What a pod has answered before it is compared.
REQUESTS_MIN = 100
# A pod that fails more than the others, but less than this, is reported.
FAILING_RATIO_MIN = 0.025
# Pods are not alike: these much more than the others fail is chance or their place.
FAILED_TIMES, FAILED_FLOOR = 1.5, 0.005
# Of what the others fail on the whole. A rate of errors that wanders by itself is beyond it in one block of 200 (a
# log-normal one with a spread of 0.6); a restart or an outage behind all pods is.
SHAKEN_TIMES = 4.0
# The latest third of a pod's blocks is a few hundred requests, so that it still fails more is a check and no proof: one
# that has got over it passes in less than one case of two, and this is beside the error rate.
FRESH_LEVEL = 0.4


@dataclass(frozen=True)
class Compared:
    """Of each pod beside its siblings, over the blocks in which both answered, or those that say what is wrong with it.

    responses  of the pod
    value, siblings   the share that failed, or the median in milliseconds; NaN where nothing can be said
    """

    responses: Array
    value: Array
    siblings: Array


def failing(responses: Array, failures: Array, starts: Sequence[int], level: Array) -> tuple[Compared, Flags]:
    """(each pod beside its siblings, whether it fails more than they).

    ``starts``: where each workload's pods begin. ``level``: the chance that this is said of a pod without a fault.
    """
    others, others_failed = (_rest(each, starts) for each in (responses, failures))
    both = (responses > 0) & (others > 0)
    share = others_failed / np.maximum(others, 1.0)
    usual = others_failed.sum(1) / np.maximum(others.sum(1), 1.0)
    calm = both & (share <= np.maximum(FAILING_RATIO_MIN, SHAKEN_TIMES * usual)[:, None])
    counts = (responses, failures, others, others_failed)
    in_calm, found_in_calm = _failing([np.where(calm, each, 0.0) for each in counts], level)
    in_all, found_in_all = _failing([np.where(both, each, 0.0) for each in counts], level)
    by_all = found_in_all & ~found_in_calm
    compared = Compared(
        responses=np.where(by_all, in_all.responses, in_calm.responses),
        value=np.where(by_all, in_all.value, in_calm.value),
        siblings=np.where(by_all, in_all.siblings, in_calm.siblings),
    )
    return compared, found_in_calm | found_in_all


def _failing(counts: Sequence[Array], level: Array) -> tuple[Compared, Flags]:
    """The same by these blocks; those without requests say nothing."""
    total, bad, others, others_failed = counts
    share = others_failed / np.maximum(others, 1.0)
    noise = Noise(np.full(len(total), CLUSTERS_UNKNOWN), np.full(len(total), SWINGS_MIN))
    # The others' phases are in these blocks already, so what is not known of their share is chance alone.
    chance = upper_bound(others, others_failed, Noise(noise.clusters, noise.swings / STEADY))
    unknown = chance - others_failed.sum(1) / np.maximum(others.sum(1), 1.0)
    most = total * np.maximum(FAILED_FLOOR, share + np.maximum((FAILED_TIMES - 1) * share, unknown[:, None]))
    enough = np.minimum(total.sum(1), others.sum(1)) >= REQUESTS_MIN
    found = enough & more_than(total, bad, most, _noise(total, bad), level, FRESH_LEVEL)
    return Compared(total.sum(1), _ratio(bad, total), _ratio(others_failed, others)), found


def _noise(total: Array, bad: Array) -> Noise:
    """Of each pod in these blocks themselves, because most pods have no past.

    Clusters as they were measured: a fault is mostly one for each request, and drawing them would hide small ones. The
    phases of so short a time are drawn towards what is usual, or taken to be that.
    """
    swings = noise_of(total, bad, 1, 2).swings
    return Noise(
        noise_of(total, bad, 1, 2, AS_MEASURED).clusters,
        swings if total.shape[1] >= PIECES_MIN else np.full_like(swings, SWINGS_USUAL),
    )


def _rest(counts: Array, starts: Sequence[int]) -> Array:
    """Of all other pods of the workload."""
    sums = np.add.reduceat(counts, starts, axis=0)
    sizes = np.diff([*starts, len(counts)])
    rest: Array = np.repeat(sums, sizes, axis=0) - counts
    return rest


def _ratio(part: Array, whole: Array) -> Array:
    requests = whole.sum(1)
    ratio: Array = np.where(requests > 0, part.sum(1) / np.maximum(requests, 1.0), np.nan)
    return ratio
