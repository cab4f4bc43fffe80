"""What becomes of Helm's records of a release that was never done, and of a Linkerd that Helm knows nothing of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.chart_values import CONTROL_PLANE_CHART, CRDS_CHART
from meshroll.core.errors import Problem
from meshroll.core.helm_records import HelmRelease, at_work_seconds, before_hop, newest_of

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
PENDING = ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling"]
STATUSES = [*PENDING, "deployed", "superseded", "failed", "uninstalled"]
INJECTOR: dict[str, Any] = {"metadata": {"name": "linkerd-proxy-injector"}}


def release(
    status: str = "deployed", age_seconds: float = 3600.0, name: str = CONTROL_PLANE_CHART, revision: int = 4
) -> HelmRelease:
    changed_at = NOW - timedelta(seconds=age_seconds)
    record = f"sh.helm.release.v1.{name}.v{revision}"
    deployed = revision if status == "deployed" else revision - 1 or None
    return HelmRelease(name, "linkerd", revision, status, changed_at, record, deployed)


def before(
    plane: HelmRelease, ours: bool = False, deployments: tuple[dict[str, Any], ...] = (INJECTOR,)
) -> tuple[list[HelmRelease], list[Problem]]:
    helm = {CRDS_CHART: release(name=CRDS_CHART), CONTROL_PLANE_CHART: plane}
    return before_hop(helm, deployments, "linkerd", ours, NOW)


@given(st.sampled_from(STATUSES), st.integers(0, 200), st.booleans(), st.integers(1, 9))
def test_a_record_is_let_be_dropped_or_refused_and_dropped_only_if_ours_and_nobody_works_on_it(
    status: str, age_seconds: int, ours: bool, revision: int
) -> None:
    record = release(status, age_seconds, revision=revision)
    drop, problems = before(record, ours)
    settled = status in ("deployed", "superseded")
    assert [settled, drop == [record], bool(problems)].count(True) == 1
    if drop:
        assert ours and (status not in PENDING or age_seconds >= 60)
    for problem in problems:
        assert problem.code == "helm-release-in-the-way" and problem.object == f"Secret/{record.record}"
        assert ("run again in" in problem.hint) == ours


@pytest.mark.parametrize(
    ("status", "revision", "command"),
    [
        ("pending-upgrade", 4, "helm -n linkerd rollback linkerd-control-plane 3"),
        ("pending-rollback", 4, "helm -n linkerd rollback linkerd-control-plane 3"),
        ("failed", 4, "helm -n linkerd rollback linkerd-control-plane 3"),
        ("pending-install", 1, "helm -n linkerd uninstall linkerd-control-plane"),
        ("uninstalling", 4, "helm -n linkerd uninstall linkerd-control-plane"),
    ],
)
def test_what_somebody_else_left_is_refused_with_the_command_that_ends_it(
    status: str, revision: int, command: str
) -> None:
    (problem,) = before(release(status, 9999, revision=revision))[1]
    assert f"`{command}`" in problem.hint


@pytest.mark.parametrize(
    ("statuses", "deployed"),
    [
        (["deployed"], 1),
        (["superseded", "deployed"], 2),
        (["deployed", "failed"], 1),
        (["superseded", "deployed", "pending-upgrade"], 2),
        # Helm was killed between its last two writes.
        (["superseded", "superseded", "pending-rollback"], 2),
        (["pending-install"], None),
    ],
)
def test_what_ran_before_is_the_last_that_ended_well(statuses: list[str], deployed: int | None) -> None:
    records = [release(status, revision=number) for number, status in enumerate(statuses, 1)]
    others = [release(name=CRDS_CHART, revision=9)]
    for each in (records, records[::-1]):
        newest = newest_of([*each, *others])[CONTROL_PLANE_CHART]
        assert (newest.revision, newest.status, newest.deployed) == (len(statuses), statuses[-1], deployed)


def test_how_long_helm_may_still_be_at_work() -> None:
    assert at_work_seconds(release("pending-upgrade", 15), NOW) == 45.0
    assert at_work_seconds(release("pending-upgrade", 75), NOW) == 0.0
    assert at_work_seconds(release("failed", 1), NOW) == 0.0


def test_a_linkerd_that_helm_did_not_install_is_not_upgraded() -> None:
    plane, crds = release(), release(name=CRDS_CHART)
    cases = {(): "linkerd upgrade | kubectl apply", (plane,): "helm -n linkerd install linkerd-crds"}
    for known, way in cases.items():
        _, (problem,) = before_hop({each.name: each for each in known}, (INJECTOR,), "linkerd", False, NOW)
        assert problem.code == "not-by-helm" and way in problem.hint
    assert before_hop({CRDS_CHART: crds}, (INJECTOR,), "linkerd", False, NOW)[1][0].code == "not-by-helm"


def test_a_control_plane_in_git_is_not_upgraded_beside_it() -> None:
    flux = {"metadata": {"name": "linkerd-identity", "labels": {"helm.toolkit.fluxcd.io/name": "linkerd"}}}
    (problem,) = before(release(), deployments=(INJECTOR, flux))[1]
    assert problem.code == "control-plane-in-git" and problem.message.startswith("Flux keeps")
