"""How long a gate looks, and when it may end early.

It looks block by block. The shares of requests are tested at every look, because that is paid for (excess.py beside
this), and everything else once, when the window is over. A gate that is undecided then goes on: traffic may only be on
its way back, and a little of it proves little. Where measuring itself fails (a Prometheus that restarts, a missed
scrape), the next block covers what the last could not: the gate ends in Error only once the window is over and several
looks in a row have failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meshroll.core.errors import Problem
from meshroll.core.gate.judge import judge
from meshroll.core.gate.signals import Reading, Signals
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import Outcome, Verdict, error
from meshroll.core.settings import Gate, Prometheus

# A block's edges fall between scrapes, and each has to have one of its own.
SCRAPES_MIN = 2
ERRORS_IN_A_ROW_MAX = 3


def block_seconds(gate: Gate, prometheus: Prometheus) -> float:
    """The time from look to look: what the inventory says, but never too few scrapes."""
    return max(gate.interval_seconds, SCRAPES_MIN * prometheus.scrape_interval_seconds)


@dataclass
class Observation:
    """One gate from its first look to its verdict. ``before`` is the baseline by workload id."""

    gate: Gate
    prometheus: Prometheus
    before: Mapping[str, Signals]
    wave: str = ""
    blocks: list[Reading] = field(default_factory=list)
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
        """Unix time by Prometheus' clock at which the next block begins; None before the first."""
        return self.blocks[-1].at_seconds if self.blocks else None

    def measured(self, subjects: Sequence[Subject], block: Reading, elapsed_seconds: float) -> Verdict | None:
        """The verdict, or None to go on looking; ``elapsed_seconds`` is how long the gate has looked so far."""
        over = elapsed_seconds >= self.window_seconds
        planned = max(round(self.longest_seconds / self.block_seconds), len(self.blocks) + 1)
        verdict = judge(
            self.gate, self.prometheus, subjects, [*self.blocks, block], self.before, planned, over, self.wave
        )
        if verdict.outcome == Outcome.ERROR:
            return self._error(verdict, elapsed_seconds)
        self.errors_in_a_row = 0
        self.blocks.append(block)
        if verdict.outcome == Outcome.FAILED:
            return verdict
        undecided = verdict.outcome == Outcome.INCONCLUSIVE and elapsed_seconds < self.longest_seconds
        return verdict if over and not undecided else None

    def not_measured(self, problem: Problem, elapsed_seconds: float) -> Verdict | None:
        """After a measurement that failed: the verdict Error, or None to try again at the next interval."""
        return self._error(error(problem.message, problem.hint, self.wave), elapsed_seconds)

    def _error(self, verdict: Verdict, elapsed_seconds: float) -> Verdict | None:
        self.errors_in_a_row += 1
        over = elapsed_seconds >= self.window_seconds
        return verdict if over and self.errors_in_a_row >= ERRORS_IN_A_ROW_MAX else None
