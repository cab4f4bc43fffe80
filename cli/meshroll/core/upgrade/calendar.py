"""Whether an upgrade is due, and since when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import msgspec

from meshroll.core.checks.cluster import running_edge
from meshroll.core.eks_facts import Support
from meshroll.core.errors import MeshrollError, Problem, Refused
from meshroll.core.hop_history import UPGRADE, open_upgrade
from meshroll.core.journal import Record
from meshroll.core.model import ClusterView
from meshroll.core.moments import rfc3339
from meshroll.core.release_policy import Bounds, choose, survey
from meshroll.core.releases import Catalogue, Edge, Release
from meshroll.core.settings import Settings
from meshroll.core.upgrade.deadlines import Deadline, deadlines, pressing
from meshroll.core.upgrade.windows import next_opening

State = Literal["current", "waiting", "due", "overdue", "unfinished"]
OVERDUE_AFTER = timedelta(days=30)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """How the upgrade of a cluster stands. Times are RFC 3339 UTC.

    ``release`` runs, since its day ``released`` (None: not known) at the earliest, and ``target`` is what policy picks.
    ``since``: from when on it is due; ``next_start``: when a scheduled one may begin (None: never, for all that the
    inventory says, or there is nothing to begin). ``deadlines`` are what ends on a day of its own, the first one first.
    """

    state: State
    release: str
    target: str | None
    released: str | None = None
    since: str | None = None
    next_start: str | None = None
    why: str
    deadlines: tuple[Deadline, ...] = ()

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
    fits_since: date | None = None,
) -> Due:
    """Whether it is time to go from ``running`` to ``target`` (None: nothing fits the policy).

    ``changed_at`` is when the control plane last became another (None: not known, so long ago), ``unfinished`` the id
    of an upgrade that did not end, ``fits_since`` what fitting_since() says: a target that is newer than what it was
    last month makes nothing less overdue. A running release that is not recommended any more waits for no interval.
    """
    edge, released = running.edge, running.date.isoformat() if running.date else None
    if unfinished:
        return Due(
            state="unfinished",
            release=edge,
            target=target.edge if target else None,
            released=released,
            why=f"Upgrade {unfinished} did not come to its end.",
        )
    if target is None or target.version <= running.version:
        return Due(
            state="current",
            release=edge,
            target=target.edge if target else None,
            released=released,
            why=f"Policy picks nothing newer than {edge}.",
        )
    since = _since(running, fits_since or _fits_from(target, settings), changed_at, settings)
    opening = next_opening(settings.upgrade, max(now, since))
    state: State = "waiting" if now < since else "overdue" if now > since + OVERDUE_AFTER else "due"
    withdrawn = f" {edge} is not recommended: {running.reason}" if running.mark == "not_recommended" else ""
    return Due(
        state=state,
        release=edge,
        target=target.edge,
        released=released,
        since=rfc3339(since),
        next_start=rfc3339(opening) if opening else None,
        why=f"An upgrade to {target.edge} is {'due from' if state == 'waiting' else f'{state} since'} "
        f"{since:%Y-%m-%d}.{withdrawn}",
    )


def calendar_of(
    view: ClusterView,
    changed_at: datetime | None,
    records: Sequence[Record],
    settings: Settings,
    catalogue: Catalogue,
    supports: Mapping[str, Support],
    now: datetime,
) -> Due | None:
    """How the upgrade stands, without a look at the chart source; None where no edge release runs.

    ``changed_at`` is when Helm last changed the control plane, ``records`` newest first, ``supports`` EKS' calendar.
    """
    try:
        running = release_of(catalogue, installed_edge(view))
    except Refused:
        return None
    bounds = Bounds(settings.release, now.date(), view.kubernetes_version)
    try:
        picked = choose(catalogue, bounds).release
    except MeshrollError:
        picked = None
    open_run, rested = open_upgrade(records), rests_since(changed_at, records)
    fits_since = fitting_since(catalogue, bounds, running, settings)
    found = due(running, picked, rested, settings, now, open_run.run_id if open_run else None, fits_since)
    ends = deadlines(view.certificates, view.kubernetes_version, supports)
    start = datetime.fromisoformat(found.next_start) if found.next_start else None
    return msgspec.structs.replace(found, deadlines=ends, why=found.why + pressing(ends, start, now))


def fitting_since(catalogue: Catalogue, bounds: Bounds, running: Release, settings: Settings) -> date | None:
    """Since when policy would have picked something newer than ``running``; None where nothing newer fits now."""
    newer = (each for each in survey(catalogue, bounds) if each.release.version > running.version)
    return min((_fits_from(each.release, settings) for each in newer if not each.reasons), default=None)


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


def _fits_from(release: Release, settings: Settings) -> date:
    """The day from which it was old enough and known for what it is."""
    old_enough = release.earliest() + timedelta(days=settings.release.minimum_age_days)
    return max(old_enough, release.marked_on or old_enough)


def _since(running: Release, fits_since: date, changed_at: datetime | None, settings: Settings) -> datetime:
    """Something newer fits, and the cluster has rested long enough."""
    if running.mark == "not_recommended" or changed_at is None:
        return _midnight(fits_since)
    return max(_midnight(fits_since), changed_at + timedelta(days=settings.upgrade.interval_days))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
