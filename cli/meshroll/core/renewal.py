"""Whether the issuer is to be renewed before a hop, with what, and what stands in the way.

An issuer that ends takes every identity of the mesh with it within a day, and so does one that identity cannot load.
So a renewal is a step of its own, verified before anything else changes, and never a part of a hop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from meshroll.core.certificate_dates import ANCHOR, remedy
from meshroll.core.certificates import EXPIRES_SOON, ISSUER_LIFETIME, Certificate
from meshroll.core.errors import Problem
from meshroll.core.mesh_identity import breaking, doubtful
from meshroll.core.renewal_problems import anchor_ending, guide, minute, no_way, over, overdue
from meshroll.core.renewal_seen import Seen

# Of one that lives for less than three times 60 days (cert-manager's of 48 hours) the last third, which is also
# cert-manager's default.
LAST_PART = 3
# Whoever renews by itself is late when so little is left; some leave themselves 15 days of a year.
OVERDUE_PART = 10
OVERDUE_AT_MOST = timedelta(days=7)
# What a renewal up to the trust anchor's end has to gain, else it is the anchor that is to be renewed.
WORTH_IT = timedelta(days=1)


@dataclass(frozen=True)
class Renewal:
    """``prove``: what an earlier run has written is still to be seen.

    ``source``: what the new issuer is signed with, or taken from; ``until`` is its end.
    ``problems`` refuse whatever comes after; ``notes`` are for whoever reads.
    """

    action: Literal["none", "renew", "prove"] = "none"
    source: Literal["anchor key", "files"] = "anchor key"
    ends_at: datetime | None = None
    until: datetime | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def due(self) -> bool:
        return self.action != "none"


def decide(seen: Seen, now: datetime) -> Renewal:
    """``now`` is the API server's clock (UTC)."""
    chain = seen.identity.chain
    if chain is None or chain.signer is None:
        return Renewal(problems=(*seen.unread, *breaking(seen.identity)))
    issuer, anchor = chain.issuer, chain.signer
    ends_at = min(issuer.not_after, anchor.not_after)
    wrong = [*over(chain, now), *breaking(seen.identity)]
    notes = [f"{problem.message} {problem.hint}" for problem in doubtful(seen.identity)]
    if wrong:
        return Renewal(ends_at=ends_at, problems=tuple(wrong), notes=tuple(notes))
    if anchor.not_after - now <= EXPIRES_SOON:
        notes.append(
            f"The trust anchor ends on {anchor.not_after:%Y-%m-%d}. {remedy(ANCHOR)} {guide('anchor')}"
        )
    if seen.unproved_since is not None:
        notes.append("A run has renewed the issuer and has not come to see that identity has the new one.")
        return Renewal("prove", ends_at=ends_at, until=issuer.not_after, notes=tuple(notes))
    if ends_at - now > due_before_end(ends_at - issuer.not_before):
        return Renewal(ends_at=ends_at, notes=tuple(notes))
    if seen.owner is not None and seen.owner.renews:
        late = ends_at - now <= min((ends_at - issuer.not_before) / OVERDUE_PART, OVERDUE_AT_MOST)
        wrong = [overdue(seen, seen.owner, ends_at)] if late else []
        notes.append(
            f"The issuer ends on {minute(ends_at)}; {seen.owner.name} renews it, so meshroll does not."
        )
        return Renewal(ends_at=ends_at, problems=tuple(wrong), notes=tuple(notes))
    return replace(_ours(seen, ends_at, anchor, now), ends_at=ends_at, notes=tuple(notes))


def _ours(seen: Seen, ends_at: datetime, anchor: Certificate, now: datetime) -> Renewal:
    """What is due and nobody else's: from the operator's files where they have a later one, else with the key."""
    if seen.owner is None and seen.own is not None:
        if seen.own.unusable:
            return Renewal(problems=seen.own.unusable)
        if seen.own.ends_at is not None and seen.own.ends_at - ends_at >= WORTH_IT:
            return Renewal("renew", "files", until=seen.own.ends_at)
    until = min(now + ISSUER_LIFETIME, anchor.not_after)
    if until - ends_at < WORTH_IT:
        return Renewal(problems=(anchor_ending(anchor),))
    if refused := no_way(seen, ends_at):
        return Renewal(problems=(refused,))
    return Renewal("renew", until=until)


def due_before_end(lifetime: timedelta) -> timedelta:
    """How long before its end a certificate is to be renewed: 60 days, or a third of a short life."""
    return min(EXPIRES_SOON, lifetime / LAST_PART)
