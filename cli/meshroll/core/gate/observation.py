"""How long a gate looks, and when it may end early.

It looks block by block. The shares of requests are tested at every look, because that is paid for (excess.py beside
this), and everything else once, when the window is over. A gate that is undecided then goes on: traffic may only be on
its way back, and a little of it proves little. Where measuring itself fails (a Prometheus that restarts, a missed
scrape), the next look covers what the last could not: the gate ends in Error only once the window is over and
``errors_in_a_row_max`` looks in a row have failed. Workloads that were measured have their blocks meanwhile: in a large
namespace some proxy is always missed, and the collapse of another workload must not wait for it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import msgspec

from meshroll.core.gate.apart import apart
from meshroll.core.gate.environment import judged_controls, weighed
from meshroll.core.gate.judge import judge, unmeasured
from meshroll.core.gate.numbers import numbers
from meshroll.core.gate.pod_health import health_findings
from meshroll.core.gate.scraping import coverage
from meshroll.core.gate.signals import Reading, Signals
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import Finding, Outcome, Verdict, error
from meshroll.core.settings import Gate, Prometheus

# A block's edges fall between scrapes, and each has to have one of its own.
SCRAPES_MIN = 2
T = TypeVar("T")


def block_seconds(gate: Gate, prometheus: Prometheus) -> float:
    """The time from look to look: what the inventory says, but never too few scrapes."""
    return max(gate.interval_seconds, SCRAPES_MIN * prometheus.scrape_interval_seconds)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look: what was measured of whom, or (``reading`` None) why nothing was, and then the pods alone.

    ``elapsed_seconds`` is how long the gate had looked by then. ``controls`` are workloads that the change leaves as
    they are; None where nothing was changed.
    """

    elapsed_seconds: float
    subjects: tuple[Subject, ...] = ()
    controls: tuple[str, ...] | None = None
    reading: Reading | None = None
    problem: str = ""
    hint: str = ""


Half = tuple[Look, Collection[str]]


@dataclass
class Observation:
    """One gate from its first look to its verdict. ``before`` is the baseline by workload id.

    ``half`` are the looks since the last block that was measured whole, which ended in Error, each with the workloads
    that it missed.
    """

    gate: Gate
    prometheus: Prometheus
    before: Mapping[str, Signals]
    wave: str = ""
    looks: list[Look] = field(default_factory=list)
    blocks: list[Reading] = field(default_factory=list)
    half: list[Half] = field(default_factory=list)
    errors_in_a_row: int = 0

    @property
    def block_seconds(self) -> float:
        return block_seconds(self.gate, self.prometheus)

    @property
    def window_seconds(self) -> float:
        return max(self.gate.window_seconds, self.block_seconds)

    @property
    def longest_seconds(self) -> float:
        return max(self.gate.window_max_seconds, self.window_seconds)

    @property
    def measured_until_seconds(self) -> float | None:
        """Unix time by Prometheus' clock at which the next look is to begin; None before anything was measured."""
        if self.blocks:
            return self.blocks[-1].at_seconds
        first = next((look.reading for look, _ in self.half if look.reading), None)
        return first.began_at_seconds if first else None

    def looked(self, look: Look) -> Verdict | None:
        """The verdict, or None to go on looking."""
        look = _needed(look, self.looks[-1] if self.looks else look)
        self.looks.append(look)
        over = look.elapsed_seconds >= self.window_seconds
        self.half.append((look, missed(look, self.prometheus)))
        blocks = half_blocks(self.half)
        verdict = self._judge(look, over, blocks)
        if verdict.outcome == Outcome.ERROR:
            self.errors_in_a_row += 1
            return verdict if over and self.errors_in_a_row >= self.gate.errors_in_a_row_max else None
        self.errors_in_a_row = 0
        self.blocks += blocks
        self.half.clear()
        if verdict.outcome == Outcome.FAILED:
            return verdict
        undecided = verdict.outcome == Outcome.INCONCLUSIVE and look.elapsed_seconds < self.longest_seconds
        return verdict if over and not undecided else None

    def ended(self) -> Verdict:
        """The verdict by the looks so far, as if there were to be no more."""
        return self._judge(self.looks[-1], over=True, half=half_blocks(self.half))

    def stopped(self) -> Verdict:
        """The verdict where it was asked to stop: nothing was decided, whatever it looked like by then."""
        found = self.ended()
        text = f"it was stopped after {self.looks[-1].elapsed_seconds:.0f} s, before it was decided"
        return msgspec.structs.replace(
            found, outcome=Outcome.INCONCLUSIVE, summary=f"{Outcome.INCONCLUSIVE}: {text}."
        )

    def _judge(self, look: Look, over: bool, half: Sequence[Reading]) -> Verdict:
        blocks = [*self.blocks, *half]
        planned = max(round(self.longest_seconds / self.block_seconds), len(blocks))
        pods = self._pods(over)
        verdict = (
            judge(
                self.gate, self.prometheus, look.subjects, blocks, self.before, planned, over, self.wave, pods
            )
            if look.reading
            else unmeasured(look.problem, look.hint, self.wave, pods if look.subjects else {})
        )
        if verdict.outcome != Outcome.FAILED or look.controls is None:
            return verdict
        controls = (
            judged_controls(self.gate, look.controls, look.subjects, blocks, self.before, planned)
            if look.reading
            else ()
        )
        found = weighed(verdict, controls)
        return found if look.reading or found is verdict else error(look.problem, look.hint, self.wave)

    def _pods(self, over: bool) -> dict[str, list[Finding]]:
        """What Kubernetes says of the pods of each workload of the gate, also while nothing else is measured."""
        seen: dict[str, list[tuple[float, Subject]]] = {}
        for look in self.looks:
            for subject in look.subjects:
                seen.setdefault(subject.workload, []).append((look.elapsed_seconds, subject))
        first = next((look.reading for look in self.looks if look.reading), None)
        # By nobody's clock it is known then what of a first look's restarts came in front of the gate.
        began_at_seconds = first.began_at_seconds if first else math.inf
        return {
            workload: health_findings(subjects, began_at_seconds, self.gate.settle_seconds, over)
            for workload, subjects in seen.items()
        }


