"""Exit codes, and the errors that carry them."""

from __future__ import annotations

import pytest

from meshroll.core import errors
from meshroll.core.errors import STATUS, ExitCode, MeshrollError, Problem

CLASSES = [
    each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, MeshrollError)
]


def test_every_exit_code_has_a_status() -> None:
    assert set(STATUS) == set(ExitCode)


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_keeps_its_problems_and_says_them(kind: type[MeshrollError]) -> None:
    problems = [Problem("a", "First."), Problem("b", "Second.")]
    error = kind(problems)
    assert error.problems == tuple(problems)
    assert str(error) == "First.; Second."
    assert kind(problems[0]).problems == (problems[0],)


def test_the_table_in_the_modules_docstring_is_true() -> None:
    for kind in CLASSES:
        if kind is not MeshrollError:
            assert f"  {kind.__name__:<15} {int(kind.exit_code):>3}  " in (errors.__doc__ or ""), kind


def test_a_problem_survives_the_way_through_ansible() -> None:
    problem = Problem("code", "message", "hint", "cluster", "namespace", "Deployment/omni")
    assert Problem.from_dict(problem.as_dict()) == problem
    assert Problem.from_dict({**problem.as_dict(), "unknown": 1}) == problem
