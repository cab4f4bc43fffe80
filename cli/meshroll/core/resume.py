"""What is to become of a run that did not end: forward to what it was asked for, or back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from meshroll.core.gate.verdict import Outcome
from meshroll.core.journal import UNFINISHED, Record

OnInconclusive = Literal["rollback", "continue", "pause"]
FORWARD = "in"


@dataclass(frozen=True)
class Rule:
    """What the operator wants of runs that wait for a person, and where an automatic rollback goes."""

    on_inconclusive: OnInconclusive
    paused_max_seconds: float
    rollback_to: str


@dataclass(frozen=True)
class Resumption:
    """``direction``: ``in``, ``fallback``, ``previous``, or a run's id. ``waived``: gates not to be looked at again."""

    run: Record
    namespaces: tuple[str, ...]
    direction: str
    why: str
    waived: tuple[str, ...] = ()


def resumption(
    records: Sequence[Record], namespaces: Collection[str], rule: Rule, now: datetime
) -> Resumption | None:
    """The newest run that is the last word on one of ``namespaces`` and did not end, and which way it goes on.

    ``records`` newest first. None where every one of them is at rest.
    """
    last: dict[str, Record] = {}
    for record in records:
        for namespace in record.namespaces:
            last.setdefault(namespace, record)
    for record in records:
        open_ones = tuple(name for name in record.namespaces if name in namespaces and last[name] is record)
        if open_ones and record.state in UNFINISHED:
            return _way(record, open_ones, rule, now)
    return None


def _way(run: Record, namespaces: tuple[str, ...], rule: Rule, now: datetime) -> Resumption:
    name = f"Run {run.run_id} ({run.command}, {run.state.replace('_', ' ')})"
    back = run.to or rule.rollback_to
    if run.command == "rollback" or run.heading == "back" or run.state == "rollback_incomplete":
        return Resumption(run, namespaces, back, f"{name} was on its way back to {back}: it goes on back.")
    if run.verdicts and run.verdicts[-1].outcome == Outcome.FAILED:
        return Resumption(run, namespaces, back, f"{name} had failed a gate: it goes back to {back}.")
    if run.state == "paused":
        paused_seconds = _age_seconds(run, now)
        if paused_seconds > rule.paused_max_seconds and rule.on_inconclusive != "pause":
            allowed = f"{rule.paused_max_seconds:.0f} s are allowed"
            waited = f"{name} has waited {paused_seconds:.0f} s for a person, {allowed}"
            if rule.on_inconclusive == "rollback":
                return Resumption(run, namespaces, back, f"{waited}: it goes back to {back}.")
            waived = tuple(run.paused_at)
            return Resumption(run, namespaces, FORWARD, f"{waited}: it goes on without that gate.", waived)
        return Resumption(run, namespaces, FORWARD, f"{name} waits for a person: it goes on at its gate.")
    return Resumption(run, namespaces, FORWARD, f"{name} did not come to its end: it goes on.")


def _age_seconds(run: Record, now: datetime) -> float:
    since = datetime.fromisoformat(run.finished_at or run.started_at)
    return (now - since).total_seconds()
