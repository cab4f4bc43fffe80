"""What the rows about cluster, control plane and nodes see, and what they say where they could not look."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.checks.test_rows import asked
from unit.core.check_cases import case, with_identity
from unit.core.factories import service
from unit.core.identities import chain

from meshroll.core.certificate_dates import ISSUER, Dated
from meshroll.core.checks import Case
from meshroll.core.mesh_identity import MeshIdentity

UNREAD = Dated(what=ISSUER, state="not_read", reason="the account may not read it")
EXPIRED = Dated(what="trust anchor", state="expired", not_after="2026-11-22T00:00:00Z", days_left=-3)


def dated(*certificates: Dated) -> Case:
    found = case()
    return replace(found, view=replace(found.view, certificates=certificates))


@pytest.mark.parametrize("row", ["certificate-not-valid", "issuer-unusable", "proxies-without-anchor"])
def test_an_issuer_that_may_not_be_read_is_skipped_and_not_passed(row: str) -> None:
    found = asked(row, dated(UNREAD))
    assert (found.state, found.reason) == ("skipped", "issuer: the account may not read it")


def test_a_certificate_that_is_over_is_told_beside_one_that_was_not_read() -> None:
    found = asked("certificate-not-valid", dated(UNREAD, EXPIRED))
    assert (found.state, len(found.findings)) == ("block", 1)


def test_an_issuer_that_was_read_is_judged_though_a_webhook_was_not() -> None:
    found = with_identity(MeshIdentity(chain()))
    webhook = replace(
        found, view=replace(found.view, certificates=(Dated(what="webhook x", state="not_read"),))
    )
    assert asked("issuer-unusable", webhook).state == "pass"


def test_a_service_address_of_ipv6_is_seen_where_pods_have_none_yet() -> None:
    six = service("omni", "omni")
    six["spec"]["clusterIP"] = "fd00:10::7"
    (finding,) = asked("ipv6-disabled", case(services=(six,))).findings
    assert finding.message.startswith("Services have IPv6 addresses")
    assert asked("ipv6-disabled", case(services=(service("omni", headless=True),))).state == "pass"
