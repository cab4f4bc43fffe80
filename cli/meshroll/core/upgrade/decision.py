"""What `meshroll upgrade` does now: which hops, or nothing and why, or back first; and what stands in its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from meshroll.core import checks
from meshroll.core.breaking_changes import BreakingChange
from meshroll.core.chart_values import CONTROL_PLANE_CHART
from meshroll.core.control_plane import not_up
from meshroll.core.errors import Problem, Refused
from meshroll.core.helm_records import HelmRelease, before_hop
from meshroll.core.history import left_open, left_uninstalling
from meshroll.core.hop_history import UPGRADE, open_upgrade
from meshroll.core.hops import Hop
from meshroll.core.journal import HopTaken, Record
from meshroll.core.model import ClusterView, Object
from meshroll.core.plan import Plan
from meshroll.core.release_policy import Bounds
from meshroll.core.releases import Catalogue, Edge
from meshroll.core.renewal import Renewal
from meshroll.core.renewal_problems import OVER
from meshroll.core.resume import FORWARD, Resumption, Rule, way_of
from meshroll.core.settings import Settings
from meshroll.core.upgrade.calendar import Due, due, frozen, installed_edge, is_open, release_of, rests_since
from meshroll.core.upgrade.data_plane import hop_plan
from meshroll.core.upgrade.way import (
    Way,
    asked_for,
    gateway_api_problems,
    outside,
    outside_notes,
    skew_problems,
    way,
)


@dataclass(frozen=True)
class Standing:
    """The cluster as it matters to an upgrade. ``pods`` are all that have a proxy, of whatever namespace;
    ``deployments`` those of the control plane; ``helm`` its newest records by release name.
    """

    view: ClusterView
    pods: Sequence[Object]
    deployments: Sequence[Object]
    helm: dict[str, HelmRelease]
    records: Sequence[Record]

    def hop(self, record: Record, edge: Edge) -> HopTaken:
        """The hop to ``edge`` that a run begins now, or that it goes on with."""
        installed, taken = installed_edge(self.view), record.open_hop
        if taken and taken.to == str(edge):
            return taken
        release = self.helm.get(CONTROL_PLANE_CHART)
        revision = release.deployed if release and installed != edge else None
        return HopTaken(str(installed), str(edge), revision, len(record.entries))

    def records_to_drop(self, record: Record, now: datetime) -> list[HelmRelease]:
        """Those of a Helm that was killed in the hop that is open. Raises Refused where one is in the way."""
        drop, problems = self._helm_records(record.open_hop, now)
        if problems:
            raise Refused(problems)
        return drop

    def helm_problems(self, hop: HopTaken | None, now: datetime) -> list[Problem]:
        """What is in Helm's way; ``hop`` is the open one."""
        return self._helm_records(hop, now)[1]

    def _helm_records(self, hop: HopTaken | None, now: datetime) -> tuple[list[HelmRelease], list[Problem]]:
        ours = hop is not None and hop.revision is not None
        return before_hop(self.helm, self.deployments, self.view.control_plane.namespace, ours, now)

    @property
    def rests_since(self) -> datetime | None:
        release = self.helm.get(CONTROL_PLANE_CHART)
        return rests_since(release.changed_at if release else None, self.records)


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
        unfinished = due(release_of(catalogue, installed), None, None, settings, now, earlier.run_id)
        return Decision(unfinished, turn_back=on.why, problems=tuple(_not_now(records)))
    onto = Edge.parse(hop.to) if hop else None
    found = way(view, settings, installed, catalogue, bounds, changes, onto)
    calendar = due(
        release_of(catalogue, installed),
        release_of(catalogue, found.target),
        standing.rests_since,
        settings,
        now,
        earlier.run_id if earlier else None,
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
    left = outside(standing.pods, view, settings)
    problems = [
        *left_uninstalling(records),
        *_not_now(records),
        *_not_healthy(standing),
        *standing.helm_problems(hop, now),
        *gateway_api_problems(view, found.hops, catalogue),
        *skew_problems(left, found.hops, catalogue.milestones),
        *checks.problems(checks.Case(view, settings, "upgrade", first, _unjudged(pending))),
        *(_failed_before(records, found) if asked.scheduled else []),
        *(each for each in issuer.problems if hop is None or each.code == OVER),
    ]
    notes = [*plan.notes, *outside_notes(left, found.target), *issuer.notes]
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


def _not_now(records: Sequence[Record]) -> list[Problem]:
    """Runs of other commands that did not come to their end: what they left is theirs to finish."""
    others = [record for record in records if record.command != UPGRADE]
    return left_open(others, {name for record in others for name in record.namespaces})[0]


def _not_healthy(standing: Standing) -> list[Problem]:
    """A control plane that is down before anything was changed; one that an open hop has changed may be."""
    if open_upgrade(standing.records):
        return []
    waiting = not_up(standing.deployments)
    if not waiting:
        return []
    home = standing.view.control_plane.namespace
    return [
        Problem(
            "control-plane-not-up",
            f"The control plane that runs is not healthy: {'; '.join(waiting)}.",
            f"Mend it first: `kubectl -n {home} get pods,events` shows more.",
        )
    ]


def _failed_before(records: Sequence[Record], found: Way) -> list[Problem]:
    """Nobody is there to see why the same thing failed again, and again."""
    newest = next((record for record in records if record.command == UPGRADE), None)
    if newest is None or newest.state != "rolled_back" or newest.release != str(found.target):
        return []
    return [
        Problem(
            "upgrade-failed-before",
            f"Run {newest.run_id} to {found.target} failed and was taken back: {newest.reason}",
            f"Find out why (`meshroll report {newest.run_id}`), then run `meshroll upgrade` by hand; or put "
            f"{found.target} into meshroll_release.deny, so that policy picks another.",
        )
    ]


def _unjudged(pending: Sequence[str]) -> frozenset[str]:
    """The workloads (NAMESPACE/KIND/NAME) whose gates are due: what is degraded there is for the gate to judge."""
    return frozenset("/".join(mark.partition(":")[2].split("/")[:3]) for mark in pending)
