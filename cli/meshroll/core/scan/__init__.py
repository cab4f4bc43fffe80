"""What in this cluster the breaking changes of a hop hit, and what to do about it. Scanners are rows, and pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from meshroll.core import settings
from meshroll.core.accepted import Accepted
from meshroll.core.breaking_changes import BreakingChange, Severity
from meshroll.core.errors import Problem
from meshroll.core.facts import Facts, Hidden, MeshedPod, gathered
from meshroll.core.scan import cluster, injection, metrics, services, traffic, values
from meshroll.core.scan.row import Scanner
from meshroll.core.settings import Acceptance

__all__ = ["SCANNERS", "Accepted", "Facts", "Hidden", "Looked", "MeshedPod", "Scanned", "scan"]

SCANNERS: Mapping[str, Scanner] = {
    **cluster.SCANNERS,
    **injection.SCANNERS,
    **metrics.SCANNERS,
    **services.SCANNERS,
    **traffic.SCANNERS,
    **values.SCANNERS,
}
State = Literal["hit", "accepted", "clear", "unseen", "not_looked_for"]


@dataclass(frozen=True)
class Looked:
    """One change of a hop, and what of the cluster it hits.

    ``unseen`` says which part of the cluster could not be looked at: then ``hits`` are what was found besides.
    """

    change: BreakingChange
    hits: tuple[Problem, ...] = ()
    unseen: str | None = None
    accepted: str | None = None

    @property
    def state(self) -> State:
        if self.hits:
            return "accepted" if self.accepted else "hit"
        if self.change.not_looked_for:
            return "not_looked_for"
        return "unseen" if self.unseen else "clear"


@dataclass(frozen=True)
class Scanned:
    """What a hop's changes hit. ``problems`` refuse it, all at once; warnings and notes are told."""

    looked: tuple[Looked, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._hits("blocking")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return self._hits("warning")

    @property
    def notes(self) -> tuple[Problem, ...]:
        return self._hits("note")

    @property
    def accepted(self) -> tuple[Accepted, ...]:
        return tuple(
            Accepted(hit.code, hit.message, each.accepted, hit.namespace, hit.object)
            for each in self.looked
            if each.accepted
            for hit in each.hits
        )

    @property
    def unseen(self) -> tuple[Looked, ...]:
        """The changes that could not be looked for, wholly or in part, so that nobody knows what they hit."""
        return tuple(each for each in self.looked if each.unseen)

    @property
    def lines(self) -> list[str]:
        """For people: what is hit and refuses nothing, and what could not be looked at and might have."""
        told = [f"{_where(hit)}{hit.message} {hit.hint}" for hit in (*self.warnings, *self.notes)]
        return told + [f"Not seen ({each.change.id}): {each.unseen}." for each in self.unseen]

    def _hits(self, severity: Severity) -> tuple[Problem, ...]:
        return tuple(
            hit
            for each in self.looked
            if each.change.severity == severity and not each.accepted
            for hit in each.hits
        )


def _where(hit: Problem) -> str:
    return f"{hit.code}: {hit.namespace}: " if hit.namespace else f"{hit.code}: "


def scan(changes: Sequence[BreakingChange], facts: Facts, accepted: Sequence[Acceptance]) -> Scanned:
    """Looks for each of ``changes`` (those of one hop, in their order)."""
    reasons = {each.id: each.reason for each in accepted}
    return Scanned(tuple(_look(change, facts, reasons.get(change.id)) for change in changes))


def _look(change: BreakingChange, facts: Facts, accepted: str | None) -> Looked:
    scanner = SCANNERS.get(change.id)
    hits, unseen = gathered(
        Problem(change.id, hit.text, hit.fix or change.fix, namespace=hit.namespace, object=hit.object)
        for hit in (scanner(facts) if scanner else ())
    )
    return Looked(change, hits, unseen, accepted)


def refuse_unknown(accepted: Sequence[Acceptance], changes: Sequence[BreakingChange]) -> None:
    """``changes`` are all that meshroll knows. Raises UsageError: an id that is none accepts nothing."""
    settings.refuse_unknown(
        "acceptance-unknown",
        "meshroll_upgrade.accept",
        "breaking change that meshroll knows",
        [each.id for each in accepted],
        [change.id for change in changes],
        "docs/reference/breaking-changes.md",
    )


def idle(accepted: Sequence[Acceptance], scans: Sequence[Scanned]) -> list[str]:
    """A line for each acceptance that no hop of the way needed."""
    needed = {each.id for scanned in scans for each in scanned.accepted}
    return [
        f"meshroll_upgrade.accept has {each.id}, which hits nothing here: it can go."
        for each in accepted
        if each.id not in needed
    ]


def as_dict(looked: Looked) -> dict[str, Any]:
    """A change with what it hits, as results tell it."""
    change = looked.change
    return {
        "id": change.id,
        "release": change.edge,
        "severity": change.severity,
        "area": change.area,
        "text": change.text,
        "fix": change.fix,
        "source": change.source,
        "state": looked.state,
        "hits": [hit.as_dict() for hit in looked.hits],
        "unseen": looked.unseen or change.not_looked_for or None,
        "accepted": looked.accepted if looked.hits else None,
    }
