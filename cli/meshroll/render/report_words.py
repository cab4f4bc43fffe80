"""How a report says signals, values and intervals: each value with its unit, whatever it is printed in."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby

from meshroll.core.gate.verdict import Outcome
from meshroll.core.report.model import ChangeRow, Figure, GateReport, Interval, Report, Row, WorkloadReport
from meshroll.render import report_cost
from meshroll.render.changes import path
from meshroll.render.signals import NO_DATA, number, signal_name
from meshroll.render.signals import limit as signal_limit

# For those who see no colour: a sign for each.
SIGNS = {
    Outcome.SUCCESSFUL: "✓",
    Outcome.FAILED: "✗",
    Outcome.INCONCLUSIVE: "?",
    Outcome.ERROR: "!",
}
# What a workload is known by in one line; one that serves nothing, by what it calls.
OVERVIEW = {
    "Success": "success_ratio",
    "Latency p99": "latency_p99_ms",
    "Requests per second": "requests_per_second",
    "Busiest pod / mean": "busiest_pod_to_mean",
}
FIGURES = {
    "success_ratio": "Lowest success",
    "latency_p99_ms": "Highest p99",
    "busiest_pod_to_mean": "Busiest pod / mean",
    "mtls_ratio": "Lowest mTLS",
}
NOT_ALIKE = "*"
NOT_ALIKE_TEXT = (
    "no like-for-like baseline: before and after were counted by different instruments (application metrics before "
    "the mesh, proxies after), so the two are shown and not compared"
)


def name(signal: str) -> str:
    return signal_name(signal)


def value(signal: str, of: float | None) -> str:
    if of is not None and signal.endswith("_per_second"):
        return f"{of:.3g}/s" if of < 100 else f"{of:.0f}/s"
    said = number(signal, of)
    return f"{said}x" if of is not None and signal.endswith("_to_mean") else said


def limit(row: Row) -> str:
    said = signal_limit(row.signal, row.limit)
    return f"{said}x" if said and row.signal.endswith("_to_mean") else said


def before(row: Row | Figure) -> str:
    """The value from before the run, marked where another instrument counted it."""
    return value(row.signal, row.before) + ("" if row.like_for_like is not False else f" {NOT_ALIKE}")


def interval(of: Interval | None) -> str:
    """``96.37 to 97.09 %``, and of what where that is not the value itself."""
    if of is None:
        return ""
    low, high = f"{of.low * 100:.3g}", f"{of.high * 100:.3g}"
    if low == high or of.low > 0.9:
        low, high = f"{of.low * 100:.2f}", f"{of.high * 100:.2f}"
    what = of.of.partition("requests ")[2].removeprefix("(by application_queries) ")
    return f"{low} to {high} %" + (f" {what}" if what else "")


def outcome(of: Outcome | None) -> str:
    return f"{SIGNS[of]} {of}" if of else "shown only"


def overview(workload: WorkloadReport) -> dict[str, Row | None]:
    """The row behind each column of the overview."""
    return {
        column: workload.row(signal) or workload.row(f"outbound_{signal}")
        for column, signal in OVERVIEW.items()
    }


def change(row: Row | Figure | None) -> str:
    """``99.99 % -> 96.75 %``."""
    if row is None or row.after is None:
        return NO_DATA
    now = value(row.signal, row.after)
    return now if row.before is None else f"{before(row)} → {now}"


def period(report: Report) -> str:
    """``2026-11-24 20:05 to 20:19 UTC (13 min)``."""
    begun = datetime.fromisoformat(report.started_at)
    said = f"{begun:%Y-%m-%d %H:%M}"
    if report.finished_at is None:
        return f"{said} UTC, no end written"
    ended = datetime.fromisoformat(report.finished_at)
    day = "%H:%M" if ended.date() == begun.date() else "%Y-%m-%d %H:%M"
    return f"{said} to {ended:{day}} UTC ({duration((ended - begun).total_seconds())})"


def duration(seconds: float | None) -> str:
    """``4 min``, ``90 s``."""
    if seconds is None:
        return NO_DATA
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def sign(report: Report) -> str:
    """Of the whole run."""
    return {"good": "✓", "wait": "?", "bad": "✗"}[tone(report)]


def tone(report: Report) -> str:
    if report.good:
        ignored = any(gate.dry_run and gate.outcome != Outcome.SUCCESSFUL for gate in report.gates)
        return "wait" if ignored else "good"
    return "wait" if report.state in ("paused", "running", "interrupted") else "bad"


def said(gate: GateReport) -> str:
    """Without the outcome, which stands beside it."""
    return gate.summary.removeprefix(f"{gate.outcome}: ")


def not_alike(report: Report) -> bool:
    """Whether any value from before is of another instrument."""
    return any(row.like_for_like is False for each in report.workloads for row in each.rows)


def figures(report: Report) -> list[tuple[str, str]]:
    """What each figure is, and how it was and is; what the proxies cost comes last."""
    found = [(FIGURES[figure.signal], change(figure)) for figure in report.figures]
    cost = report_cost.together(report)
    return [*found, ("Proxies", f"{report_cost.cores(cost)}, {report_cost.memory(cost)}")] if cost else found


def full_name(report: Report, workload: WorkloadReport) -> str:
    """With its namespace where the run was about several."""
    return f"{workload.namespace}/{workload.workload}" if len(report.namespaces) > 1 else workload.workload


def changed(report: Report) -> list[tuple[str, str, str, list[ChangeRow]]]:
    """(step, object, why, its fields), in the order of the changes."""
    by_change = groupby(report.changes, lambda row: (row.step, row.object, row.why))
    return [(*key, list(rows)) for key, rows in by_change]


def field(row: ChangeRow) -> str:
    """A JSON pointer as one reads it in a manifest."""
    return path(row.field) if row.field else "the whole object"
