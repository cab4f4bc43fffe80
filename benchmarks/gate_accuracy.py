"""How often the gate is right: false alarms, faults found, and how long that took.

    .venv/bin/python benchmarks/gate_accuracy.py [--runs 1000] [--part shares] [--seed 7] [--family judging|tuning]

Without ``--part`` all three are made: shares, pods, clients.

A run is one gate of WORKLOADS workloads, five shares each; a fault is in one of them. Histories are three times half an
hour. Side by side: fixed thresholds as Flagger and Argo Rollouts apply them (a success ratio below 99 % in five checks
of a minute), and a Mann-Whitney test of the blocks' ratios as Kayenta does (98 %, and a quarter more than before).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import click
import numpy as np
from generators import BOUNDS_MS, STEPS, Array, Blocks, Family, Judging, Tuning
from pinned_clients import Both, better_of_two, even, hidden, pinned
from pod_accuracy import lines
from pod_generators import JudgingPods, PodFamily, TuningPods
from scipy.stats import mannwhitneyu

from meshroll.core.gate.excess import judged
from meshroll.core.gate.noise import AS_MEASURED, DRAWN_TIMES, noise_of, upper_bound
from meshroll.core.gate.rows import allowed_failed, allowed_slow
from meshroll.core.gate.shares import FAILED_PART, FALSE_ALARMS_RATIO
from meshroll.core.gate.signals import Past

WORKLOADS, GATES = 10, 5
# As levels_of in core/gate/shares.py.
FAILED_LEVEL = FALSE_ALARMS_RATIO * FAILED_PART / WORKLOADS
SLOW_LEVEL = FALSE_ALARMS_RATIO * (1 - FAILED_PART) / WORKLOADS / len(BOUNDS_MS)
HISTORY = 180
GROWTH = 0.005
GOOD = 0.9995


@dataclass
class Result:
    """The part of all cases that was called Failed, and Successful; and what the other two called Failed."""

    failed: float
    successful: float = 0.0
    fixed: float = np.nan
    ranks: float = np.nan


def gate(before: Blocks, after: Blocks, bad: Callable[[Blocks], Array], slow: bool) -> tuple[Array, Array]:
    """(Failed, Successful) by row, for one share."""
    total, history = before.total, bad(before)
    noise = noise_of(total, history, drawn_times=AS_MEASURED if slow else DRAWN_TIMES)
    ratio = history.sum(1) / np.maximum(total.sum(1), 1)
    known = zip(ratio, upper_bound(total, history, noise), strict=True)
    allowed_of = allowed_slow if slow else allowed_failed
    allowed = np.array([allowed_of(Past(*each, clusters=0.0, swings=0.0)) for each in known])
    found = judged(
        after.total, bad(after), allowed, noise, after.total.shape[1], SLOW_LEVEL if slow else FAILED_LEVEL
    )
    failed = found.exceeded | found.collapsed
    return failed, ~failed & (found.upper <= allowed + GROWTH)


def failed_of(blocks: Blocks) -> Array:
    return blocks.failed


def slower_than(bound: float) -> Callable[[Blocks], Array]:
    return lambda blocks: blocks.slower[bound]


def fixed(after: Blocks) -> Array:
    """Five checks of a minute below 99 %; no traffic counts as a failed check."""
    rows, blocks = after.total.shape
    minutes = blocks // 2 * 2
    total, bad = (each[:, :minutes].reshape(rows, -1, 2).sum(2) for each in (after.total, after.failed))
    return ((bad > 0.01 * total) | (total == 0)).sum(1) >= min(5, minutes // 2)


def ranks(before: Blocks, after: Blocks) -> Array:
    """The blocks' ratios, the last half hour against the gate."""
    past, now = (each.failed / np.maximum(each.total, 1) for each in (before, after))
    past = past[:, -60:]
    p = mannwhitneyu(now, past, alternative="greater", axis=1).pvalue
    return (p < 0.02) & (now.mean(1) > 1.25 * past.mean(1))


def drop(
    family: Family, runs: int, per_second: float, ratio: float, added: float, blocks: int, third: bool = False
) -> Result:
    steps = blocks * STEPS
    failing = np.full((runs, steps), added)
    if third:  # a minute in three
        begin = np.random.default_rng(1).integers(0, 18, (runs, 1))
        failing = np.where((np.arange(steps) + begin) % 18 < 6, added, 0.0)
    before = family.make(runs, HISTORY, per_second, ratio, None, None)
    after = family.make(runs, blocks, per_second, ratio, failing, None)
    failed, successful = gate(before, after, failed_of, slow=False)
    return Result(failed.mean(), successful.mean(), fixed(after).mean(), ranks(before, after).mean())


def nothing(family: Family, runs: int, per_second: float, ratio: float, blocks: int = 20) -> Result:
    """Whole runs: all gates, workloads and rows."""
    rows = runs * WORKLOADS
    wrong, others, tests = np.zeros(runs, bool), np.zeros(runs, bool), np.zeros(runs, bool)
    good = []
    before = family.make(rows, HISTORY, per_second, ratio, None, None)
    for _ in range(GATES):
        after = family.make(rows, blocks, per_second, ratio, None, None)
        found = [gate(before, after, failed_of, slow=False)]
        found += [gate(before, after, slower_than(bound), slow=True) for bound in BOUNDS_MS]
        for failed, _successful in found:
            wrong |= failed.reshape(runs, WORKLOADS).any(1)
        good.append(found[0][1].mean())
        others |= fixed(after).reshape(runs, WORKLOADS).any(1)
        tests |= ranks(before, after).reshape(runs, WORKLOADS).any(1)
    return Result(wrong.mean(), float(np.mean(good)), others.mean(), tests.mean())


