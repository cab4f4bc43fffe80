"""How long certificates last, and what is said of their end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.adapters.certificates import make
from meshroll.adapters.chain import read_certificates
from meshroll.core.certificate_dates import ANCHOR, ISSUER, Dated, State, dated, told, warnings, webhook_name
from meshroll.core.certificates import Certificate, anchor_spec, issuer_spec

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ROOT = make(anchor_spec("linkerd", "cluster.local"), NOW)


def lasting(days: float, begun: float = 1.0) -> Certificate:
    begin, end = NOW - timedelta(days=begun), NOW + timedelta(days=days)
    return Certificate("root.linkerd.cluster.local", (), True, "ECDSA P-256", "ECDSA-SHA256", begin, end)


@pytest.mark.parametrize(
    ("days", "state", "left"),
    [
        (61, "valid", 61),
        (60.5, "valid", 60),
        (59.5, "expiring", 59),
        (0.5, "expiring", 0),
        (-0.5, "expired", -1),
    ],
)
def test_the_last_sixty_days_are_a_warning_and_what_is_over_is_expired(
    days: float, state: State, left: int
) -> None:
    (found,) = dated(ANCHOR, [lasting(days)], NOW)
    assert (found.state, found.days_left) == (state, left)
    assert bool(warnings([found])) == (state != "valid")


def test_a_certificate_of_tomorrow_is_not_valid_yet() -> None:
    (found,) = dated(ISSUER, [lasting(365, begun=-1)], NOW)
    assert found.state == "not_yet_valid"
    assert "clock" in (told(found) or "")


@given(st.floats(-1000, 4000), st.floats(-10, 1000))
def test_each_is_told_with_its_day_and_only_what_needs_somebody_is_warned_of(
    days: float, begun: float
) -> None:
    (found,) = dated(ISSUER, [lasting(days, begun)], NOW)
    assert found.not_after == (NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(warnings([found])) == (found.state != "valid")


def test_a_warning_says_what_ends_when_and_what_to_do() -> None:
    found = [
        *dated(ANCHOR, [lasting(10)], NOW),
        *dated(ISSUER, [lasting(-3)], NOW),
        *dated(webhook_name("linkerd-proxy-injector-webhook-config"), [lasting(20)], NOW),
        Dated(what=ISSUER, state="not_read", reason="the account may not read it"),
    ]
    anchor, issuer, webhook = warnings(found)
    assert anchor.startswith(
        "The trust anchor root.linkerd.cluster.local expires on 2026-12-05, in 10 days. A new one"
    )
    assert issuer.startswith("The issuer root.linkerd.cluster.local expired on 2026-11-22. Make a new one")
    assert "webhook linkerd-proxy-injector" in webhook and "helm upgrade" in webhook


def test_every_anchor_of_a_bundle_is_read() -> None:
    issuer = make(issuer_spec("linkerd", "cluster.local"), NOW, ROOT)
    found = read_certificates(ROOT.certificate_pem + issuer.certificate_pem)
    assert [each.subject for each in found] == [
        "root.linkerd.cluster.local",
        "identity.linkerd.cluster.local",
    ]
    assert [(each.not_after - NOW).days for each in found] == [3650, 365]


@pytest.mark.parametrize(
    "pem", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_a_value_error(pem: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_certificates(pem)
