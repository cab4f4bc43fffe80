"""Traffic as a gate would count it, for many workloads at once: requests, failures and slow requests by 30 s block.

Two families. ``Tuning`` is what the constants of core/gate were chosen with; ``Judging`` makes its errors, its load and
its latency in another way, and only it stands in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

STEP_SECONDS = 10.0
STEPS = 3
"""Scrapes in a block."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """Rows x blocks; ``slower`` by bound in milliseconds."""

    total: Array
    failed: Array
    slower: dict[float, Array]


class Family(Protocol):
    """``failing`` and ``times`` are rows x steps: what a fault adds to the failing share, and multiplies latency by."""

    def make(
        self,
        rows: int,
        blocks: int,
        per_second: float,
        ratio: float,
        failing: Array | None,
        times: Array | None,
    ) -> Blocks: ...


# Of a gRPC service: median 20 ms, 1 % above some 80 ms.
MEDIAN_MS, SPREAD = 20.0, 0.6
BOUNDS_MS = (30.0, 50.0, 100.0, 200.0)


def wander(dice: np.random.Generator, rows: int, steps: int, steps_to_forget: float, spread: float) -> Array:
    """A factor around 1 that wanders, log-normally."""
    keep = np.exp(-1 / steps_to_forget)
    found = np.empty((rows, steps))
    state = dice.standard_normal(rows)
    for step in range(steps):
        found[:, step] = state
        state = keep * state + np.sqrt(1 - keep**2) * dice.standard_normal(rows)
    return np.exp(spread * found - spread**2 / 2)


def clustered(dice: np.random.Generator, mean: Array, size: float) -> Array:
    """Counts of that mean in clusters of ``size`` on average."""
    events = dice.poisson(mean / size)
    more = dice.negative_binomial(np.maximum(events, 1), 1 / size)
    return np.where(events > 0, events + more, 0).astype(float)


def counted(
    dice: np.random.Generator,
    load: Array,
    own: Array,
    failing: Array | None,
    cluster: float,
    drift: Array,
    times: Array | None,
) -> Blocks:
    """By block, from steps: a scrape is late or early by up to a tenth of its interval.

    ``own`` failures and ``drift`` of the latency are the workload's; ``failing`` and ``times`` are a fault's.
    """
    failing = np.minimum(own + (0.0 if failing is None else failing), 1.0)
    times = drift if times is None else drift * times
    total = dice.poisson(load * (1 + dice.uniform(-0.1, 0.1, load.shape))).astype(float)
    failed = np.minimum(clustered(dice, total * failing, cluster), total)
    slower = {}
    for bound in BOUNDS_MS:
        share = ndtr(-(np.log(bound / MEDIAN_MS) - np.log(times)) / SPREAD)
        slower[bound] = _blocks(dice.binomial(total.astype(int), share).astype(float))
    return Blocks(_blocks(total), _blocks(failed), slower)


def _blocks(steps: Array) -> Array:
    rows, number = steps.shape
    return steps.reshape(rows, number // STEPS, STEPS).sum(2)


@dataclass
class Tuning:
    """Errors whose rate wanders log-normally within two minutes, in small clusters; load that wanders, with bursts."""

    dice: np.random.Generator

    def make(
        self,
        rows: int,
        blocks: int,
        per_second: float,
        ratio: float,
        failing: Array | None,
        times: Array | None,
    ) -> Blocks:
        steps = blocks * STEPS
        load = per_second * STEP_SECONDS * wander(self.dice, rows, steps, 12, 0.3)
        load = np.where(self.dice.random(load.shape) < 0.01, 3 * load, load)
        own = ratio * wander(self.dice, rows, steps, 12, 0.6)
        drift = wander(self.dice, rows, steps, 60, 0.03)
        return counted(self.dice, load, own, failing, 1.5, drift, times)


@dataclass
class Judging:
    """Errors that are four times as many in phases of a minute and a half, a tenth of the time, in clusters of two;
    load with a daily rhythm and calls that come in batches; latency that shifts from hour to hour.

    ``per_second`` is the rate when the blocks end, wherever in its day the workload is then.
    """

    dice: np.random.Generator

    def make(
        self,
        rows: int,
        blocks: int,
        per_second: float,
        ratio: float,
        failing: Array | None,
        times: Array | None,
    ) -> Blocks:
        steps = blocks * STEPS
        hour = (
            self.dice.uniform(0, 2 * np.pi, (rows, 1)) + np.arange(steps) * STEP_SECONDS / 86400 * 2 * np.pi
        )
        batches = self.dice.gamma(8.0, 1 / 8.0, (rows, steps))
        rhythm = 1 + 0.4 * np.sin(hour)
        load = per_second * STEP_SECONDS * rhythm / rhythm[:, -1:] * batches
        unrest = np.empty((rows, steps), bool)
        state = self.dice.random(rows) < 0.1
        for step in range(steps):
            unrest[:, step] = state
            leave, enter = self.dice.random((2, rows))
            state = np.where(state, leave > STEP_SECONDS / 90, enter < STEP_SECONDS / 90 / 9)
        own = ratio * np.where(unrest, 4.0, 1.0) / 1.3
        drift = 1 + 0.05 * np.sin(hour * 24)
        return counted(self.dice, load, own, failing, 2.0, drift, times)
