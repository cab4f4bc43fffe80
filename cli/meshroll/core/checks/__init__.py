"""Look first: everything that would make a rollout fail, found before anything is changed. Rows are pure."""

from __future__ import annotations

from meshroll.core.checks import cluster, namespaces, traffic, workloads
from meshroll.core.checks.row import Case, Check
from meshroll.core.errors import Problem

ALL: tuple[Check, ...] = (*cluster.CHECKS, *namespaces.CHECKS, *workloads.CHECKS, *traffic.CHECKS)


def problems(case: Case) -> list[Problem]:
    """Every reason to refuse, of all rows at once: an operator mends them together, not one a run."""
    return [problem for check in ALL if case.direction in check.directions for problem in check.run(case)]


__all__ = ["ALL", "Case", "Check", "problems"]
