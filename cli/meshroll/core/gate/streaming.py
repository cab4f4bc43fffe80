"""Workloads whose answers are streams. A proxy counts a response when its stream ends, so few of those begun are seen.

The ones that ended are no sample of the others: a stream that breaks ends at once, a good one may last for days. So the
failures are held against all that were begun, which can show a fault and never that there is none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from meshroll.core.gate.findings import told_findings
from meshroll.core.gate.signals import PROXIES, Reading, Signals, Traffic
from meshroll.core.gate.text import count, times
from meshroll.core.gate.verdict import Finding, Outcome
from meshroll.core.settings import Gate

# A window sees the end of nearly all that was begun in it, unless it is held open.
ENDED_RATIO = 0.5
# Streams that break are begun again; and a rate changes by so much from hour to hour.
BEGUN_TIMES_MAX = 2.0
BEGUN = f"{PROXIES}, by requests begun"
HINT = (
    "Say with meshroll_gate.application_queries (success_ratio) how its streams are doing, or let it settle for longer "
    "than a stream lasts; the same command goes on at this gate, `meshroll rollback` undoes."
)


def streams_of(gate: Gate, blocks: Sequence[Reading]) -> dict[str, Traffic]:
    """The workloads that stream, with their traffic over all blocks."""
    return {workload: traffic for workload, traffic in _inbound(blocks).items() if _streams(gate, traffic)}


def counted_by_begun(blocks: Sequence[Reading], streams: Collection[str]) -> Sequence[Reading]:
    """The blocks, with what streams counted by requests begun alone."""
    if not streams:
        return blocks
    return [
        msgspec.structs.replace(
            block,
            signals={
                workload: msgspec.structs.replace(
                    signals,
                    inbound=_by_begun(signals.inbound),
                    application_inbound=None,
                    told=_at_its_word(signals.told),
                    pods={},
                )
                if workload in streams
                else signals
                for workload, signals in block.signals.items()
            },
        )
        for block in blocks
    ]


def streaming_findings(gate: Gate, was: Traffic, signals: Signals, past: Signals) -> list[Finding]:
    """What is known of a workload that streams; Inconclusive unless something speaks for the streams that are open.

    That is the inventory's own query, or proxies that saw the like before: as many requests begun, as few ended, and
    connections that are not closed with errors.
    """
    begun, ended = was.requests or 0.0, was.responses or 0.0
    text = f"streaming: {count(begun)} requests begun, {count(ended)} ended"
    before = past.inbound if past.inbound and past.inbound.source == was.source else None
    alike = False
    if before and before.requests_per_second and was.requests_per_second:
        change = was.requests_per_second / before.requests_per_second
        text += f", {times(change)} as many a second begun as before"
        alike = _few_ended(before) and 1 / BEGUN_TIMES_MAX <= change <= BEGUN_TIMES_MAX
    closed, broken = signals.closed_connections or 0.0, signals.broken_connections or 0.0
    if broken:
        text += f", {count(broken)} of {count(closed)} connections closed with an error"
        alike = alike and broken <= closed * (1 - gate.limits.success_ratio_min)
    told = told_findings(gate.limits, "told_", signals.told) if signals.told else []
    known = any(finding.signal == "told_success_ratio" for finding in told)
    outcome = None if known else Outcome.SUCCESSFUL if alike else Outcome.INCONCLUSIVE
    if outcome == Outcome.INCONCLUSIVE:
        text += "; those that ended are no sample of those that are open"
    return [
        Finding(
            signal="streaming",
            value=ended / begun,
            outcome=outcome,
            source=was.source,
            text=text,
            hint=HINT if outcome == Outcome.INCONCLUSIVE else "",
        ),
        *told,
    ]


def _inbound(blocks: Sequence[Reading]) -> dict[str, Traffic]:
    """Requests and responses of all blocks, by workload, where proxies count them."""
    found: dict[str, Traffic] = {}
    for block in blocks:
        for workload, signals in block.signals.items():
            traffic = signals.inbound
            if traffic and traffic.source == PROXIES:
                sum_so_far = found.get(workload) or Traffic(source=PROXIES)
                found[workload] = Traffic(
                    source=PROXIES,
                    seconds=sum_so_far.seconds + traffic.seconds,
                    requests=(sum_so_far.requests or 0.0) + (traffic.requests or 0.0),
                    responses=(sum_so_far.responses or 0.0) + (traffic.responses or 0.0),
                )
    return found


def _streams(gate: Gate, traffic: Traffic) -> bool:
    return (traffic.requests or 0.0) >= max(1, gate.requests_min) and _few_ended(traffic)


def _few_ended(traffic: Traffic) -> bool:
    return (traffic.responses or 0.0) < (traffic.requests or 0.0) * ENDED_RATIO


def _at_its_word(told: Traffic | None) -> Traffic | None:
    """Without the number of requests that its ratio is one of: those that ended are no sample here either."""
    return told and msgspec.structs.replace(told, requests=None, responses=None, failures=0.0)


def _by_begun(traffic: Traffic | None) -> Traffic | None:
    if traffic is None or traffic.source != PROXIES:
        return traffic
    # A stream that failed may have been begun in a block before.
    begun = max(traffic.requests or 0.0, traffic.failures)
    return msgspec.structs.replace(traffic, source=BEGUN, responses=begun, buckets={})
