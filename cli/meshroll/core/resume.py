"""What is to become of a run that did not end: forward to what it was asked for, or back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from meshroll.core.gate.verdict import Outcome
from meshroll.core.history import DRILL, open_runs
from meshroll.core.hop_history import UPGRADE
from meshroll.core.journal import Record

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

    namespaces: tuple[str, ...]
    direction: str
    why: str
    waived: tuple[str, ...] = ()


def resumption(
    records: Sequence[Record], namespaces: Collection[str], rule: Rule, now: datetime
) -> Resumption | None:
    """Which way the runs go on that are the last word on one of ``namespaces`` and did not end.

    The newest of them decides, and those that go the same way go with it. ``records`` newest first. None where every
    one is at rest, or waits for what only a person can do. An upgrade goes on with `meshroll upgrade` alone,
    and what a drill has left only `meshroll drill` takes back.
    """
    unended = open_runs(records)
    ways = []
    for record in records:
        here = tuple(name for name in record.namespaces if name in namespaces and unended.get(name) is record)
        if here and record.command not in (UPGRADE, DRILL) and (way := way_of(record, here, rule, now)):
            ways.append(way)
    together = [way for way in ways if way.direction == ways[0].direction]
    if not together:
        return None
    return Resumption(
        tuple(name for way in together for name in way.namespaces),
        together[0].direction,
        " ".join(way.why for way in together),
        tuple(mark for way in together for mark in way.waived),
    )


def way_of(run: Record, namespaces: tuple[str, ...], rule: Rule, now: datetime) -> Resumption | None:
    """Which way a run goes on that did not end; None where it waits for what only a person can do."""
    name = f"Run {run.run_id} ({run.command}, {run.state.replace('_', ' ')})"
    back = run.to or rule.rollback_to
    # An install that stopped midway is "rollback_incomplete" too, and has changed nothing that could go back.
    incomplete = run.state == "rollback_incomplete" and bool(run.entries or run.open_hop)
    if run.command == "rollback" or run.heading == "back" or incomplete:
        return Resumption(namespaces, back, f"{name} was on its way back to {back}: it goes on back.")
    if run.verdicts and run.verdicts[-1].outcome == Outcome.FAILED and not run.verdicts[-1].dry_run:
        return Resumption(namespaces, back, f"{name} had failed a gate: it goes back to {back}.")
    if run.state == "paused":
        return _after_pause(run, namespaces, rule, now, name, back)
    return Resumption(namespaces, FORWARD, f"{name} did not come to its end: it goes on.")


def _after_pause(
    run: Record, namespaces: tuple[str, ...], rule: Rule, now: datetime, name: str, back: str
) -> Resumption | None:
    since = datetime.fromisoformat(run.paused_since or run.finished_at or run.started_at)
    paused_seconds = (now - since).total_seconds()
    waited = f"{name} has waited {paused_seconds:.0f} s, {rule.paused_max_seconds:.0f} s are allowed"
    by_person = run.waits_for == "person"
    late = paused_seconds > rule.paused_max_seconds
    if late and rule.on_inconclusive == "rollback":
        return Resumption(namespaces, back, f"{waited}: it goes back to {back}.")
    if by_person:
        return None
    if late and rule.on_inconclusive == "continue":
        return Resumption(
            namespaces, FORWARD, f"{waited}: it goes on without that gate.", tuple(run.paused_at)
        )
    return Resumption(namespaces, FORWARD, f"{name} is paused: it goes on at its gate.")
