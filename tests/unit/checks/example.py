"""For each row of the look: a case that it passes, one that it does not, and what it then says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from meshroll.core.checks import Case
from meshroll.core.facts import Facts


@dataclass(frozen=True)
class Example:
    """``says`` is the message of the first finding; docs/reference/checks.md shows it."""

    id: str
    passes: Callable[[], Case]
    fails: Callable[[], Case]
    says: str


def with_facts(case: Case, **parts: Any) -> Case:
    """``case`` with what else was read: ``with_facts(case(), listed={"jobs": (...)})``."""
    return replace(case, facts=Facts(case.view, **parts))
