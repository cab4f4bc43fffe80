"""Signals against limits: one finding a signal, one outcome a workload, one verdict a wave.

Absolute limits only. What a workload did before is shown beside each number and decides what traffic to
expect, but is not compared with: application metrics before, proxy metrics after are different instruments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from meshroll.core.gate.findings import (
    DIRECTIONS,
    enough,
    evenness_findings,
    expected_traffic_findings,
    mesh_findings,
    mtls_findings,
    refusal_findings,
    traffic_findings,
)
from meshroll.core.gate.scraping import coverage
from meshroll.core.gate.signals import Reading, Signals, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.text import summary
from meshroll.core.gate.verdict import Finding, Outcome, Verdict, WorkloadVerdict, error, worst
from meshroll.core.settings import Gate, Prometheus


def judge(
    gate: Gate,
    prometheus: Prometheus,
    subjects: Sequence[Subject],
    reading: Reading,
    before: Mapping[str, Signals],
    wave: str = "",
) -> Verdict:
    """The verdict on ``subjects`` over the reading's window; ``before`` is the baseline by workload id."""
    if reading.warnings:
        return error(
            f"Prometheus says that its answer may be incomplete: {reading.warnings[0]}",
            "Repair what the warning names (a store that is down, say), then go on with `meshroll rollout`.",
            wave,
        )
    workloads = tuple(
        _workload(gate, prometheus, subject, reading, before.get(subject.workload) or Signals())
        for subject in subjects
    )
    outcome = worst(workload.outcome for workload in workloads) or Outcome.INCONCLUSIVE
    line = summary(outcome, workloads)
    if outcome == Outcome.SUCCESSFUL and _traffic_vanished(gate, subjects, reading, before):
        outcome = Outcome.INCONCLUSIVE
        line = f"{outcome}: no workload of the wave has traffic to judge, though there was some before."
    hints = [
        finding.hint
        for each in workloads
        for finding in each.findings
        if finding.outcome == outcome and finding.hint
    ]
    sources = {finding.source for each in workloads for finding in each.findings if finding.source}
    return Verdict(
        outcome=outcome,
        summary=line,
        wave=wave,
        hint=hints[0] if hints else "",
        source=", ".join(sorted(sources)) or None,
        window_seconds=reading.window_seconds,
        workloads=workloads,
    )


def _workload(
    gate: Gate, prometheus: Prometheus, subject: Subject, reading: Reading, before: Signals
) -> WorkloadVerdict:
    if not subject.pods:
        nothing = Finding(
            signal="pods", value=0.0, outcome=Outcome.INCONCLUSIVE, text="it has no Ready pod to judge"
        )
        return WorkloadVerdict(workload=subject.workload, outcome=nothing.outcome, findings=(nothing,))
    signals = reading.of(subject.workload)
    findings = [*mesh_findings(subject)]
    share = 1.0
    if subject.meshed_pods:
        scraped = coverage(subject, reading, prometheus.scrape_interval_seconds, prometheus.scrape)
        share = scraped.value or 0.0
        findings.append(scraped)
    findings += [*expected_traffic_findings(gate, subject, signals, before, reading.window_seconds)]
    for prefix, attribute in DIRECTIONS.items():
        traffic: Traffic | None = getattr(signals, attribute)
        if traffic and enough(gate, traffic):
            findings += traffic_findings(gate.limits, prefix, traffic, getattr(before, attribute), share)
    rest = [
        *refusal_findings(gate, signals, reading.window_seconds),
        *mtls_findings(gate, signals, before),
        *evenness_findings(gate, subject, signals, before),
    ]
    # Numbers from a part of the pods prove nothing about the whole, except errors, which are bounded above.
    findings += rest if share == 1.0 else [msgspec.structs.replace(finding, outcome=None) for finding in rest]
    outcome = worst(finding.outcome for finding in findings)
    return WorkloadVerdict(workload=subject.workload, outcome=outcome, findings=tuple(findings))


def _traffic_vanished(
    gate: Gate, subjects: Sequence[Subject], reading: Reading, before: Mapping[str, Signals]
) -> bool:
    """No workload has enough to judge, and some had traffic before, however little each."""
    now = [reading.of(subject.workload) for subject in subjects]
    past = [before.get(subject.workload) or Signals() for subject in subjects]
    if any(enough(gate, signals.inbound) or enough(gate, signals.outbound) for signals in now):
        return False
    return any(
        traffic and traffic.requests_per_second
        for signals in past
        for traffic in (signals.inbound, signals.outbound)
    )
