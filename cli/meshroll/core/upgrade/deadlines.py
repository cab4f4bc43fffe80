"""What ends on a day of its own, whenever an upgrade is due: certificates, EKS' support of a Kubernetes version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

import msgspec

from meshroll.core.certificate_dates import Dated
from meshroll.core.eks_facts import Support
from meshroll.core.model import kubernetes_minor
from meshroll.core.moments import rfc3339

NEAR = timedelta(days=60)
"""As long as AWS announces the end of a version before it, and as certificates are called expiring."""


class Deadline(msgspec.Struct, frozen=True):
    """``what`` ends on that moment (RFC 3339 UTC). A certificate ``is_renewed`` by an upgrade at the latest."""

    what: str
    on: str
    is_renewed: bool


def deadlines(
    certificates: Sequence[Dated], kubernetes_version: str, supports: Mapping[str, Support]
) -> tuple[Deadline, ...]:
    """The first end first. ``kubernetes_version`` is the API server's; ``supports`` is EKS' calendar, by version."""
    found = [
        Deadline(f"the {each.what}", each.not_after, is_renewed=True)
        for each in certificates
        if each.not_after
    ]
    major, minor = kubernetes_minor(kubernetes_version)
    ends = supports.get(f"{major}.{minor}") if "-eks-" in kubernetes_version else None
    if ends:
        for kind, day in (("standard", ends.standard_until), ("extended", ends.extended_until)):
            moment = rfc3339(datetime.combine(day, time(), UTC))
            found.append(
                Deadline(f"{kind} support of Kubernetes {major}.{minor} on EKS", moment, is_renewed=False)
            )
    return tuple(sorted(found, key=lambda each: datetime.fromisoformat(each.on)))


def pressing(found: Sequence[Deadline], next_start: datetime | None, now: datetime) -> str:
    """A sentence on what ends before the next upgrade may begin, or of EKS soon; empty where nothing does.

    ``status`` warns of each certificate that ends within 60 days by itself.
    """
    told = []
    for each in found:
        moment = datetime.fromisoformat(each.on)
        too_late = next_start is not None and now < moment <= next_start
        if too_late or (not each.is_renewed and now < moment <= now + NEAR):
            told.append(f"{each.what} ends on {moment:%Y-%m-%d}{', before that' if too_late else ''}")
    if not told:
        return ""
    text = "; ".join(told)
    return f" {text[0].upper()}{text[1:]}."
