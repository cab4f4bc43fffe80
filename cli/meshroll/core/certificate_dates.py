"""How long the certificates of a mesh last: its trust anchors, its issuer, and those of its webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from meshroll.core.certificates import EXPIRES_SOON, Certificate
from meshroll.core.moments import rfc3339

State = Literal["valid", "expiring", "expired", "not_yet_valid", "not_read"]
# What each webhook guards, by the name of its configuration, and its kind in the API. An injector whose certificate has
# expired is not asked any more, and under failurePolicy Ignore pods start without a proxy.
WEBHOOKS = {
    "linkerd-proxy-injector-webhook-config": "mutatingwebhookconfigurations",
    "linkerd-sp-validator-webhook-config": "validatingwebhookconfigurations",
    "linkerd-policy-validator-webhook-config": "validatingwebhookconfigurations",
}
ANCHOR, ISSUER = "trust anchor", "issuer"


class Dated(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate and its end (UTC), or why it was ``not_read``. ``days_left`` are whole days, negative once over."""

    what: str
    state: State
    subject: str = ""
    not_after: str | None = None
    days_left: int | None = None
    reason: str = ""


def dated(what: str, certificates: Sequence[Certificate], now: datetime) -> list[Dated]:
    return [
        Dated(
            what=what,
            state=_state(each, now),
            subject=each.subject,
            not_after=rfc3339(each.not_after),
            days_left=(each.not_after - now).days,
        )
        for each in certificates
    ]


def webhook_name(configuration: str) -> str:
    """``webhook linkerd-proxy-injector`` of its configuration's name."""
    return f"webhook {configuration.removesuffix('-webhook-config')}"


def warnings(found: Iterable[Dated]) -> list[str]:
    """What is not valid, or not for 60 more days, and what to do about it."""
    return [f"{line} {remedy(each.what)}" for each in found if (line := told(each))]


def told(found: Dated) -> str | None:
    """A sentence where it is not valid or not for 60 more days."""
    name, day = f"{found.what} {found.subject}".strip(), (found.not_after or "")[:10]
    if found.state == "expired":
        return f"The {name} expired on {day}."
    if found.state == "expiring":
        return f"The {name} expires on {day}, in {found.days_left} days."
    if found.state == "not_yet_valid":
        return f"The {name} is not valid yet, by the API server's clock."
    return None


def _state(certificate: Certificate, now: datetime) -> State:
    if now < certificate.not_before:
        return "not_yet_valid"
    if now > certificate.not_after:
        return "expired"
    return "expiring" if certificate.not_after < now + EXPIRES_SOON else "valid"


def remedy(what: str) -> str:
    """How one that ends is replaced."""
    if what == ANCHOR:
        return "A new one is added beside it first, and every proxy restarted, before an issuer of the new one comes."
    if what == ISSUER:
        return "Make a new one with the trust anchor's key; identity takes it up by itself."
    return "Each `helm upgrade` of linkerd-control-plane makes it anew."
