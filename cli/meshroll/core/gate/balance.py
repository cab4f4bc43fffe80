"""How even a workload's load is among its pods, against its limit."""

from __future__ import annotations

from meshroll.core.gate.findings import met
from meshroll.core.gate.signals import Signals
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.text import count, times
from meshroll.core.gate.verdict import Finding, Outcome
from meshroll.core.settings import Gate

# Linkerd picks two pods at random and takes the one that answers faster: a pod that is always the better one is in
# 2/n of the pairs of n pods. Below the first, nobody would ask.
EVEN, BETTER_OF_TWO = 1.25, 2.0


def evenness_findings(gate: Gate, subject: Subject, signals: Signals, before: Signals) -> list[Finding]:
    load, past = signals.load, before.load
    if load is None:
        if not subject.evenness_expected or len(subject.pods) < 2:
            return []
        text = "no load by pod was seen, so its balance is not proved"
        return [Finding(signal="busiest_pod_to_mean", outcome=Outcome.INCONCLUSIVE, text=text)]
    limit = gate.limits.busiest_pod_to_mean_max
    outcome = None
    if subject.evenness_expected and load.unit == "requests":
        uneven = load.busiest_to_mean > limit
        outcome = Outcome.INCONCLUSIVE if uneven and not load.is_beyond(limit) else met(not uneven)
    text = (
        f"busiest pod {load.busiest_pod} has {times(load.busiest_to_mean)} the mean "
        f"of {len(load.by_pod)} pods (coefficient of variation {load.variation:.2f}), "
        f"at most {times(limit)} wanted"
    )
    if outcome == Outcome.INCONCLUSIVE:
        text += f", but with {count(load.mean)} requests a pod that may be chance"
    elif EVEN < load.busiest_to_mean <= BETTER_OF_TWO:
        text += "; uneven, but explained: the better of two pods that are picked gets at most twice the mean"
    return [
        Finding(
            signal="busiest_pod_to_mean",
            value=load.busiest_to_mean,
            limit=limit,
            before=past.busiest_to_mean if past else None,
            outcome=outcome,
            source=f"{load.source} ({load.unit})",
            text=text,
            hint="A caller may be pinned past the proxy: unmeshed, on a skipped port, on a headless Service."
            if outcome == Outcome.FAILED
            else "",
        )
    ]
