"""Signals against limits and against before: one finding a signal, one outcome a workload, one verdict a wave.

What was counted by another instrument before (application metrics, then proxies) is shown beside each number and
decides what traffic to expect, but is not compared with. What applications count beside the proxies is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from meshroll.core.gate.directions import COUNTED, DIRECTIONS, like, traffic_of
from meshroll.core.gate.expected_traffic import expected_traffic_findings
from meshroll.core.gate.findings import (
    enough,
    mesh_findings,
    mtls_findings,
    refusal_findings,
    shown_findings,
    told_findings,
)
from meshroll.core.gate.pinning import balance_findings
from meshroll.core.gate.pods import pod_findings
from meshroll.core.gate.proxy_cost import cost_findings
from meshroll.core.gate.rows import Row, rows_of
from meshroll.core.gate.scraping import coverage
from meshroll.core.gate.shares import FAILING, judge_rows
from meshroll.core.gate.signals import Reading, Signals, Traffic
from meshroll.core.gate.streaming import BEGUN, counted_by_begun, streaming_findings, streams_of
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.summing_up import hint_of, summary
from meshroll.core.gate.together import together
from meshroll.core.gate.verdict import Finding, Outcome, Verdict, WorkloadVerdict, error, worst
from meshroll.core.settings import Gate, Prometheus


def judge(
    gate: Gate,
    prometheus: Prometheus,
    subjects: Sequence[Subject],
    blocks: Sequence[Reading],
    before: Mapping[str, Signals],
    planned_blocks: int,
    over: bool = True,
    wave: str = "",
    pods: Mapping[str, Sequence[Finding]] = {},
) -> Verdict:
    """The verdict on ``subjects`` over all blocks, of so many planned ones; ``before`` is the baseline by workload.

    ``pods`` is what Kubernetes says of each workload's pods, judged already.

    Until the window is ``over``, only the shares are judged: what is held to a plain limit is judged once.
    """
    streams = streams_of(gate, blocks)
    blocks = counted_by_begun(blocks, streams)
    reading = together(blocks)
    parts = [_other_findings(gate, prometheus, subject, reading, before, streams) for subject in subjects]
    rows = [
        row
        for subject, (_, measured) in zip(subjects, parts, strict=True)
        if measured
        for prefix in COUNTED
        for row in share_rows(gate, subject.workload, prefix, blocks, reading, before)
    ]
    found: dict[str, list[Finding]] = {}
    failing = set()
    for row, finding in zip(rows, judge_rows(rows, planned_blocks), strict=True):
        found.setdefault(row.workload, []).append(finding)
        if finding.outcome == Outcome.FAILED and finding.signal in FAILING:
            failing.add(row.workload)
    whole = [subject.workload for subject, (_, measured) in zip(subjects, parts, strict=True) if measured]
    for workload, named in pod_findings(whole, failing, blocks, planned_blocks).items():
        found[workload] = [*named, *found.get(workload, ())]
    for workload, findings in pods.items():
        found.setdefault(workload, []).extend(findings)
    workloads = tuple(
        _verdict(subject.workload, [*(others if over else _shown(others)), *found.get(subject.workload, ())])
        for subject, (others, _) in zip(subjects, parts, strict=True)
    )
    outcome = worst(workload.outcome for workload in workloads) or Outcome.INCONCLUSIVE
    line = summary(outcome, workloads)
    if outcome == Outcome.SUCCESSFUL and _traffic_vanished(gate, subjects, reading, before):
        outcome = Outcome.INCONCLUSIVE
        line = f"{outcome}: no workload of the wave has traffic to judge, though there was some before."
    sources = {finding.source for each in workloads for finding in each.findings if finding.source}
    return Verdict(
        outcome=outcome,
        summary=line,
        wave=wave,
        hint=hint_of(outcome, workloads),
        source=", ".join(sorted(sources)) or None,
        window_seconds=reading.window_seconds,
        workloads=workloads,
    )


def unmeasured(problem: str, hint: str, wave: str, pods: Mapping[str, Sequence[Finding]]) -> Verdict:
    """The verdict while Prometheus says nothing: Error, but for what Kubernetes says of the pods, which needs no other
    witness.
    """
    failed = tuple(
        _verdict(workload, findings)
        for workload, findings in pods.items()
        if any(finding.outcome == Outcome.FAILED for finding in findings)
    )
    if not failed:
        return error(problem, hint, wave)
    return Verdict(
        outcome=Outcome.FAILED,
        summary=f"{summary(Outcome.FAILED, failed)} Nothing else is measured: {problem}",
        wave=wave,
        hint=hint_of(Outcome.FAILED, failed),
        workloads=failed,
    )


def _other_findings(
    gate: Gate,
    prometheus: Prometheus,
    subject: Subject,
    reading: Reading,
    before: Mapping[str, Signals],
    streams: Mapping[str, Traffic],
) -> tuple[list[Finding], bool]:
    """All but the shares, and whether all of its pods are measured: numbers of a part prove nothing of the whole."""
    if not subject.pods:
        text = "it has no Ready pod to judge"
        return [Finding(signal="pods", value=0.0, outcome=Outcome.INCONCLUSIVE, text=text)], False
    signals, past = reading.of(subject.workload), before.get(subject.workload) or Signals()
    findings = mesh_findings(subject)
    measured = True
    if subject.meshed_pods:
        scraped = coverage(subject, reading, prometheus.scrape_interval_seconds, prometheus.scrape)
        measured = scraped.outcome == Outcome.SUCCESSFUL
        findings.append(scraped)
    if subject.workload in streams:
        findings += streaming_findings(gate, streams[subject.workload], signals, past)
    expected = expected_traffic_findings(gate, subject, signals, past, reading.window_seconds)
    findings += [finding for finding in expected if finding.source != BEGUN]
    for prefix, attribute in DIRECTIONS.items():
        traffic = traffic_of(signals, attribute)
        if traffic and enough(gate, traffic):
            findings += shown_findings(gate.limits, prefix, traffic, traffic_of(past, attribute))
    if signals.told and subject.workload not in streams:
        counted = {"told_success_ratio"} if enough(gate, signals.told) else set()
        told = told_findings(gate.limits, "told_", signals.told)
        findings += _shown([finding for finding in told if finding.signal not in counted])
    findings += cost_findings(signals.proxy, past.proxy)
    rest = [
        *refusal_findings(gate, signals),
        *mtls_findings(gate, signals, past),
        *balance_findings(gate, subject, signals, past),
    ]
    return [*findings, *(rest if measured else _shown(rest))], measured


def _shown(findings: Sequence[Finding]) -> list[Finding]:
    """Not judged; but that it could not be measured stays."""
    return [
        each if each.outcome == Outcome.ERROR else msgspec.structs.replace(each, outcome=None)
        for each in findings
    ]


def share_rows(
    gate: Gate,
    workload: str,
    prefix: str,
    blocks: Sequence[Reading],
    reading: Reading,
    before: Mapping[str, Signals],
) -> list[Row]:
    """A workload's rows in one of COUNTED; none with too little traffic. ``reading`` are all blocks as one."""
    attribute = COUNTED[prefix]
    whole = traffic_of(reading.of(workload), attribute)
    if whole is None or not enough(gate, whole):
        return []
    nothing = Traffic(source=whole.source)
    each = [traffic_of(block.of(workload), attribute) or nothing for block in blocks]
    counted = [traffic if traffic.source == whole.source else nothing for traffic in each]
    past = like(before.get(workload) or Signals(), attribute)
    return rows_of(workload, prefix, counted, whole, past, gate.limits)


def _verdict(workload: str, findings: Sequence[Finding]) -> WorkloadVerdict:
    outcome = worst(finding.outcome for finding in findings)
    return WorkloadVerdict(workload=workload, outcome=outcome, findings=tuple(findings))


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
