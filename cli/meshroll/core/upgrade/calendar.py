"""When an upgrade is due, and when a scheduled one may begin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from meshroll.core.checks.cluster import running_edge
from meshroll.core.errors import MeshrollError, Problem, Refused
from meshroll.core.hop_history import UPGRADE, open_upgrade
from meshroll.core.journal import Record
from meshroll.core.model import ClusterView
from meshroll.core.release_policy import Bounds, choose
from meshroll.core.releases import Catalogue, Edge, Release
from meshroll.core.settings import WEEKDAYS, Settings, Upgrade

State = Literal["current", "waiting", "due", "overdue", "unfinished"]
OVERDUE_AFTER = timedelta(days=30)
# A freeze may be long; one that has no end within this is a decision against upgrades.
_SEARCHED_DAYS = 800
_DAY = timedelta(days=1)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """How the upgrade of a cluster stands. Times are RFC 3339 UTC.

    ``release`` runs and ``target`` is what policy picks. ``since``: from when on it is due; ``next_start``: when a
    scheduled one may begin (None: never, for all that the inventory says, or there is nothing to begin).
    """

    state: State
    release: str
    target: str | None
    since: str | None = None
    next_start: str | None = None
    why: str

    @property
    def to_begin(self) -> bool:
        return self.state in ("due", "overdue")


def due(
    running: Release,
    target: Release | None,
    changed_at: datetime | None,
    settings: Settings,
    now: datetime,
    unfinished: str | None = None,
) -> Due:
    """Whether it is time to go from ``running`` to ``target`` (None: nothing fits the policy).

    ``changed_at`` is when the control plane last became another (None: not known, so long ago), ``unfinished`` the id
    of an upgrade that did not end. A running release that is not recommended any more waits for no interval.
    """
    edge = running.edge
    if unfinished:
        return Due(
            state="unfinished",
            release=edge,
            target=target.edge if target else None,
            why=f"Upgrade {unfinished} did not come to its end.",
        )
    if target is None or target.version <= running.version:
        return Due(
            state="current",
            release=edge,
            target=target.edge if target else None,
            why=f"Policy picks nothing newer than {edge}.",
        )
    since = _since(running, target, changed_at, settings)
    opening = next_opening(settings.upgrade, max(now, since))
    state: State = "waiting" if now < since else "overdue" if now > since + OVERDUE_AFTER else "due"
    withdrawn = f" {edge} is not recommended: {running.reason}" if running.mark == "not_recommended" else ""
    return Due(
        state=state,
        release=edge,
        target=target.edge,
        since=_text(since),
        next_start=_text(opening) if opening else None,
        why=f"{target.edge} is {'due from' if state == 'waiting' else f'{state} since'} {since:%Y-%m-%d}.{withdrawn}",
    )


def calendar_of(
    view: ClusterView,
    changed_at: datetime | None,
    records: Sequence[Record],
    settings: Settings,
    catalogue: Catalogue,
    now: datetime,
) -> Due | None:
    """How the upgrade stands, without a look at the chart source; None where no edge release runs.

    ``changed_at`` is when Helm last changed the control plane, ``records`` newest first.
    """
    try:
        running = release_of(catalogue, installed_edge(view))
    except Refused:
        return None
    try:
        picked = choose(catalogue, Bounds(settings.release, now.date(), view.kubernetes_version)).release
    except MeshrollError:
        picked = None
    open_run = open_upgrade(records)
    rested = rests_since(changed_at, records)
    return due(running, picked, rested, settings, now, open_run.run_id if open_run else None)


def rests_since(changed_at: datetime | None, records: Sequence[Record]) -> datetime | None:
    """When the control plane last became another, or None. ``changed_at`` is Helm's word, None where that is not to be
    had; a hop that was taken back was no change, but the one before it was.
    """
    ours = [
        (datetime.fromisoformat(record.finished_at or record.started_at), hops)
        for record in records
        if record.command == UPGRADE and (hops := [hop for hop in record.hops if hop.revision is not None])
    ]
    if changed_at and (not ours or changed_at > ours[0][0]):
        return changed_at
    return next((moment for moment, hops in ours if any(hop.done for hop in hops)), None)


def installed_edge(view: ClusterView) -> Edge:
    """The release that runs. Raises Refused control-plane-missing or control-plane-foreign."""
    if not view.control_plane.installed:
        raise Refused(
            Problem(
                "control-plane-missing",
                "Linkerd is not installed on this cluster, so there is nothing to upgrade.",
                "`meshroll rollout` installs it.",
            )
        )
    return running_edge(view.control_plane)


def release_of(catalogue: Catalogue, edge: Edge) -> Release:
    """What the catalogue knows of a release, be it nothing but its name."""
    return catalogue.find(edge) or Release(edge=str(edge))


def _since(running: Release, target: Release, changed_at: datetime | None, settings: Settings) -> datetime:
    """The target is old enough, and the cluster has rested long enough."""
    old_enough = _midnight(target.earliest() + timedelta(days=settings.release.minimum_age_days))
    if running.mark == "not_recommended" or changed_at is None:
        return old_enough
    return max(old_enough, changed_at + timedelta(days=settings.upgrade.interval_days))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def is_open(upgrade: Upgrade, moment: datetime) -> bool:
    """Whether a scheduled upgrade may begin at ``moment``."""
    if frozen(upgrade, moment):
        return False
    today = moment.astimezone(ZoneInfo(upgrade.timezone)).date()
    return not upgrade.windows or any(
        start <= moment < end for day in (today - _DAY, today) for start, end in _windows_from(upgrade, day)
    )


def frozen(upgrade: Upgrade, moment: datetime) -> str | None:
    """The freeze that ``moment`` is in, as a sentence's end; None where it is in none."""
    day = moment.astimezone(ZoneInfo(upgrade.timezone)).date()
    found = next((each for each in upgrade.freeze if each.first <= day <= each.last), None)
    if found is None:
        return None
    return f"a freeze until {found.last}{f' ({found.reason})' if found.reason else ''}"


def next_opening(upgrade: Upgrade, moment: datetime) -> datetime | None:
    """The first time from ``moment`` on at which one may begin; None where there is none in the next two years."""
    if is_open(upgrade, moment):
        return moment.astimezone(UTC)
    zone = ZoneInfo(upgrade.timezone)
    today = moment.astimezone(zone).date()
    for number in range(-1, _SEARCHED_DAYS):
        day = today + number * _DAY
        # Where a freeze ends in the middle of a window that began the day before, midnight is the first chance.
        midnight = datetime.combine(day, time(), zone).astimezone(UTC)
        chances = [midnight, *(start for start, _ in _windows_from(upgrade, day))]
        found = [each for each in chances if each > moment and is_open(upgrade, each)]
        if found:
            return min(found)
    return None


def _windows_from(upgrade: Upgrade, day: date) -> Iterator[tuple[datetime, datetime]]:
    """Those that start on that day, as (first moment, first moment after it) in UTC.

    Times of one zone are compared by what its clocks show, which is no order in a night on which they change.
    """
    zone = ZoneInfo(upgrade.timezone)
    for window in upgrade.windows:
        if window.days and WEEKDAYS[day.weekday()] not in window.days:
            continue
        starts, ends = time.fromisoformat(window.starts), time.fromisoformat(window.ends)
        last = day if ends > starts else day + _DAY
        yield (
            datetime.combine(day, starts, zone).astimezone(UTC),
            datetime.combine(last, ends, zone).astimezone(UTC),
        )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
