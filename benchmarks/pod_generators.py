"""Traffic pod by pod as a gate would read it: responses, failures and a latency histogram of each pod and block.

Two families, as in generators.py: ``TuningPods`` is what the constants of core/gate were chosen with, and only
``JudgingPods`` stands in the table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from generators import Array, clustered, wander
from scipy.special import gammainc, gammaincinv, ndtr

from meshroll.core.gate.latency import quantile
from meshroll.core.gate.signals import PROXIES, PodTraffic, Reading, Signals, Traffic

BLOCK_SECONDS = 30.0
# Of Linkerd's proxies.
BOUNDS_MS = (*(step * scale for scale in (1, 10, 100, 1000, 10000) for step in (1, 2, 3, 4, 5)), math.inf)


@dataclass(frozen=True)
class Fault:
    """Of the first pod of the first workload: what it fails more, and how many times as long as its siblings it takes.

    ``shocks``: whether at times all pods of a workload fail and are slow together.
    """

    failing: float = 0.0
    times: float = 1.0
    shocks: bool = True


@dataclass(frozen=True)
class PodBlocks:
    """Workloads x pods x blocks, the histogram x bounds besides (counts in each, not cumulative).

    ``restarting`` is where a proxy started in this block.
    """

    responses: Array
    failures: Array
    histogram: Array
    restarting: Array

    def readings(self) -> list[Reading]:
        return [self._reading(block) for block in range(self.responses.shape[2])]

    def _reading(self, block: int) -> Reading:
        signals = {}
        for workload in range(len(self.responses)):
            name = f"Deployment/w{workload}"
            responses, failures = self.responses[workload, :, block], self.failures[workload, :, block]
            cumulative = self.histogram[workload, :, block].cumsum(1)
            pods = {
                f"w{workload}-{pod}": PodTraffic(
                    float(responses[pod]), float(failures[pod]), _median(cumulative[pod])
                )
                for pod in range(len(responses))
                if not self.restarting[workload, pod, block]
            }
            inbound = Traffic(
                source=PROXIES,
                seconds=BLOCK_SECONDS,
                responses=float(responses.sum()),
                failures=float(failures.sum()),
                buckets={
                    f"{bound:g}": float(number)
                    for bound, number in zip(BOUNDS_MS, cumulative.sum(0), strict=True)
                },
            )
            signals[name] = Signals(inbound=inbound, pods=pods)
        at = (block + 1) * BLOCK_SECONDS
        return Reading(
            at_seconds=at,
            window_seconds=BLOCK_SECONDS,
            signals=signals,
            target_up={},
            scrape_age_seconds={},
        )


class PodFamily(Protocol):
    def make(
        self, workloads: int, pods: int, blocks: int, per_second: float, ratio: float, fault: Fault
    ) -> PodBlocks: ...


def _median(cumulative: Array) -> float | None:
    return quantile(dict(zip(BOUNDS_MS, cumulative.tolist(), strict=True)), 0.5)


def _counted(
    dice: np.random.Generator,
    load: Array,
    weights: Array,
    failing: Array,
    cluster: float,
    below: Sequence[Array],
    restarting: Array,
) -> PodBlocks:
    """``load`` of a workload's block is spread by the pods' ``weights``; ``below`` are the shares under each bound."""
    mean = load[:, None, :] * weights / weights.sum(1, keepdims=True)
    responses = dice.poisson(mean)
    failures = np.minimum(clustered(dice, responses * np.minimum(failing, 1.0), cluster), responses)
    shares = np.diff(np.stack(below, axis=-1), axis=-1, prepend=0.0)
    shares = np.maximum(shares, 0.0) / np.maximum(shares, 0.0).sum(-1, keepdims=True)
    return PodBlocks(
        responses.astype(float), failures, dice.multinomial(responses, shares).astype(float), restarting
    )


def _ones(workloads: int, pods: int, blocks: int, first: float) -> Array:
    values = np.ones((workloads, pods, blocks))
    values[0, 0] = first
    return values


@dataclass
class TuningPods:
    """Log-normal latencies, medians of 3 to 200 ms; pods a tenth apart; load by the inverse of latency.

    All pods of a workload wander together; a tenth of the time all fail 5 % and take three times as long.
    """

    dice: np.random.Generator

    def make(
        self, workloads: int, pods: int, blocks: int, per_second: float, ratio: float, fault: Fault
    ) -> PodBlocks:
        dice, shape = self.dice, (workloads, pods, blocks)
        median = np.exp(dice.uniform(math.log(3), math.log(200), (workloads, 1, 1)))
        spread = dice.uniform(0.4, 0.9, (workloads, 1, 1))
        shocked = (dice.random((workloads, 1, blocks)) < 0.1) & fault.shocks
        together = np.exp(0.1 * dice.standard_normal((workloads, 1, blocks))) * np.where(shocked, 3.0, 1.0)
        apart = np.exp(0.1 * dice.standard_normal((workloads, pods, 1)))
        apart[0, 0] = np.median(apart[0, 1:])
        times = median * together * apart * _ones(*shape, fault.times)
        below = [
            ndtr(np.log(bound / times) / spread) if bound < math.inf else np.ones(shape)
            for bound in BOUNDS_MS
        ]
        own = ratio * wander(dice, workloads * pods, blocks, 2, 0.6).reshape(shape)
        failing = own + np.where(shocked, 0.05, 0.0) + _ones(*shape, fault.failing) * (_ones(*shape, 2.0) - 1)
        load = per_second * BLOCK_SECONDS * wander(dice, workloads, blocks, 4, 0.3)
        weights = 1 / (apart * _ones(*shape, fault.times))
        return _counted(dice, load, weights, failing, 1.5, below, np.zeros(shape, bool))


@dataclass
class JudgingPods:
    """Gamma latencies, and a fifth of all requests ten times as long; pods up to a quarter apart, and each with phases
    of its own; the best pods are picked more often.

    Shocks to all pods of a workload last for a minute, and one pod of three workloads restarts: its proxy is new in one
    block, and in this and the next a fifth of what it answers fails and takes three times as long.
    """

    dice: np.random.Generator

    def make(
        self, workloads: int, pods: int, blocks: int, per_second: float, ratio: float, fault: Fault
    ) -> PodBlocks:
        dice, shape = self.dice, (workloads, pods, blocks)
        median = np.exp(dice.uniform(math.log(3), math.log(200), (workloads, 1, 1)))
        form = dice.uniform(1.5, 6.0, (workloads, 1, 1))
        begin = dice.integers(0, blocks, (workloads, 1, 1))
        shocked = np.isin((np.arange(blocks) - begin) % 20, (0, 1)) & fault.shocks
        apart = dice.uniform(0.8, 1.25, (workloads, pods, 1))
        apart[0, 0] = np.median(apart[0, 1:])
        phases = np.where(dice.random(shape) < 0.1, 1.5, 1.0)
        restarting = np.zeros(shape, bool)
        starting = np.ones(shape)
        for workload in dice.choice(workloads, min(3, workloads), replace=False):
            at = int(dice.integers(0, blocks))
            restarting[workload, -1, at] = True
            starting[workload, -1, at : at + 2] = 3.0
        times = apart * phases * np.where(shocked, 4.0, 1.0) * starting * _ones(*shape, fault.times)
        scale = times * median / gammaincinv(form, 0.5)
        below = [
            0.8 * gammainc(form, bound / scale) + 0.2 * gammainc(form, bound / scale / 10)
            if bound < math.inf
            else np.ones(shape)
            for bound in BOUNDS_MS
        ]
        failing = ratio * np.where(dice.random(shape) < 0.1, 4.0, 1.0) / 1.3
        failing = failing + np.where(shocked, 0.1, 0.0) + np.where(starting > 1, 0.2, 0.0)
        failing[0, 0] += fault.failing
        load = per_second * BLOCK_SECONDS * dice.gamma(8.0, 1 / 8.0, (workloads, blocks))
        weights = (times / np.where(shocked, 4.0, 1.0)) ** -1.2
        return _counted(dice, load, weights, failing, 2.0, below, restarting)
