"""Whether it is the environment that made a wave worse, and not the change: docs/adr/0011.

Workloads of the namespace that the run has not changed are concurrent controls. They are judged by the same shares of
what comes in, against their own history where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from meshroll.core.gate.directions import DIRECTIONS, prefix_of
from meshroll.core.gate.judge import share_rows
from meshroll.core.gate.shares import judge_rows
from meshroll.core.gate.signals import Reading, Signals
from meshroll.core.gate.streaming import streams_of
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.summing_up import not_measured, reasons_of
from meshroll.core.gate.together import together
from meshroll.core.gate.verdict import Finding, Outcome, Verdict, WorkloadVerdict, worst
from meshroll.core.settings import Gate

# So many that fail at once without a collapse have something in common.
MANY = 3
# The chance that a right rollback becomes a pause because a control seems worse; all controls and looks together.
FALSE_ALARMS_RATIO = 0.01
# Of what comes in to a changed workload; less is somebody's debugging.
HIDDEN_CALLER_RATIO = 0.05
# What no trouble around a workload explains: its own proxies, the policies for them, and how they balance.
OF_THE_CHANGE = {
    "meshed_pods_ratio",
    "denied_ratio",
    "refused_ratio",
    "mtls_ratio",
    "busiest_pod_to_mean",
    "pinned_client",
    "oom_kills",
}
HINT = (
    "Look for what they share (a database, a node, the network). The same command goes on at this gate, "
    "`meshroll rollback` undoes."
)


def judged_controls(
    gate: Gate,
    controls: Sequence[str],
    subjects: Sequence[Subject],
    blocks: Sequence[Reading],
    before: Mapping[str, Signals],
    planned_blocks: int,
) -> tuple[WorkloadVerdict, ...]:
    """Each control that has enough traffic. Left out are those whose answers are streams, and those that may only
    suffer: their own calls fail too, or they are worse and were seen to call what is no control.
    """
    reading = together(blocks)
    streams = streams_of(gate, blocks)
    rows = []
    for workload in (each for each in controls if each not in streams):
        for prefix in DIRECTIONS:
            counted = share_rows(gate, workload, prefix, blocks, reading, before)
            rows += [row for row in counted if row.known] or counted
    findings: dict[str, list[Finding]] = {}
    for row, finding in zip(rows, judge_rows(rows, planned_blocks, FALSE_ALARMS_RATIO), strict=True):
        findings.setdefault(row.workload, []).append(finding)
    dependent = _dependent(controls, reading)
    hidden_caller = any(_has_hidden_caller(subject, reading) for subject in subjects)
    judged = []
    for workload, found in findings.items():
        calls = [finding for finding in found if prefix_of(finding.signal) == "outbound_"]
        served = [finding for finding in found if finding not in calls]
        outcome = worst(finding.outcome for finding in served)
        suffers = any(finding.outcome == Outcome.FAILED for finding in calls)
        if not served or suffers or (outcome == Outcome.FAILED and workload in dependent):
            continue
        if hidden_caller and not calls:
            served = [msgspec.structs.replace(finding, collapsed=False) for finding in served]
        judged.append(WorkloadVerdict(workload=workload, outcome=outcome, findings=tuple(served)))
    return tuple(judged)


def _dependent(controls: Sequence[str], reading: Reading) -> set[str]:
    """Controls that were seen to call a workload that is none, however far down."""
    independent = set(controls)
    while found := {
        workload for workload in independent if not independent.issuperset(reading.of(workload).called)
    }:
        independent -= found
    return set(controls) - independent


def _has_hidden_caller(subject: Subject, reading: Reading) -> bool:
    """Whether somebody without a proxy calls it whom no manifest names. It may be any control that has none."""
    ratio = reading.of(subject.workload).unmeshed_caller_ratio
    return ratio is not None and ratio >= HIDDEN_CALLER_RATIO and not subject.known.unmeshed


def weighed(verdict: Verdict, controls: Sequence[WorkloadVerdict]) -> Verdict:
    """The verdict, Inconclusive instead of Failed where it is the environment (Error where a workload is unmeasured).

    A collapse of changed workloads alone stays Failed however many they are: an outage that the change made is not to
    wait for a person.
    """
    failed = [each for each in verdict.workloads if each.outcome == Outcome.FAILED]
    faults = [each for workload in failed for each in _faults(workload)]
    if verdict.outcome != Outcome.FAILED or any(fault.signal in OF_THE_CHANGE for fault in faults):
        return verdict
    collapsed = any(fault.collapsed for fault in faults)
    worse = [
        (control.workload, fault)
        for control in controls
        for fault in _faults(control)
        if fault.collapsed or not collapsed
    ]
    sound = any(control.outcome == Outcome.SUCCESSFUL for control in controls)
    guilty, (text, *_) = next(iter(reasons_of(Outcome.FAILED, failed).items()))
    first = f"{guilty}: {text}"
    what = (
        f"{len(failed)} of {len(verdict.workloads)} workloads fail at once ({first})"
        if len(failed) > 1
        else first
    )
    if worse:
        workload, fault = worse[0]
        why = f"{what}, and unchanged {workload} too ({fault.text}): that is the environment, not the change"
    elif len(failed) >= MANY and not collapsed and not sound:
        why = f"{what}, and no unchanged workload has the traffic to tell whether it is the environment"
    else:
        return verdict
    missing = not_measured(verdict.workloads)
    outcome = Outcome.ERROR if missing else Outcome.INCONCLUSIVE
    return msgspec.structs.replace(verdict, outcome=outcome, summary=f"{outcome}: {why}.{missing}", hint=HINT)


def _faults(workload: WorkloadVerdict) -> list[Finding]:
    return [finding for finding in workload.findings if finding.outcome == Outcome.FAILED]
