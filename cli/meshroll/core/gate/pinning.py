"""Pinned clients by name: what an uneven load comes from, and what an even one may hide."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshroll.core.gate.balance import evenness_findings
from meshroll.core.gate.calls import Calls
from meshroll.core.gate.causes import PAST_PROXIES, Cause, cause
from meshroll.core.gate.signals import Signals
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.text import count
from meshroll.core.gate.traffic import APPLICATIONS
from meshroll.core.gate.verdict import Finding, Outcome
from meshroll.core.settings import Gate

# Of all that a workload is asked. For less, nobody's run is undone: it may be somebody's debugging.
SHARE_MIN = 0.05


def balance_findings(gate: Gate, subject: Subject, signals: Signals, before: Signals) -> list[Finding]:
    """How even the load is, and who is pinned."""
    pinned = pinned_calls(subject, signals)
    named = _pinned_findings(subject, signals, pinned)
    # A reason that stands beside it says why the client is pinned.
    told = any(finding.outcome == Outcome.FAILED for finding in named)
    even = evenness_findings(gate, subject, signals, before)
    return [*(_explained(finding, subject, signals, pinned, told) for finding in even), *named]


def pinned_calls(subject: Subject, signals: Signals) -> list[Calls]:
    """Those that are pinned to one of the pods that were there in all looks; the busiest first."""
    there = set(signals.load.by_pod) if signals.load else set()
    # Who has no proxy is counted by the server's.
    counting = there.intersection(subject.meshed_pods)
    found = [
        call
        for call in signals.calls
        if call.pod in there and call.is_pinned(len(there if call.client else counting))
    ]
    return sorted(found, key=lambda call: (-call.requests, call.client))


def _pinned_findings(subject: Subject, signals: Signals, pinned: Sequence[Calls]) -> list[Finding]:
    """One for all of them. What Linkerd itself balances, or is not moved yet, is reported and no fault."""
    if not signals.load or not pinned:
        return []
    unmoved = subject.known.unmoved
    faults = [call for call in pinned if not call.service and call.workload not in unmoved]
    asked = max(sum(signals.load.by_pod.values()), sum(call.total for call in pinned))
    failed = subject.evenness_expected and sum(call.requests for call in faults) >= SHARE_MIN * asked
    first, more = (faults or pinned)[0], len(faults or pinned) - 1
    why = _why(first, subject, signals)
    text = (
        f"{_who(first)}: {count(first.requests)} of {count(first.total)} requests go to pod {first.pod}, "
        f"one of {len(signals.load.by_pod)}; likely cause: {why.text}"
    )
    if first.workload in unmoved:
        text += "; it is not moved yet"
    if more:
        text += f" (and {more} more client{'s' if more > 1 else ''})"
    return [
        Finding(
            signal="pinned_client",
            value=first.requests,
            outcome=Outcome.FAILED if failed and faults else None,
            source="callers' proxies" if first.client else "own proxies",
            text=text,
            hint=why.hint,
        )
    ]


def _explained(
    finding: Finding, subject: Subject, signals: Signals, pinned: Sequence[Calls], told: bool
) -> Finding:
    """An uneven load, with who is pinned to the busiest pod or what else is known of it."""
    load = signals.load
    if load is None or finding.outcome not in (Outcome.FAILED, Outcome.INCONCLUSIVE):
        return finding
    there = [call for call in pinned if call.pod == load.busiest_pod]
    if there:
        why = _why(there[0], subject, signals)
        text = f"{_who(there[0])} is pinned to it"
        text += "" if told else f", likely because {why.text}"
    elif load.source in APPLICATIONS.values() and set(subject.pods) == set(subject.meshed_pods):
        why = PAST_PROXIES
        text = why.text
    else:
        return finding
    return msgspec.structs.replace(finding, text=f"{finding.text}; {text}", hint=why.hint)


def _why(call: Calls, subject: Subject, signals: Signals) -> Cause:
    return cause(call, subject.known, signals.balanced_requests or 0.0)


def _who(call: Calls) -> str:
    if not call.client:
        return "a client without a proxy"
    return f"client {call.client}" + (f" ({call.workload})" if call.workload else "")
