"""How long a gate looks, and when it may end early.

The whole window is judged once, at its end; an undecided one is looked at a little longer, because traffic may only
be on its way back. Before that there is only one honest reason to stop: the window has missed its limit already,
whatever its rest brings. A second chance for a false alarm, as judging every sample would be, it is not. Where
measuring itself fails (a Prometheus that restarts, a missed scrape), the rest of the window is there to wait in: the
gate ends in Error only once the window is over and several looks in a row have failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshroll.core.errors import Problem
from meshroll.core.gate.judge import judge
from meshroll.core.gate.signals import Reading, Signals, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import Outcome, Verdict, error
from meshroll.core.settings import Gate, Prometheus

# increase() needs two scrapes inside the window, and a window's edges fall between scrapes.
SCRAPES_MIN = 3
ERRORS_IN_A_ROW_MAX = 3
# The rest of the window may bring more traffic than its beginning did, but hardly more than this.
TRAFFIC_GROWTH_MAX = 1.5
# A client of a headless Service whose pods all moved knows none of them until it resolves the name again, which
# grpc-go does at most every 30 s; a wave that brought that about is not undecided yet.
QUIET_SECONDS_MAX = 45.0


@dataclass
class Observation:
    """One gate from its first look to its verdict. ``before`` is the baseline by workload id."""

    gate: Gate
    prometheus: Prometheus
    before: Mapping[str, Signals]
    wave: str = ""
    errors_in_a_row: int = 0

    @property
    def window_seconds(self) -> float:
        """How much traffic is looked at: what the inventory says, but never too few scrapes."""
        return max(self.gate.window_seconds, SCRAPES_MIN * self.prometheus.scrape_interval_seconds)

    @property
    def first_look_seconds(self) -> float:
        return min(
            self.window_seconds,
            max(self.gate.interval_seconds, SCRAPES_MIN * self.prometheus.scrape_interval_seconds),
        )

    def measured(
        self, subjects: Sequence[Subject], reading: Reading, elapsed_seconds: float
    ) -> Verdict | None:
        """The verdict, or None to go on looking; ``elapsed_seconds`` is how long the gate has looked so far."""
        verdict = judge(self.gate, self.prometheus, subjects, reading, self.before, self.wave)
        if verdict.outcome == Outcome.ERROR:
            return self._error(verdict, elapsed_seconds)
        self.errors_in_a_row = 0
        if reading.window_seconds >= self.window_seconds:
            undecided = verdict.outcome == Outcome.INCONCLUSIVE
            return (
                None if undecided and elapsed_seconds < self.window_seconds + QUIET_SECONDS_MAX else verdict
            )
        if verdict.outcome == Outcome.FAILED and any(
            self._lost(traffic, reading.window_seconds)
            for workload in verdict.workloads
            if workload.outcome == Outcome.FAILED
            and Outcome.ERROR not in {finding.outcome for finding in workload.findings}
            for traffic in _both(reading.of(workload.workload))
        ):
            return verdict
        return None

    def not_measured(self, problem: Problem, elapsed_seconds: float) -> Verdict | None:
        """After a measurement that failed: the verdict Error, or None to try again at the next interval."""
        return self._error(error(problem.message, problem.hint, self.wave), elapsed_seconds)

    def _error(self, verdict: Verdict, elapsed_seconds: float) -> Verdict | None:
        self.errors_in_a_row += 1
        over = elapsed_seconds >= self.window_seconds
        return verdict if over and self.errors_in_a_row >= ERRORS_IN_A_ROW_MAX else None

    def _lost(self, traffic: Traffic | None, looked_seconds: float) -> bool:
        """Whether so many failed that even without one more failure the whole window misses its limit."""
        if not traffic or traffic.success_ratio is None or not traffic.responses:
            return False
        failures = (1 - traffic.success_ratio) * traffic.responses
        whole_window = traffic.responses * self.window_seconds / looked_seconds * TRAFFIC_GROWTH_MAX
        return failures > (1 - self.gate.limits.success_ratio_min) * whole_window


def _both(signals: Signals) -> tuple[Traffic | None, Traffic | None]:
    return signals.inbound, signals.outbound
