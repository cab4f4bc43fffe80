"""How much a share of requests scatters beyond dice, from the blocks of a history.

A count has the variance

    mean * (1 + clusters) + swings * (sum of the blocks' squared means)

so it is divided by ``1 + clusters`` and compared with the tail of a negative binomial distribution, whose size is what
the swings leave of it. Arrays are rows x blocks: a row is one share of one workload.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meshroll.core.gate.tails import Array, mean_where_tail

# An error is seldom alone (a connection that breaks fails all that was on it), and no workload is as steady as dice.
CLUSTERS_MIN, SWINGS_MIN = 1.0, 0.6
CLUSTERS_UNKNOWN, SWINGS_USUAL = 2.0, 2.0
# A history of an hour or two has seen a handful of phases of errors, so what is measured in it is off by much, either
# way. It is drawn by this part towards what is usual, but not further than so many times: fewer false alarms where it
# saw too few phases, and fewer faults missed where it saw too many. Latency has no such phases, and is taken as it was
# measured.
DRAWN_PART = 2 / 3
DRAWN_TIMES, AS_MEASURED = 3.0, 1.0
# A phase of more errors lasts for some blocks, which then are one witness and not many. So a history is measured in
# pieces, and PHASE_BLOCKS in a row are taken to be alike.
PIECE_BLOCKS, PHASE_BLOCKS = 4, 8
# Below so many per piece, clusters explain all that scatters; above, phases do.
SWINGS_FROM_MEAN = 5.0
# With fewer bad requests, or pieces, nothing is known of their scatter.
KNOWN_FROM_COUNT, PIECES_MIN = 20.0, 12
BOUND_LEVEL = 0.05


@dataclass(frozen=True)
class Noise:
    """How much a row's counts scatter beyond dice: by clusters of errors, and by phases (``swings``)."""

    clusters: Array
    swings: Array


def noise_of(
    total: Array,
    bad: Array,
    piece_blocks: int = PIECE_BLOCKS,
    phase_blocks: int = PHASE_BLOCKS,
    drawn_times: Array | float = DRAWN_TIMES,
) -> Noise:
    """From a history of blocks, never less than any workload has.

    It is summed up in pieces of ``piece_blocks``; as many as ``phase_blocks`` in a row are one witness.
    ``drawn_times`` may differ from row to row.
    """
    total, bad = (_pieces(each, piece_blocks) for each in (total, bad))
    mean = _expected(total, bad)
    count = np.maximum(mean.sum(1), 1e-9)
    typical = _typical(mean)
    excess = (((bad - mean) ** 2).sum(1) - mean.sum(1)) / count
    phases = typical > SWINGS_FROM_MEAN
    clusters = np.maximum(CLUSTERS_MIN, excess - SWINGS_MIN / phase_blocks * typical)
    clusters = np.where(phases, CLUSTERS_UNKNOWN, _drawn(clusters, CLUSTERS_UNKNOWN, drawn_times))
    measured = np.maximum(SWINGS_MIN, phase_blocks * (excess - CLUSTERS_UNKNOWN) / np.maximum(typical, 1e-9))
    swings = np.where(phases, _drawn(measured, SWINGS_USUAL, drawn_times), SWINGS_MIN)
    known = (mean.sum(1) >= KNOWN_FROM_COUNT) & (mean.shape[1] >= PIECES_MIN)
    return Noise(np.where(known, clusters, CLUSTERS_UNKNOWN), np.where(known, swings, SWINGS_MIN))


def upper_bound(total: Array, bad: Array, noise: Noise) -> Array:
    """The 95 % upper bound of the share that these blocks are a sample of, their swings included."""
    theta = 1 + noise.clusters
    upper: Array = mean_where_tail(bad.sum(1) + theta, size_of(total, noise), theta, 1 - BOUND_LEVEL)
    bound: Array = np.minimum(1.0, upper / np.maximum(total.sum(1), 1e-9))
    return bound


def size_of(total: Array, noise: Noise) -> Array:
    """Of the negative binomial: large where many blocks with traffic average the swings out."""
    squares = np.maximum((total**2).sum(1), 1e-9)
    size: Array = np.maximum(total.sum(1) ** 2 / (noise.swings * squares), 1e-3)
    return size


def _drawn(measured: Array, usual: float, times: Array | float) -> Array:
    """The weighted geometric mean of the two, within so many ``times`` of what was measured."""
    mean = measured ** (1 - DRAWN_PART) * usual**DRAWN_PART
    drawn: Array = np.clip(mean, measured / times, measured * times)
    return drawn


def _pieces(counts: Array, blocks: int) -> Array:
    """Sums over so many blocks each; what is left over at the beginning is left out."""
    pieces = counts.shape[1] // blocks
    sums: Array = counts[:, counts.shape[1] - pieces * blocks :].reshape(len(counts), pieces, blocks).sum(2)
    return sums


def _expected(total: Array, bad: Array) -> Array:
    """How many of each block would be bad, were the share the same in all."""
    expected: Array = total * (bad.sum(1) / np.maximum(total.sum(1), 1.0))[:, None]
    return expected


def _typical(mean: Array) -> Array:
    """Of a block's expected errors, weighed by themselves."""
    typical: Array = (mean**2).sum(1) / np.maximum(mean.sum(1), 1e-9)
    return typical
