"""How a verdict says numbers and sums itself up for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshroll.core.gate.verdict import Finding, Outcome, WorkloadVerdict


def percent(ratio: float | None) -> str:
    """``99.95 %``; never rounded up to 100, and ``n/a`` without data."""
    if ratio is None:
        return "n/a"
    if ratio >= 1:
        return "100 %"
    return f"{min(99.99, 100 * ratio):.2f} %"


def share(ratio: float | None) -> str:
    """``0.05 %``, of few among many: with two digits that count."""
    return "n/a" if ratio is None else f"{100 * ratio:.2g} %" if ratio < 0.1 else f"{100 * ratio:.3g} %"


def milliseconds(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3g} ms" if value < 100 else f"{value:.0f} ms"


def times(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}x"


def count(value: float) -> str:
    return f"{value:.0f}"


def summary(outcome: Outcome, workloads: Sequence[WorkloadVerdict]) -> str:
    """One line: the reasons where there are any, else the weakest number of each signal and its before."""
    reasons = [
        f"{workload.workload}: {finding.text}"
        for workload in workloads
        for finding in workload.findings
        if finding.outcome == outcome
    ]
    if outcome != Outcome.SUCCESSFUL and reasons:
        more = f" (and {len(reasons) - 2} more)" if len(reasons) > 2 else ""
        return f"{outcome}: {'; '.join(reasons[:2])}{more}."
    parts = [f"{len(workloads)} workload{'' if len(workloads) == 1 else 's'}"]
    success = _weakest(workloads, ("success_ratio", "outbound_success_ratio"), smallest=True)
    if success:
        parts.append(f"success {percent(success.value)}{_before(success)}")
    latency = _weakest(workloads, ("latency_p99_ms",)) or _weakest(workloads, ("outbound_latency_p99_ms",))
    if latency:
        parts.append(f"p99 {milliseconds(latency.value)} (before {milliseconds(latency.before)})")
    load = _weakest(workloads, ("busiest_pod_to_mean",))
    if load:
        parts.append(f"busiest pod {times(load.value)} mean (before {times(load.before)})")
    secured = _weakest(workloads, ("mtls_ratio",), smallest=True)
    if secured:
        parts.append(f"mTLS {percent(secured.value)}")
    if len(parts) == 1:
        parts.append("no traffic to judge")
    return f"{outcome}: {', '.join(parts)}."


def _before(finding: Finding) -> str:
    return f" (before {percent(finding.before)})" if finding.before is not None else ""


def _weakest(
    workloads: Iterable[WorkloadVerdict], signals: Sequence[str], smallest: bool = False
) -> Finding | None:
    found = [
        finding
        for workload in workloads
        for finding in workload.findings
        if finding.signal in signals and finding.value is not None
    ]
    pick = min if smallest else max
    return pick(found, key=lambda finding: finding.value or 0.0) if found else None