def missed(look: Look, prometheus: Prometheus, workload: str = "") -> set[str]:
    """Workloads, or the one named, of whose proxies some were not scraped."""
    return {
        subject.workload
        for subject in look.subjects
        if look.reading
        and subject.meshed_pods
        and workload in ("", subject.workload)
        and coverage(subject, look.reading, prometheus.scrape_interval_seconds, prometheus.scrape).outcome
        == Outcome.ERROR
    }


def half_blocks(looks: Sequence[Half]) -> list[Reading]:
    """Blocks of looks that began at the same moment, because all but the last ended in Error."""
    measured = [(look, look.reading, missing) for look, missing in looks if look.reading]
    # A counter that is reset begins anew: what was counted by an earlier look is no part of a later one then.
    restarted = {
        subject.workload
        for (earlier, *_), (later, *_) in pairwise(measured)
        for past, subject in zip(earlier.subjects, later.subjects, strict=True)
        if past.restarts != subject.restarts
    }
    return apart([(reading, {*missing, *restarted}) for _, reading, missing in measured])


def _needed(look: Look, last: Look) -> Look:
    """Without the workloads of the namespace that this gate does not judge, of which there may be hundreds; and what is
    as it was at the ``last`` look is kept once.
    """
    known = {subject.workload: subject for subject in last.subjects}
    look = msgspec.structs.replace(
        look, subjects=tuple(_once(subject, known.get(subject.workload)) for subject in look.subjects)
    )
    if look.reading is None:
        return look
    workloads = {*(subject.workload for subject in look.subjects), *(look.controls or ())}
    pods = {pod for subject in look.subjects for pod in subject.pods}
    reading = msgspec.structs.replace(
        look.reading,
        signals={name: each for name, each in look.reading.signals.items() if name in workloads},
        target_up={pod: up for pod, up in look.reading.target_up.items() if pod in pods},
        scrape_age_seconds=numbers(
            {pod: age for pod, age in look.reading.scrape_age_seconds.items() if pod in pods}
        ),
        unlabelled=look.reading.unlabelled & pods,
    )
    if last.reading:
        target_up = _once(reading.target_up, last.reading.target_up)
        reading = msgspec.structs.replace(reading, target_up=target_up)
    return msgspec.structs.replace(look, reading=reading)


def _once(now: T, past: T | None) -> T:
    return past if past is not None and past == now else now
