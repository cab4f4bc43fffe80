"""What a verdict means for the run."""

from __future__ import annotations

import pytest

from meshroll.core.errors import Failed, Paused
from meshroll.core.gate.ending import ending, unacted
from meshroll.core.gate.verdict import Outcome, Verdict, WorkloadVerdict

FAILING = WorkloadVerdict(workload="Deployment/points", outcome=Outcome.FAILED, findings=())
UNMEASURED = WorkloadVerdict(workload="Deployment/omni", outcome=Outcome.ERROR, findings=())
SOUND = WorkloadVerdict(workload="Deployment/tariffs", outcome=Outcome.SUCCESSFUL, findings=())
NOT_GOOD = (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.ERROR)


def verdict(outcome: Outcome) -> Verdict:
    return Verdict(outcome=outcome, summary=f"{outcome}: so it was.", wave="Wave 1")


def test_a_run_goes_back_when_failed_waits_when_nothing_is_proved_and_goes_on_when_successful() -> None:
    assert isinstance(ending(verdict(Outcome.FAILED), "charging"), Failed)
    assert isinstance(ending(verdict(Outcome.INCONCLUSIVE), "charging"), Paused)
    assert isinstance(ending(verdict(Outcome.ERROR), "charging"), Paused)
    assert ending(verdict(Outcome.SUCCESSFUL), "charging") is None


def test_its_problem_is_about_who_failed_and_who_was_not_measured() -> None:
    failed = Verdict(outcome=Outcome.FAILED, summary="Failed: so.", workloads=(SOUND, FAILING, UNMEASURED))
    error = ending(failed, "charging")
    assert error and error.problems[0].object == "Deployment/points, Deployment/omni"


@pytest.mark.parametrize("outcome", NOT_GOOD)
def test_a_dry_run_goes_on_with_the_same_outcome_and_says_that_nothing_is_done(outcome: Outcome) -> None:
    dry = unacted(verdict(outcome))
    assert ending(dry, "charging") is None
    assert dry.outcome == outcome
    assert dry.summary == f"{outcome}: so it was. Dry run: nothing is done about it."


def test_a_successful_dry_run_needs_no_words() -> None:
    assert unacted(verdict(Outcome.SUCCESSFUL)).summary == "Successful: so it was."
