"""The gates of a run in their order, and what the last one that judged a workload said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from meshroll.core.gate.directions import COUNTED, DIRECTIONS, like, prefix_of, traffic_of
from meshroll.core.gate.recording import Recording
from meshroll.core.gate.signals import Signals
from meshroll.core.gate.summing_up import reasons_of
from meshroll.core.gate.together import together
from meshroll.core.gate.verdict import Finding, Outcome, WorkloadVerdict, rank
from meshroll.core.journal import Line
from meshroll.core.moments import rfc3339
from meshroll.core.report.model import GateReport, Interval, Row


def gates_of(verdicts: Sequence[Line], recordings: Sequence[Recording | None]) -> list[GateReport]:
    """A gate for each line of the journal; where nothing is kept of what it measured, only what the line says."""
    return [
        _gate(recording)
        if recording
        else GateReport(
            title=line.wave,
            outcome=line.outcome,
            summary=line.summary,
            dry_run=line.dry_run,
            measured=False,
        )
        for line, recording in zip(verdicts, recordings, strict=True)
    ]


def _gate(recording: Recording) -> GateReport:
    verdict = recording.verdict
    return GateReport(
        title=verdict.wave,
        namespace=recording.namespace,
        outcome=verdict.outcome,
        summary=verdict.summary,
        hint=verdict.hint,
        dry_run=verdict.dry_run,
        source=verdict.source,
        began_at=moment(recording.began_at_seconds) if recording.began_at_seconds else None,
        window_seconds=verdict.window_seconds,
        settle_seconds=recording.gate.settle_seconds,
        workloads=len(verdict.workloads),
    )


def moment(at_seconds: float) -> str:
    """Unix time as RFC 3339 UTC."""
    return rfc3339(datetime.fromtimestamp(at_seconds, UTC))


def after(recording: Recording) -> Mapping[str, Signals]:
    """Signals by workload over all that the gate measured."""
    return together(recording.blocks).signals if recording.blocks else {}


def rows_of(judged: WorkloadVerdict, before: Signals, now: Signals) -> tuple[Row, ...]:
    """What a gate found, the worst first, and the requests a second, which it does not judge."""
    rows = [_row(finding, before, now) for finding in judged.findings]
    for prefix, attribute in DIRECTIONS.items():
        traffic, past = traffic_of(now, attribute), traffic_of(before, attribute)
        if traffic and traffic.requests_per_second is not None:
            rows.append(
                Row(
                    signal=f"{prefix}requests_per_second",
                    after=traffic.requests_per_second,
                    before=past.requests_per_second if past else None,
                    source=traffic.source,
                    like_for_like=past.source == traffic.source if past else None,
                )
            )
    return tuple(sorted(rows, key=lambda row: rank(row.outcome)))


def _row(finding: Finding, before: Signals, now: Signals) -> Row:
    return Row(
        signal=finding.signal,
        after=finding.value,
        before=finding.before,
        interval=_interval(finding),
        limit=finding.limit,
        outcome=finding.outcome,
        source=finding.source,
        like_for_like=None if finding.before is None else _like_for_like(finding, before, now),
        text=finding.text,
    )


def _interval(finding: Finding) -> Interval | None:
    """Of the value itself where that is the share or its complement, else of the share behind it."""
    share = finding.share
    if share is None:
        return None
    if finding.signal.endswith("success_ratio"):
        return Interval(1 - share.upper, 1 - share.lower, share.requests)
    of = "" if finding.signal.endswith("_ratio") else share.what
    return Interval(share.lower, share.upper, share.requests, of)


def _like_for_like(finding: Finding, before: Signals, now: Signals) -> bool:
    """Whether the same instrument counted; what is not said by a source counts itself alike."""
    if finding.signal == "busiest_pod_to_mean":
        past, load = before.load, now.load
        return bool(past and load and (past.unit, past.source) == (load.unit, load.source))
    attribute = COUNTED[prefix_of(finding.signal)]
    sources = {each.source for each in (like(before, attribute), traffic_of(now, attribute)) if each}
    return len(sources) <= 1


def why(judged: WorkloadVerdict) -> tuple[str, ...]:
    """Why a workload did not succeed."""
    if judged.outcome in (None, Outcome.SUCCESSFUL):
        return ()
    return tuple(reasons_of(judged.outcome, [judged])[judged.workload])


def policy_of(recording: Recording) -> dict[str, float | None]:
    """What the gate was told to hold its workloads to, by the names of the inventory."""
    gate = recording.gate
    limits: dict[str, float | None] = msgspec.to_builtins(gate.limits)
    return {
        "window_seconds": gate.window_seconds,
        "window_max_seconds": gate.window_max_seconds,
        "interval_seconds": gate.interval_seconds,
        "settle_seconds": gate.settle_seconds,
        "requests_min": float(gate.requests_min),
        **{f"limits.{name}": value for name, value in limits.items()},
    }
