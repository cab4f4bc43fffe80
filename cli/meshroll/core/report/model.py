"""The report as data. Ratios are 0 to 1; a value that is None is not known, and never 0."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from meshroll.core.gate.proxy_cost import ProxyCost
from meshroll.core.gate.verdict import Outcome

SCHEMA = "meshroll-report/1"


class Interval(msgspec.Struct, frozen=True):
    """The 95 % bounds (one-sided each) of a share of so many requests: ``of`` says which; empty for the row's value."""

    low: float
    high: float
    requests: float
    of: str = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One signal of one workload, before the run and in the gate. Its name carries the unit.

    like_for_like   whether one instrument counted before and after; only then is one compared with the other.
                    None where there is no before
    """

    signal: str
    after: float | None
    before: float | None = None
    interval: Interval | None = None
    limit: float | None = None
    outcome: Outcome | None = None
    source: str | None = None
    like_for_like: bool | None = None
    text: str = ""


class Point(msgspec.Struct, frozen=True):
    """A value over the block that ends at ``at_seconds``; None breaks the line."""

    at_seconds: float
    value: float | None


class Line(msgspec.Struct, frozen=True):
    name: str
    points: tuple[Point, ...]


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """One signal over time. ``before`` is its level before the run, where the same instrument counted it."""

    signal: str
    lines: tuple[Line, ...]
    limit: float | None = None
    before: float | None = None


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Load by pod, the busiest first. ``rest`` sums up the pods that are not listed."""

    unit: str
    source: str
    pods: tuple[tuple[str, float], ...]
    rest_pods: int
    rest: float
    busiest_to_mean: float

    @property
    def total(self) -> float:
        return sum(value for _, value in self.pods) + self.rest


class WorkloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """One workload by the last gate that judged it. The ones with ``plots`` are those that decide."""

    namespace: str
    workload: str
    gate: str
    outcome: Outcome | None
    rows: tuple[Row, ...]
    reasons: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    load_before: Load | None = None
    load_after: Load | None = None
    proxies: ProxyCost | None = None

    def row(self, signal: str) -> Row | None:
        return next((row for row in self.rows if row.signal == signal), None)


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """The worst value of a signal among all workloads, before the run and in the gates; neither need be of one."""

    signal: str
    after: float
    before: float | None = None
    like_for_like: bool | None = None


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """One gate. ``measured`` false: its line is known, its measurements are not. ``dry_run``: nothing was done about
    its outcome.
    """

    title: str
    outcome: Outcome
    summary: str
    namespace: str = ""
    hint: str = ""
    dry_run: bool = False
    source: str | None = None
    began_at: str | None = None
    window_seconds: float | None = None
    settle_seconds: float | None = None
    workloads: int = 0
    measured: bool = True


class Span(msgspec.Struct, frozen=True):
    """A stretch of the plots' time axis. A gate has its number and outcome; nothing is judged in the others."""

    kind: Literal["gate", "settling", "restarting", "not measured"]
    from_seconds: float
    to_seconds: float
    gate: int | None = None
    outcome: Outcome | None = None


class ChangeRow(msgspec.Struct, frozen=True):
    step: str
    object: str
    field: str
    before: Any
    after: Any
    why: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run. The plots' time is in seconds since ``axis_from``; ``undo`` None: there is nothing to undo."""

    schema: str = SCHEMA
    run_id: str
    cluster: str
    command: str
    state: str
    verdict: str
    headline: str
    reason: str
    good: bool
    namespaces: tuple[str, ...]
    holder: str
    started_at: str
    finished_at: str | None
    linkerd_release: str | None
    kubernetes_version: str | None
    meshroll_version: str
    undo: str | None
    undo_text: str
    typical_dial_ms: float
    axis_from: str | None = None
    figures: tuple[Figure, ...] = ()
    gates: tuple[GateReport, ...] = ()
    workloads: tuple[WorkloadReport, ...] = ()
    spans: tuple[Span, ...] = ()
    changes: tuple[ChangeRow, ...] = ()
    notes: tuple[str, ...] = ()
    policy: dict[str, float | None] = {}
