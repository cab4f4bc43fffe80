"""Errors as people read them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.errors import ExitCode, Problem
from meshroll.core.result import envelope
from meshroll.render.problems import ENDS, problem_lines

NOW = "2026-01-01T00:00:00Z"


def failed(code: ExitCode, *problems: Problem, **data: Any) -> dict[str, Any]:
    errors = [problem.as_dict() for problem in problems]
    return envelope(
        command="rollout",
        version="0",
        run_id=None,
        started_at=NOW,
        finished_at=NOW,
        exit_code=code,
        data=data,
        errors=errors,
    )


def test_what_failed_then_what_to_do_then_how_it_ended() -> None:
    problem = Problem("x", "No API.", "Start it.", "sandbox")
    assert problem_lines(failed(ExitCode.REFUSED, problem), coloured=False) == [
        "Error: No API.",
        "       Start it.",
        "Refused; nothing was changed. (exit code 3)",
    ]


def test_several_clusters_are_named_and_one_is_not() -> None:
    problem = Problem("x", "No API.", "", "eu", "charging", "Deployment/omni")
    one = problem_lines(failed(ExitCode.REFUSED, problem, clusters=[{}]), coloured=False)
    two = problem_lines(failed(ExitCode.REFUSED, problem, clusters=[{}, {}]), coloured=False)
    assert one[0] == "Error: charging Deployment/omni: No API."
    assert two[0] == "Error: eu charging Deployment/omni: No API."


def test_what_the_message_names_is_not_repeated() -> None:
    problem = Problem("x", "charging has no Deployment/omni.", "", None, "charging", "Deployment/omni")
    assert problem_lines(failed(ExitCode.REFUSED, problem), coloured=False)[0] == f"Error: {problem.message}"


def test_the_same_of_many_objects_is_said_once() -> None:
    problems = [
        Problem("x", "No limit.", "Set it.", None, "charging", f"Deployment/{name}") for name in "abc"
    ]
    lines = problem_lines(failed(ExitCode.REFUSED, *problems), coloured=False)
    assert lines[0] == "Error: charging Deployment/a, Deployment/b, Deployment/c: No limit."
    assert len(lines) == 3


def test_where_nothing_is_known_the_log_is_told() -> None:
    result = failed(ExitCode.BUG, Problem("x", "No result."), log_tail=["boom"], log_file="/tmp/log")
    lines = problem_lines(result, coloured=False)
    assert (lines[0], lines[-2]) == ("  | boom", "Log: /tmp/log")


def test_on_a_terminal_long_lines_fold_below_their_text() -> None:
    problem = Problem("x", "word " * 20, "See /a/path/that/is/longer/than/the/line/and/stays/whole.")
    lines = problem_lines(failed(ExitCode.REFUSED, problem), coloured=False, columns=40)
    assert all(line.startswith("       ") for line in lines[1:-1])
    assert max(len(line) for line in lines[:3]) <= 40
    assert any(line.endswith("/whole.") for line in lines)


def test_a_success_says_nothing() -> None:
    assert problem_lines(failed(ExitCode.SUCCESS), coloured=False) == []


@given(st.sampled_from(sorted(ENDS)), st.text(), st.text(), st.none() | st.text())
def test_any_error_can_be_told(code: ExitCode, message: str, hint: str, name: str | None) -> None:
    lines = problem_lines(failed(code, Problem("x", message, hint, name, name, name)), coloured=True)
    assert f"(exit code {int(code)})" in lines[-1]