def slower(family: Family, runs: int, per_second: float, times: float, blocks: int = 20) -> Result:
    before = family.make(runs, HISTORY, per_second, 1 - GOOD, None, None)
    after = family.make(runs, blocks, per_second, 1 - GOOD, None, np.full((runs, blocks * STEPS), times))
    found = np.zeros(runs, bool)
    for bound in BOUNDS_MS:
        found |= gate(before, after, slower_than(bound), slow=True)[0]
    return Result(found.mean())


def shares(dice: np.random.Generator, tuning: bool, runs: int) -> None:
    """The rows of whole workloads."""
    make: Family = Tuning(dice) if tuning else Judging(dice)
    click.echo(
        "\n| case | target | Failed | Successful | fixed thresholds | ranks |\n|---|---|---|---|---|---|"
    )

    def line(case: str, target: str, result: Result) -> None:
        numbers = (result.failed, result.successful, result.fixed, result.ranks)
        click.echo(
            f"| {case} | {target} | "
            + " | ".join("" if np.isnan(n) else f"{100 * n:.1f} %" for n in numbers)
            + " |"
        )

    for rate, blocks, third in (
        (5, 120, False),
        (10, 20, False),
        (50, 20, False),
        (50, 20, True),
        (500, 20, False),
        (500, 20, True),
        (2000, 20, True),
    ):
        how = "a third of the time" if third else "steady"
        case = f"99.95 -> 99.0 % {how}, {rate}/s, {blocks / 2:g} min"
        line(case, ">= 95 %", drop(make, runs, rate, 1 - GOOD, 0.0095, blocks, third))
    for times in (2.0, 1.5):
        line(f"latency x {times:g}, 50/s, 10 min", ">= 95 %", slower(make, runs, 50, times))
    for rate, success, blocks in ((50, 0.85, 3), (10, 0.8, 3), (5, 0.7, 3), (1, 0.5, 6)):
        case = f"collapse to {100 * success:g} %, {rate}/s, {blocks} blocks"
        line(case, ">= 95 %", drop(make, runs, rate, 1 - GOOD, 1 - success, blocks))
    for success in (0.9995, 0.995, 0.99):
        for rate in (1, 5, 50, 500, 2000):
            case = f"nothing changed, {rate}/s, {100 * success:g} %: runs of {GATES} gates"
            line(case, "<= 1 %", nothing(make, runs, rate, 1 - success))


def pods(dice: np.random.Generator, tuning: bool, runs: int) -> None:
    """The rows of one pod among several."""
    pods_of: PodFamily = TuningPods(dice) if tuning else JudgingPods(dice)
    click.echo("\n| case | target | a pod Failed | or reported |\n|---|---|---|---|")
    for case, target, failed, shown in lines(pods_of, runs):
        click.echo(f"| {case} | {target} | {100 * failed:.1f} % | {100 * shown:.1f} % |")


def clients(dice: np.random.Generator, tuning: bool, runs: int) -> None:
    """The rows of pinned clients."""
    make: Family = Tuning(dice) if tuning else Judging(dice)
    click.echo("\n| who is pinned | target | load called uneven | client named |\n|---|---|---|---|")

    def client(case: str, target: str, found: Both) -> None:
        click.echo(f"| {case} | {target} | {100 * found[0]:.1f} % | {100 * found[1]:.1f} % |")

    for number in (3, 10, 2):
        case = f"pinned to one of {number} pods, 30 requests in 3 blocks"
        client(case, "100 %" if number > 2 else "named 100 %", pinned(dice, runs, number))
    client("three clients, each pinned to a pod of its own, 1/s", "named 100 %", hidden(make, runs, 1))
    for number in (2, 3, 5, 10):
        for rate in (0.1, 1, 50):
            case = f"better of two, {number} pods, {rate}/s"
            client(case, "0 %", even(dice, make, runs, better_of_two(number), rate, "service"))
    for number in (2, 3, 10):
        case = f"dials for each request, {number} pods, 0.1/s"
        client(case, "0 %", even(dice, make, runs, np.full(number, 1 / number), 0.1, ""))


PARTS = {"shares": shares, "pods": pods, "clients": clients}


@click.command()
@click.option("--runs", default=1000)
@click.option("--seed", default=7)
@click.option("--family", type=click.Choice(["judging", "tuning"]), default="judging")
@click.option("--part", "parts", type=click.Choice(list(PARTS)), multiple=True, default=list(PARTS))
def main(runs: int, seed: int, family: str, parts: tuple[str, ...]) -> None:
    """Print the tables."""
    click.echo(f"{runs} runs a cell, {family} family, seed {seed}")
    tuning = family == "tuning"
    for part in parts:
        PARTS[part](np.random.default_rng([seed, 0 if tuning else 1]), tuning, runs)


if __name__ == "__main__":
    main()
