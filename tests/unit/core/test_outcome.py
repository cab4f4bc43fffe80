"""What becomes of a run that failed."""

from __future__ import annotations

import pytest
from unit.core.factories import Json

from meshroll.core.errors import ExitCode, Problem, Refused
from meshroll.core.outcome import Outcome, after_failure, after_rollback, end_unseen, of_verify, unread


def failure(code: int, *problem_codes: str) -> Json:
    problems = [{"code": each, "message": each} for each in problem_codes or ("some-code",)]
    return {"msg": "x", "meshroll": {"exit_code": int(code), "problems": problems}}


@pytest.mark.parametrize(
    ("code", "changed", "ends", "roll_back", "state"),
    [
        (ExitCode.ROLLED_BACK, True, 4, True, "rolled_back"),
        (ExitCode.ROLLED_BACK, False, 3, False, "failed"),
        (ExitCode.ROLLBACK_INCOMPLETE, True, 5, False, "rollback_incomplete"),
        (ExitCode.PAUSED, True, 9, False, "paused"),
        (ExitCode.PAUSED, False, 9, False, "paused"),
        (ExitCode.INTERRUPTED, True, 130, False, "interrupted"),
        (ExitCode.DRIFT, True, 8, False, "failed"),
        (ExitCode.LOCKED, False, 7, False, "failed"),
        (ExitCode.REFUSED, False, 3, False, "failed"),
        (ExitCode.USAGE, False, 2, False, "failed"),
        (ExitCode.BUG, True, 1, False, "failed"),
    ],
)
def test_each_way_to_fail_has_its_end(
    code: ExitCode, changed: bool, ends: int, roll_back: bool, state: str
) -> None:
    outcome = after_failure(failure(code), changed, "sandbox")
    assert (outcome.exit_code, outcome.roll_back, outcome.state) == (ends, roll_back, state)


def test_an_api_server_that_goes_away_in_the_middle_is_a_failed_run() -> None:
    gone = failure(ExitCode.REFUSED, "api-unreachable")
    assert after_failure(gone, True, "sandbox") == Outcome(
        ExitCode.ROLLED_BACK, after_failure(gone, False, "sandbox").problems, True
    )
    assert after_failure(gone, False, "sandbox").exit_code == ExitCode.REFUSED


def test_a_task_of_another_collection_fails_the_run_with_its_own_words() -> None:
    outcome = after_failure({"msg": "helm: timed out"}, True, "sandbox")
    assert (outcome.exit_code, outcome.roll_back) == (4, True)
    assert [(p.code, p.message, p.cluster) for p in outcome.problems] == [
        ("task-failed", "helm: timed out", "sandbox")
    ]


def test_a_task_that_says_nothing_still_gives_a_reason() -> None:
    assert after_failure({}, False, "sandbox").problems[0].message


def test_a_role_that_refuses_its_arguments_is_bad_usage() -> None:
    outcome = after_failure({"msg": "wrong", "argument_errors": ["x"]}, True, "sandbox")
    assert (outcome.exit_code, outcome.roll_back) == (2, False)


def test_problems_are_told_of_the_cluster_they_are_in() -> None:
    outcome = after_failure(failure(ExitCode.REFUSED, "a", "b"), False, "sandbox")
    assert [(p.code, p.cluster) for p in outcome.problems] == [("a", "sandbox"), ("b", "sandbox")]


@pytest.mark.parametrize(
    ("code", "ends"), [("gate-failed", 10), ("gate-error", 11), ("gate-inconclusive", 9), ("drift", 9)]
)
def test_verify_has_exit_codes_of_its_own(code: str, ends: int) -> None:
    outcome = of_verify(after_failure(failure(ExitCode.PAUSED, code), False, "sandbox"))
    assert (outcome.exit_code, outcome.roll_back) == (ends, False)


def test_a_rollback_that_fails_says_both_reasons() -> None:
    first = after_failure(failure(ExitCode.ROLLED_BACK, "gate-failed"), True, "sandbox")
    assert after_rollback(first, True, None, "sandbox").exit_code == ExitCode.ROLLED_BACK
    both = after_rollback(first, False, failure(ExitCode.ROLLED_BACK, "workload-failed"), "sandbox")
    assert (both.exit_code, both.state) == (5, "rollback_incomplete")
    assert [problem.code for problem in both.problems] == ["gate-failed", "workload-failed"]


def test_a_failed_run_whose_way_back_was_not_gone_is_no_4() -> None:
    first = after_failure(failure(ExitCode.ROLLED_BACK, "gate-failed"), True, "sandbox")
    assert after_rollback(first, False, None, "sandbox").exit_code == ExitCode.ROLLBACK_INCOMPLETE


@pytest.mark.parametrize("code", ["api-unreachable", "api-403", "api-500"])
def test_an_api_server_that_says_no_in_the_middle_takes_the_run_back(code: str) -> None:
    refused = failure(ExitCode.REFUSED, code)
    assert after_failure(refused, True, "sandbox").roll_back
    assert not after_failure(refused, False, "sandbox").roll_back
    assert unread(refused, "sandbox").roll_back, "a journal that cannot be read may hold changes"


def test_a_pause_is_not_taken_back_because_the_journal_cannot_be_read() -> None:
    assert not unread(failure(ExitCode.PAUSED, "gate-inconclusive"), "sandbox").roll_back


@pytest.mark.parametrize(
    ("begun", "failed", "code"),
    [
        (False, False, ExitCode.REFUSED),
        (True, False, ExitCode.INTERRUPTED),
        (True, True, ExitCode.ROLLBACK_INCOMPLETE),
    ],
)
def test_a_cluster_that_cannot_be_seen_in_the_end(begun: bool, failed: bool, code: ExitCode) -> None:
    known = Outcome(ExitCode.ROLLBACK_INCOMPLETE if failed else ExitCode.SUCCESS, (), False)
    error = Refused(Problem("api-unreachable", "away", "wait"))
    assert end_unseen(known, error, begun, failed).exit_code == code
