"""What ends on a day of its own is told beside when the upgrade is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from meshroll.adapters.eks_facts import known_supports
from meshroll.core.certificate_dates import Dated
from meshroll.core.eks_facts import Support
from meshroll.core.upgrade.deadlines import Deadline, deadlines, pressing

SUPPORTS = {"1.33": Support(date(2026, 7, 29), date(2027, 7, 29))}
EKS = "v1.33.4-eks-a1b2c3d"
ISSUER = Dated(what="issuer", state="valid", not_after="2026-12-10T08:00:00Z", days_left=10)
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def test_the_first_end_comes_first_and_a_certificate_that_was_not_read_has_none() -> None:
    found = deadlines((Dated(what="trust anchor", state="not_read"), ISSUER), EKS, SUPPORTS)
    assert found == (
        Deadline("standard support of Kubernetes 1.33 on EKS", "2026-07-29T00:00:00Z", False),
        Deadline("the issuer", "2026-12-10T08:00:00Z", True),
        Deadline("extended support of Kubernetes 1.33 on EKS", "2027-07-29T00:00:00Z", False),
    )


@pytest.mark.parametrize("version", ["v1.33.4", "v1.33.4+k3s1", "v1.99.0-eks-a1b2c3d"])
def test_support_ends_only_on_eks_and_for_versions_that_are_known(version: str) -> None:
    assert deadlines((), version, SUPPORTS) == ()


def test_every_known_version_of_eks_ends_twice() -> None:
    for version in known_supports():
        standard, extended = deadlines((), f"v{version}.0-eks-1", known_supports())
        assert standard.what.startswith("standard") and extended.what.startswith("extended")


@pytest.mark.parametrize(
    ("days", "start_in_days", "said"),
    [
        (10, 20, True),  # too late for it
        (10, 10, True),
        (10, 5, False),  # a warning of its own tells of it
        (10, None, False),
        (-1, 20, False),  # over: told as expired
    ],
)
def test_a_certificate_presses_where_it_ends_before_the_upgrade_may_begin(
    days: int, start_in_days: int | None, said: bool
) -> None:
    ends = Deadline("the issuer", (NOW + timedelta(days=days)).isoformat(), True)
    start = None if start_in_days is None else NOW + timedelta(days=start_in_days)
    assert bool(pressing((ends,), start, NOW)) == said


@pytest.mark.parametrize(("days", "said"), [(60, True), (61, False), (-1, False)])
def test_the_end_of_support_presses_within_60_days(days: int, said: bool) -> None:
    ends = Deadline(
        "extended support of Kubernetes 1.33 on EKS", (NOW + timedelta(days=days)).isoformat(), False
    )
    assert bool(pressing((ends,), None, NOW)) == said


def test_what_presses_is_one_sentence() -> None:
    found = deadlines((ISSUER,), EKS, {"1.33": Support(date(2026, 12, 5), date(2027, 12, 5))})
    assert pressing(found, NOW + timedelta(days=7), NOW) == (
        " Standard support of Kubernetes 1.33 on EKS ends on 2026-12-05, before that."
    )
    assert pressing(found, NOW + timedelta(days=11), NOW) == (
        " Standard support of Kubernetes 1.33 on EKS ends on 2026-12-05, before that; "
        "the issuer ends on 2026-12-10, before that."
    )
