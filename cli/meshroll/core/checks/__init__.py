"""Look first: everything that would make a rollout fail, found before anything is changed. Rows are pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from meshroll.core.checks import cluster, namespaces, traffic, workloads
from meshroll.core.checks.row import Case, Check
from meshroll.core.errors import Problem, UsageError
from meshroll.core.facts import Need, Unseen
from meshroll.core.settings import nearest

__all__ = ["ALL", "Case", "Check", "Checked", "as_dict", "check", "needs", "problems", "refuse_unknown"]

ALL: tuple[Check, ...] = (*cluster.CHECKS, *namespaces.CHECKS, *workloads.CHECKS, *traffic.CHECKS)
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


def rows_of(case: Case, rows: Sequence[Check] = ALL) -> list[Check]:
    """Those that ask about this direction, and can be asked with what was read."""
    return [row for row in rows if case.direction in row.directions and (case.facts or not row.needs)]


def check(
    case: Case, rows: Sequence[Check] = ALL, accepted: Mapping[str, str] | None = None
) -> list[Checked]:
    """Every row of the case's direction. ``accepted`` has reasons by the row's id."""
    return [_checked(row, case, (accepted or {}).get(row.id)) for row in rows_of(case, rows)]


def problems(case: Case, accepted: Mapping[str, str] | None = None) -> list[Problem]:
    """Every reason to refuse, of all rows at once: an operator mends them together, not one a run."""
    blocking = [row for row in ALL if row.severity == "block"]
    return blocking_problems(check(case, blocking, accepted))


def blocking_problems(checked: Sequence[Checked]) -> list[Problem]:
    return [problem for each in checked if each.state == "block" for problem in each.findings]


def _checked(row: Check, case: Case, accepted: str | None) -> Checked:
    found: list[Problem] = []
    unseen: str | None = None
    try:
        for each in row.run(case):
            found.append(row.problem(each))
    except Unseen as reason:
        unseen = str(reason)
    return Checked(row, tuple(found), unseen, accepted if row.acceptable else None)


def refuse_unknown(option: str, ids: Sequence[str], rows: Sequence[Check] = ALL) -> None:
    """Raises UsageError for an id that is none of ``rows``; ``option`` is where it was said."""
    known = [row.id for row in rows]
    wrong = [
        Problem(
            "check-unknown",
            f"{option} has {name}, which is no check{'' if rows is ALL else ' that can be accepted'}.",
            nearest(name, known, otherwise="docs/reference/checks.md lists them."),
        )
        for name in ids
        if name not in known
    ]
    if wrong:
        raise UsageError(wrong)


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
