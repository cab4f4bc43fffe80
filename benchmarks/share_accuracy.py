"""How often whole workloads are judged rightly: false alarms, and faults found.

Where nothing changed a run is GATES gates of WORKLOADS workloads, five shares each; a fault is in one workload of one
gate. Histories are three times half an hour. Side by side: fixed thresholds as Flagger and Argo Rollouts apply them (a
success ratio below 99 % in five checks of a minute), and a Mann-Whitney test of the blocks' ratios as Kayenta does
(98 %, and a quarter more than before).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from generators import BOUNDS_MS, STEPS, Array, Blocks, Family
from rows import Families, Row
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
# A gate with a fault is one row and not fifty, so ten times as many cost little: 95 % is then known to 0.4 %.
FAULTS_TIMES = 10


Found = tuple[float, float, float, float]
"""The part of all cases that was called Failed, and Successful; and what the other two called Failed."""


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
    families: Families, runs: int, per_second: float, added: float, blocks: int = 20, third: bool = False
) -> Found:
    failing = np.full((runs, blocks * STEPS), added)
    if third:  # a minute in three
        begin = families.dice.integers(0, 18, (runs, 1))
        failing = np.where((np.arange(blocks * STEPS) + begin) % 18 < 6, added, 0.0)
    return _judged(families.shares, per_second, failing)


def outage(families: Families, runs: int, per_second: float, added: float, blocks: int = 20) -> Found:
    """Twenty seconds long, somewhere in the gate."""
    steps = blocks * STEPS
    begin = families.dice.integers(0, steps - 1, (runs, 1))
    place = np.arange(steps) - begin
    return _judged(families.shares, per_second, np.where((place == 0) | (place == 1), added, 0.0))


def _judged(family: Family, per_second: float, failing: Array) -> Found:
    runs, steps = failing.shape
    before = family.make(runs, HISTORY, per_second, 1 - GOOD, None, None)
    after = family.make(runs, steps // STEPS, per_second, 1 - GOOD, failing, None)
    failed, successful = gate(before, after, failed_of, slow=False)
    return (
        float(failed.mean()),
        float(successful.mean()),
        float(fixed(after).mean()),
        float(ranks(before, after).mean()),
    )


def nothing(families: Families, runs: int, per_second: float, success: float, blocks: int = 20) -> Found:
    """Whole runs: all gates, workloads and rows."""
    family, ratio = families.shares, 1 - success
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
    return float(wrong.mean()), float(np.mean(good)), float(others.mean()), float(tests.mean())


def slower(families: Families, runs: int, per_second: float, times: float, blocks: int = 20) -> Found:
    family = families.shares
    before = family.make(runs, HISTORY, per_second, 1 - GOOD, None, None)
    after = family.make(runs, blocks, per_second, 1 - GOOD, None, np.full((runs, blocks * STEPS), times))
    found = np.zeros(runs, bool)
    for bound in BOUNDS_MS:
        found |= gate(before, after, slower_than(bound), slow=True)[0]
    return float(found.mean()), np.nan, np.nan, np.nan


HEAD = "| case | target | Failed | Successful | fixed thresholds | ranks |"


def rows(runs: int) -> Iterator[Row]:
    gates = FAULTS_TIMES * runs
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
        yield Row(
            case,
            ">= 95 %",
            partial(drop, runs=gates, per_second=rate, added=0.0095, blocks=blocks, third=third),
        )
    for times in (2.0, 1.5):
        case = f"latency x {times:g}, 50/s, 10 min"
        yield Row(case, ">= 95 %", partial(slower, runs=gates, per_second=50, times=times))
    for rate, success, blocks in ((50, 0.85, 3), (10, 0.8, 3), (5, 0.7, 3), (1, 0.5, 6)):
        case = f"collapse to {100 * success:g} %, {rate}/s, {blocks} blocks"
        yield Row(
            case, ">= 95 %", partial(drop, runs=gates, per_second=rate, added=1 - success, blocks=blocks)
        )
    for success in (0.9995, 0.995, 0.99):
        for rate in (1, 5, 50, 500, 2000):
            case = f"nothing changed, {rate}/s, {100 * success:g} %: runs of {GATES} gates"
            yield Row(case, "<= 1 %", partial(nothing, runs=runs, per_second=rate, success=success))
    for success in (0.85, 0.5, 0.0):
        case = f"an outage of 20 s in 10 min, success {100 * success:g} %, 50/s"
        yield Row(case, "", partial(outage, runs=gates, per_second=50, added=1 - success))
