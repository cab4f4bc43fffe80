"""What becomes of a run that failed."""

from __future__ import annotations

import pytest
from unit.core.factories import Json

from meshroll.core.changes import Change
from meshroll.core.errors import ExitCode, Problem, Refused
from meshroll.core.journal import Entry, Record
from meshroll.core.outcome import Outcome, after_failure, after_rollback, end_unseen, of_verify, unread

BEGUN = Record("run", "rollout", "someone", ["charging"], "2026-01-01T00:00:00Z")
CHANGED = Record(
    "run",
    "rollout",
    "someone",
    ["charging"],
    "2026-01-01T00:00:00Z",
    entries=[Entry("Wave 1", Change("Deployment", "charging", "omni", "patch", "inject"))],
)


def failure(code: int, *problem_codes: str) -> Json:
    problems = [{"code": each, "message": each} for each in problem_codes or ("some-code",)]
    return {"msg": "x", "meshroll": {"exit_code": int(code), "problems": problems}}


@pytest.mark.parametrize(
    ("code", "record", "ends", "roll_back", "state"),
    [
        (ExitCode.ROLLED_BACK, CHANGED, 4, True, "rolled_back"),
        (ExitCode.ROLLED_BACK, BEGUN, 3, False, "failed"),
        (ExitCode.ROLLED_BACK, None, 3, False, "failed"),
        (ExitCode.ROLLBACK_INCOMPLETE, CHANGED, 5, False, "rollback_incomplete"),
        (ExitCode.PAUSED, CHANGED, 9, False, "paused"),
        (ExitCode.PAUSED, BEGUN, 9, False, "paused"),
        (ExitCode.INTERRUPTED, CHANGED, 130, False, "interrupted"),
        (ExitCode.DRIFT, CHANGED, 8, False, "failed"),
        (ExitCode.LOCKED, None, 7, False, "failed"),
        (ExitCode.REFUSED, None, 3, False, "failed"),
        (ExitCode.USAGE, None, 2, False, "failed"),
        (ExitCode.BUG, CHANGED, 1, False, "failed"),
    ],
)
def test_each_way_to_fail_has_its_end(
    code: ExitCode, record: Record | None, ends: int, roll_back: bool, state: str
) -> None:
    outcome = after_failure(failure(code), record, "sandbox")
    assert (outcome.exit_code, outcome.roll_back, outcome.state) == (ends, roll_back, state)


def test_an_api_server_that_goes_away_in_the_middle_is_a_failed_run() -> None:
    gone = failure(ExitCode.REFUSED, "api-unreachable")
    assert after_failure(gone, CHANGED, "sandbox") == Outcome(
        ExitCode.ROLLED_BACK, after_failure(gone, None, "sandbox").problems, True
    )
    assert after_failure(gone, BEGUN, "sandbox").exit_code == ExitCode.REFUSED


def test_a_task_of_another_collection_fails_the_run_with_its_own_words() -> None:
    outcome = after_failure({"msg": "helm: timed out"}, CHANGED, "sandbox")
    assert (outcome.exit_code, outcome.roll_back) == (4, True)
    assert [(p.code, p.message, p.cluster) for p in outcome.problems] == [
        ("task-failed", "helm: timed out", "sandbox")
    ]


def test_a_task_that_says_nothing_still_gives_a_reason() -> None:
    assert after_failure({}, None, "sandbox").problems[0].message


def test_a_role_that_refuses_its_arguments_is_bad_usage() -> None:
    outcome = after_failure({"msg": "wrong", "argument_errors": ["x"]}, CHANGED, "sandbox")
    assert (outcome.exit_code, outcome.roll_back) == (2, False)


def test_problems_are_told_of_the_cluster_they_are_in() -> None:
    outcome = after_failure(failure(ExitCode.REFUSED, "a", "b"), None, "sandbox")
    assert [(p.code, p.cluster) for p in outcome.problems] == [("a", "sandbox"), ("b", "sandbox")]


@pytest.mark.parametrize(
    ("code", "ends"), [("gate-failed", 10), ("gate-error", 11), ("gate-inconclusive", 9), ("drift", 9)]
)
def test_verify_has_exit_codes_of_its_own(code: str, ends: int) -> None:
    outcome = of_verify(after_failure(failure(ExitCode.PAUSED, code), None, "sandbox"))
    assert (outcome.exit_code, outcome.roll_back) == (ends, False)


def test_a_rollback_that_fails_says_both_reasons() -> None:
    first = after_failure(failure(ExitCode.ROLLED_BACK, "gate-failed"), CHANGED, "sandbox")
    assert after_rollback(first, True, None, "sandbox").exit_code == ExitCode.ROLLED_BACK
    both = after_rollback(first, False, failure(ExitCode.ROLLED_BACK, "workload-failed"), "sandbox")
    assert (both.exit_code, both.state) == (5, "rollback_incomplete")
    assert [problem.code for problem in both.problems] == ["gate-failed", "workload-failed"]


def test_a_failed_run_whose_way_back_was_not_gone_is_no_4() -> None:
    first = after_failure(failure(ExitCode.ROLLED_BACK, "gate-failed"), CHANGED, "sandbox")
    assert after_rollback(first, False, None, "sandbox").exit_code == ExitCode.ROLLBACK_INCOMPLETE


@pytest.mark.parametrize("code", ["api-unreachable", "api-403", "api-500"])
def test_an_api_server_that_says_no_in_the_middle_takes_the_run_back(code: str) -> None:
    refused = failure(ExitCode.REFUSED, code)
    assert after_failure(refused, CHANGED, "sandbox").roll_back
    assert not after_failure(refused, None, "sandbox").roll_back
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
