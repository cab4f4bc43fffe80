"""Look first: everything that would make a rollout fail, found before anything is changed. Rows are pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from meshroll.core.accepted import Accepted
from meshroll.core.checks import (
    annotated,
    autoscaling,
    aws,
    balancing,
    capacity,
    cluster,
    control_plane,
    disruption,
    eks,
    jobs,
    namespaces,
    policies,
    ports,
    quotas,
    shutdown,
    traffic,
    workloads,
)
from meshroll.core.checks.namespaces import PERMISSION_MISSING
from meshroll.core.checks.row import Case, Check, Direction
from meshroll.core.errors import Problem, UsageError
from meshroll.core.facts import Need, Unseen, gathered
from meshroll.core.settings import Checks, refuse_unknown

__all__ = ["ALL", "Case", "Check", "Checked", "acceptable", "as_dict", "check", "named", "needs", "problems"]

ALL: tuple[Check, ...] = (
    *cluster.CHECKS,
    *control_plane.CHECKS,
    *eks.CHECKS,
    *aws.CHECKS,
    *capacity.CHECKS,
    *namespaces.CHECKS,
    *policies.CHECKS,
    *annotated.CHECKS,
    *workloads.CHECKS,
    *disruption.CHECKS,
    *autoscaling.CHECKS,
    *quotas.CHECKS,
    *shutdown.CHECKS,
    *jobs.CHECKS,
    *traffic.CHECKS,
    *balancing.CHECKS,
    *ports.CHECKS,
)
State = Literal["pass", "note", "warn", "block", "accepted", "skipped"]


@dataclass(frozen=True)
class Checked:
    """A row and what it found. ``reason``: why it was skipped, wholly or in part, or why what it found is accepted."""

    check: Check
    findings: tuple[Problem, ...] = ()
    unseen: str | None = None
    accepted: str | None = None

    @property
    def state(self) -> State:
        if self.findings:
            return "accepted" if self.accepted else self.check.severity
        return "skipped" if self.unseen else "pass"

    @property
    def reason(self) -> str | None:
        return self.accepted if self.state == "accepted" else self.unseen


def needs(rows: Sequence[Check]) -> frozenset[Need]:
    return frozenset(need for row in rows for need in row.needs)


def that_weigh(direction: Direction) -> list[Check]:
    """Those that a run asks before it begins: notes, and what another command finds, are for who prepares one."""
    return [
        row
        for row in ALL
        if direction in row.directions and row.severity != "note" and "linkerd_check" not in row.needs
    ]


def for_looking(rows: Sequence[Check]) -> list[Check]:
    """What changes nothing needs no right to write: `plan` and `preflight` only say what a run would lack."""
    return [replace(row, severity="warn") if row.id == PERMISSION_MISSING else row for row in rows]


def check(
    case: Case, rows: Sequence[Check] = ALL, accepted: Mapping[str, str] | None = None
) -> list[Checked]:
    """Every row of the case's direction that can be asked with what was read.

    ``accepted`` has reasons by the row's id; None: those of the inventory.
    """
    reasons = acceptable(case.settings.checks, ()) if accepted is None else accepted
    return [
        _checked(row, case, reasons.get(row.id))
        for row in rows
        if case.direction in row.directions and (case.facts or not row.needs)
    ]


def problems(case: Case) -> list[Problem]:
    """Every reason to refuse, of all rows at once: an operator mends them together, not one a run."""
    return blocking_problems(check(case, [row for row in ALL if row.severity == "block"]))


def blocking_problems(checked: Sequence[Checked]) -> list[Problem]:
    return [problem for each in checked if each.state == "block" for problem in each.findings]


def accepted_hits(checked: Sequence[Checked]) -> list[Accepted]:
    """What a run goes on with all the same, for its journal and its result."""
    return [
        Accepted(found.code, found.message, each.accepted or "", found.namespace, found.object)
        for each in checked
        if each.state == "accepted"
        for found in each.findings
    ]


def lines(checked: Sequence[Checked]) -> list[str]:
    """What a run that goes on says: a line for each row that warns, and one for those that could not be asked."""
    told = []
    for each in checked:
        if each.state == "warn":
            more = f" And {len(each.findings) - 1} more." if len(each.findings) > 1 else ""
            told.append(f"{each.check.id}: {each.findings[0].message}{more}")
    unasked: dict[str, list[str]] = {}
    for each in checked:
        if each.state == "skipped":
            unasked.setdefault(str(each.unseen), []).append(each.check.id)
    return told + [f"Not looked at: {', '.join(ids)} ({reason})." for reason, ids in unasked.items()]


def _checked(row: Check, case: Case, accepted: str | None) -> Checked:
    found, unseen = gathered(_found(row, case))
    return Checked(row, found, unseen, accepted if row.acceptable else None)


def _found(row: Check, case: Case) -> Iterator[Problem]:
    """An object that a row does not understand is that row's end and no other's. Raises Unseen."""
    try:
        for each in row.run(case):
            yield row.problem(each)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise Unseen(
            f"{row.id} failed on what it was given ({type(error).__name__}: {error}); please report it"
        ) from error


def named(option: str, ids: Sequence[str]) -> list[Check]:
    """The rows of these ids, all of them for none. Raises UsageError for an id that no row has."""
    known = [row.id for row in ALL]
    refuse_unknown("check-unknown", option, "check of meshroll", ids, known, "docs/reference/checks.md")
    return [row for row in ALL if row.id in ids or not ids]


def acceptable(checks: Checks, ids: Sequence[str]) -> dict[str, str]:
    """Reasons by id: of the inventory, and of ``--accept``. Raises UsageError for what cannot be accepted."""
    reasons = {each.id: each.reason for each in checks.accept}
    rows = [
        *(named("meshroll_checks.accept", list(reasons)) if reasons else ()),
        *(named("--accept", ids) if ids else ()),
    ]
    wrong = [
        Problem(
            "check-not-acceptable",
            f"{row.id} cannot be accepted: no run comes to its end where {row.title!r} does not hold.",
            row.fix,
        )
        for row in rows
        if not row.acceptable
    ]
    if wrong:
        raise UsageError(wrong)
    return {**dict.fromkeys(ids, "--accept"), **reasons}


def result(case: Case, checked: Sequence[Checked]) -> dict[str, Any]:
    """What a cluster's entry in the result of `preflight` has."""
    return {
        "release": str(case.edge) if case.edge and case.view.control_plane.installed else None,
        "kubernetes_version": case.view.kubernetes_version,
        "checks": [as_dict(each) for each in checked],
    }


def as_dict(checked: Checked) -> dict[str, Any]:
    """A row with what it found, as results tell it."""
    row = checked.check
    return {
        "id": row.id,
        "title": row.title,
        "severity": row.severity,
        "result": checked.state,
        "reason": checked.reason,
        "findings": [problem.as_dict() for problem in checked.findings],
        "docs": f"docs/reference/checks.md#{row.id}",
    }
