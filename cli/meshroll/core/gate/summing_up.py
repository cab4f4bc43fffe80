"""How a verdict sums itself up in one line for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshroll.core.gate.directions import is_outbound, sense_of
from meshroll.core.gate.text import milliseconds, percent, times
from meshroll.core.gate.verdict import Finding, Outcome, WorkloadVerdict

# So many reasons are told in one line, and so many names listed.
REASONS_MAX = 2
NAMED_MAX = 3


def names(workloads: Sequence[str]) -> str:
    """``Deployment/a, Deployment/b and 3 more``."""
    listed = ", ".join(workloads[:NAMED_MAX])
    more = len(workloads) - NAMED_MAX
    return f"{listed} and {more} more" if more > 0 else listed


def not_measured(workloads: Sequence[WorkloadVerdict]) -> str:
    """A sentence after others, of those that could not be; empty where all were."""
    unmeasured = [each.workload for each in workloads if each.outcome == Outcome.ERROR]
    return f" Not measured: {names(unmeasured)}." if unmeasured else ""


def summary(outcome: Outcome, workloads: Sequence[WorkloadVerdict]) -> str:
    """One line: the reasons where there are any, else the weakest number of each signal and its before."""
    reasons = reasons_of(outcome, workloads)
    if outcome != Outcome.SUCCESSFUL and reasons:
        most = REASONS_MAX if len(reasons) == 1 else 1
        text = "; ".join(
            f"{workload}: {'; '.join(texts[:most])}"
            for workload, texts in list(reasons.items())[:REASONS_MAX]
        )
        if more := list(reasons)[REASONS_MAX:]:
            text += f"; also {names(more)}"
        # What a fault that stands must not hide.
        return f"{outcome}: {text}.{not_measured(workloads) if outcome == Outcome.FAILED else ''}"
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


def reasons_of(outcome: Outcome, workloads: Sequence[WorkloadVerdict]) -> dict[str, list[str]]:
    """Workload -> its reasons in words."""
    return {
        workload: [finding.text for finding in findings]
        for workload, findings in deciding(outcome, workloads).items()
    }


def hint_of(outcome: Outcome, workloads: Sequence[WorkloadVerdict]) -> str:
    """What to do about the first of the reasons that says it."""
    findings = [finding for each in deciding(outcome, workloads).values() for finding in each]
    return next((finding.hint for finding in findings if finding.hint), "")


def deciding(outcome: Outcome, workloads: Sequence[WorkloadVerdict]) -> dict[str, list[Finding]]:
    """Workload -> what of it decides, one finding for each thing that is wrong, whoever else counts it too.

    Who answers wrongly comes before who only gets such answers: the trouble of the latter is mostly the former's.
    """
    found: dict[str, dict[str, Finding]] = {}
    for workload in workloads:
        for finding in workload.findings:
            if finding.outcome == outcome:
                found.setdefault(workload.workload, {}).setdefault(sense_of(finding.signal), finding)
    suffering = {workload for workload, senses in found.items() if suffers(senses)}
    ordered = sorted(found, key=lambda workload: workload in suffering)
    return {workload: list(found[workload].values()) for workload in ordered}


def suffers(signals: Iterable[str]) -> bool:
    """Whether what these signals say is only how others answer it."""
    return all(is_outbound(sense_of(signal)) for signal in signals)


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
