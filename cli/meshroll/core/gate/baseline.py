"""Before the mesh: application metrics, the inventory's queries, cAdvisor's load by pod, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from meshroll.core.errors import Problem
from meshroll.core.gate.directions import COUNTED, traffic_of
from meshroll.core.gate.findings import enough, told_findings
from meshroll.core.gate.rows import Row, rows_of
from meshroll.core.gate.shares import judge_rows
from meshroll.core.gate.signals import Reading, Signals
from meshroll.core.gate.verdict import Finding, Outcome
from meshroll.core.settings import Gate

Baseline = Mapping[str, Mapping[str, Signals]]
"""Namespace -> workload id -> its signals before the run. One that is not there is "n/a" in every verdict."""


def as_dict(readings: Mapping[str, Reading]) -> dict[str, Any]:
    """A baseline from one reading a namespace, as Ansible passes it from task to task."""
    plain: dict[str, Any] = msgspec.to_builtins(
        {namespace: dict(reading.signals) for namespace, reading in readings.items()}, enc_hook=dict
    )
    return plain


def from_dict(data: Mapping[str, Any], namespace: str) -> dict[str, Signals]:
    """One namespace's part of what ``as_dict`` made; empty where no baseline was taken."""
    return msgspec.convert(data.get(namespace, {}), dict[str, Signals])


def typed(data: Mapping[str, Any]) -> dict[str, dict[str, Signals]]:
    """All namespaces of what ``as_dict`` made, as the journal keeps it."""
    return msgspec.convert(data, dict[str, dict[str, Signals]])


def outside_limits(gate: Gate, reading: Reading, namespace: str) -> list[Problem]:
    """Why a rollout must not begin: workloads that miss their limits already, whatever the mesh does.

    Uneven load is no reason: the mesh is to cure it. Too little traffic is none: the gate will say so.
    """
    problems: list[Problem | None] = []
    rows: list[Row] = []
    for workload, signals in reading.signals.items():
        for prefix, attribute in COUNTED.items():
            traffic = traffic_of(signals, attribute)
            if traffic is None:
                continue
            if enough(gate, traffic):
                rows += rows_of(workload, prefix, [traffic], traffic, None, gate.limits)
            elif traffic.responses is None:
                found = told_findings(gate.limits, prefix, traffic)
                problems += [_outside(workload, namespace, reading, each) for each in found]
    problems += [
        _outside(row.workload, namespace, reading, finding)
        for row, finding in zip(rows, judge_rows(rows, 1), strict=True)
    ]
    return [problem for problem in problems if problem]


def _outside(workload: str, namespace: str, reading: Reading, finding: Finding) -> Problem | None:
    if finding.outcome != Outcome.FAILED:
        return None
    return Problem(
        "namespace-outside-limits",
        f"{workload} of {namespace} misses its limits already: {finding.text} "
        f"(last {reading.window_seconds:.0f} s, {finding.source}).",
        "Repair it first, or correct meshroll_gate.limits if this is its normal state.",
        namespace=namespace,
        object=workload,
    )
