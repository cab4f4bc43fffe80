"""What `meshroll upgrade` does now: which hops, or nothing and why, or back first; and what stands in its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from meshroll.core import checks
from meshroll.core.breaking_changes import BreakingChange
from meshroll.core.errors import Problem
from meshroll.core.hop_history import open_upgrade
from meshroll.core.hops import Hop
from meshroll.core.journal import Record
from meshroll.core.plan import Plan
from meshroll.core.release_policy import Bounds
from meshroll.core.releases import Catalogue, Edge
from meshroll.core.renewal import Renewal
from meshroll.core.renewal_problems import OVER
from meshroll.core.resume import FORWARD, Resumption, Rule, way_of
from meshroll.core.settings import Settings
from meshroll.core.upgrade.calendar import Due, due, fitting_since, installed_edge, release_of
from meshroll.core.upgrade.data_plane import hop_plan
from meshroll.core.upgrade.obstacles import failed_before, moved, not_healthy, not_now
from meshroll.core.upgrade.standing import Standing
from meshroll.core.upgrade.way import (
    asked_for,
    gateway_api_problems,
    outside,
    outside_notes,
    skew_problems,
    unnamed,
    way,
)
from meshroll.core.upgrade.windows import frozen, is_open


@dataclass(frozen=True)
class Asked:
    """``to`` is a release that somebody named; ``scheduled``: nobody is there, and the calendar decides."""

    to: str | None = None
    scheduled: bool = False


@dataclass(frozen=True)
class Decision:
    """``hops`` are gone one after the other; ``plan`` is the data plane's part of the first. ``turn_back`` says why the
    hop of an earlier run is taken back instead. ``closes``: an earlier run did not end, be there anything left of it.
    ``renews``: the issuer is renewed first, or alone.
    """

    due: Due
    hops: tuple[Edge, ...] = ()
    described: tuple[Hop, ...] = ()
    plan: Plan = field(default_factory=lambda: Plan("upgrade", None, []))
    turn_back: str | None = None
    waived: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    closes: bool = False
    renews: bool = False

    @property
    def to_do(self) -> bool:
        return bool(self.hops or self.turn_back or self.closes or self.renews)


def decide(
    standing: Standing,
    settings: Settings,
    catalogue: Catalogue,
    bounds: Bounds,
    changes: Sequence[BreakingChange],
    asked: Asked,
    rule: Rule,
    now: datetime,
    run_id: str,
    issuer: Renewal,
) -> Decision:
    """Raises Refused or UsageError where no release or no way fits; all else that stands in the way is in ``problems``.

    ``settings`` name only namespaces that are there. An upgrade that did not end is gone on with, or back from,
    whatever the calendar says: windows and freezes are about beginning. ``issuer`` is renewed before a hop and never
    inside one.
    """
    view, records = standing.view, standing.records
    installed = installed_edge(view)
    earlier = open_upgrade(records)
    on = _going_on(earlier, rule, now)
    bounds = asked_for(bounds, asked.to)
    hop = earlier.open_hop if earlier else None
    if earlier and hop and on and on.direction != FORWARD:
        # The run that takes it back is of the same target.
        wanted = release_of(catalogue, Edge.parse(earlier.release or hop.to))
        unfinished = due(release_of(catalogue, installed), wanted, None, settings, now, earlier.run_id)
        in_the_way = [*not_now(standing), *moved(standing, earlier), *standing.helm_at_work(now)]
        plan = Plan("upgrade", str(installed), [], [on.why])
        return Decision(unfinished, plan=plan, turn_back=on.why, problems=tuple(in_the_way))
    onto = Edge.parse(hop.to) if hop else None
    found = way(view, settings, installed, catalogue, bounds, changes, onto)
    calendar = due(
        release_of(catalogue, installed),
        release_of(catalogue, found.target),
        standing.rests_since,
        settings,
        now,
        earlier.run_id if earlier else None,
        fitting_since(catalogue, bounds, release_of(catalogue, installed), settings),
    )
    if asked.scheduled and not earlier and (idle := _waits(calendar, settings, now)):
        may_begin = is_open(settings.upgrade, now)
        return _issuer_only(calendar, installed, idle, issuer, issuer.due and may_begin)
    if found.nothing_to_do and not earlier:
        return _issuer_only(calendar, installed, calendar.why, issuer, issuer.due)
    waived = on.waived if on else ()
    pending = [mark for mark in (earlier.pending if earlier else []) if mark not in waived]
    first = found.hops[0] if found.hops else installed
    plan = hop_plan(view, settings, first, run_id, pending, first != installed and hop is None)
    problems = [
        *not_now(standing),
        *(moved(standing, earlier) if earlier else []),
        *(not_healthy(standing) if hop is None else []),
        *standing.helm_problems(hop, now),
        *gateway_api_problems(view, found.hops, catalogue),
        *skew_problems(outside(standing.pods, view, settings), found.hops, catalogue.milestones),
        *checks.problems(checks.Case(view, settings, "upgrade", first, _unjudged(pending))),
        *(failed_before(records, found.hops) if asked.scheduled else []),
        *(each for each in issuer.problems if hop is None or each.code == OVER),
    ]
    left = unnamed(standing.pods, view, settings)
    notes = [*plan.notes, *outside_notes(left, found.target), *issuer.notes]
    if earlier and not found.hops:
        notes.append(f"Upgrade {earlier.run_id} did not come to its end, and nothing of it is left to do.")
    return Decision(
        calendar,
        found.hops,
        found.described,
        msgspec.structs.replace(plan, notes=notes),
        waived=waived,
        problems=tuple(problems),
        closes=earlier is not None,
        renews=issuer.due and hop is None,
    )


def _issuer_only(calendar: Due, installed: Edge, why: str, issuer: Renewal, renews: bool) -> Decision:
    """No hop; but an issuer that ends is renewed all the same, and one that cannot be is no secret for 60 days."""
    plan = Plan("upgrade", str(installed), [], [why, *issuer.notes])
    return Decision(calendar, plan=plan, problems=issuer.problems, renews=renews)


def _going_on(earlier: Record | None, rule: Rule, now: datetime) -> Resumption | None:
    if earlier is None:
        return None
    hop = earlier.open_hop
    back = Rule(rule.on_inconclusive, rule.paused_max_seconds, hop.start if hop else "")
    return way_of(earlier, tuple(earlier.namespaces), back, now)


def _waits(calendar: Due, settings: Settings, now: datetime) -> str | None:
    """Why a scheduled upgrade does not begin now, as the one line that it says."""
    if not calendar.to_begin:
        return calendar.why
    if is_open(settings.upgrade, now):
        return None
    why = frozen(settings.upgrade, now) or "it is outside meshroll_upgrade.windows"
    when = f"It may begin {calendar.next_start}." if calendar.next_start else "It may never begin."
    return f"{calendar.why} It does not begin now: {why}. {when}"


def _unjudged(pending: Sequence[str]) -> frozenset[str]:
    """The workloads (NAMESPACE/KIND/NAME) whose gates are due: what is degraded there is for the gate to judge."""
    return frozenset("/".join(mark.partition(":")[2].split("/")[:3]) for mark in pending)
