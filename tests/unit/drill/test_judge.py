"""When a hypothesis holds, when it does not, and when nothing can be said."""

from __future__ import annotations

from typing import Any

import pytest

from meshroll.core.drill.judge import judge, of_drills
from meshroll.core.drill.model import HYPOTHESES, Drilled, Measures, Outcome, Scenario
from meshroll.core.errors import ExitCode

GOOD: dict[Scenario, dict[str, Any]] = {
    "rolling-deploy": {"new_pods": 3, "new_pod_seconds": 14.0},
    "pod-crash": {"new_pods": 1, "new_pod_seconds": 14.0, "gone_pod_seconds": 1.0},
    "scale-up": {"new_pods": 1, "new_pod_seconds": 14.0},
    "scale-down": {"gone_pod_seconds": 1.0},
    "degraded-pod": {"slow_pod_share": 0.01, "fair_share": 1 / 3, "slow_pod_slower": True},
    "partition": {"gone_pod_seconds": 1.0, "slow_pod_share": 0.0, "fair_share": 1 / 3},
}


def judged(scenario: Scenario, **otherwise: Any) -> tuple[Outcome, str]:
    fields = {"requests": 1000.0, "failed_requests": 0.0, **GOOD[scenario], **otherwise}
    return judge(scenario, Measures(source="-", precision_seconds=2.0, **fields), 0.01)


@pytest.mark.parametrize("scenario", HYPOTHESES)
def test_what_was_measured_well_holds(scenario: Scenario) -> None:
    assert judged(scenario)[0] == "held"
    assert judged(scenario, failed_requests=10.0)[0] == "held"


@pytest.mark.parametrize("scenario", HYPOTHESES)
def test_more_failures_than_a_gate_allows_refute_every_hypothesis(scenario: Scenario) -> None:
    outcome, why = judged(scenario, failed_requests=11.0)
    assert outcome == "not_held"
    assert "11 of 1000 calls failed" in why


@pytest.mark.parametrize("scenario", HYPOTHESES)
def test_without_traffic_nothing_is_said(scenario: Scenario) -> None:
    assert judge(scenario, None, 0.01)[0] == "inconclusive"


@pytest.mark.parametrize("scenario", HYPOTHESES)
def test_nothing_holds_of_no_calls_or_where_callers_were_not_counted(scenario: Scenario) -> None:
    assert judged(scenario, requests=0.0)[0] == "inconclusive"
    outcome, why = judged(scenario, uncounted_callers=("Deployment/omni",))
    assert outcome == "inconclusive"
    assert "Deployment/omni" in why
    assert judged(scenario, uncounted_callers=("Deployment/omni",), failed_requests=11.0)[0] == "not_held"


@pytest.mark.parametrize("scenario", ["pod-crash", "scale-down", "degraded-pod", "partition"])
def test_a_pod_that_nobody_had_called_proves_nothing(scenario: Scenario) -> None:
    assert judged(scenario, lost_pod_idle=True)[0] == "inconclusive"


@pytest.mark.parametrize("scenario", ["rolling-deploy", "pod-crash", "scale-up"])
def test_a_new_pod_that_takes_nothing_or_takes_it_late_refutes(scenario: Scenario) -> None:
    assert judged(scenario, idle_new_pods=1, new_pod_seconds=None)[0] == "not_held"
    assert judged(scenario, new_pod_seconds=32.0)[0] == "held"
    assert judged(scenario, new_pod_seconds=32.5)[0] == "not_held"
    assert judged(scenario, new_pods=0, new_pod_seconds=None)[0] == "inconclusive"


@pytest.mark.parametrize("scenario", ["pod-crash", "scale-down"])
def test_a_lost_pod_that_is_called_on_refutes_and_one_whose_callers_are_unseen_leaves_it_open(
    scenario: Scenario,
) -> None:
    assert judged(scenario, gone_pod_seconds=12.0)[0] == "held"
    assert judged(scenario, gone_pod_seconds=12.5)[0] == "not_held"
    assert judged(scenario, gone_pod_seconds=None)[0] == "inconclusive"


def test_a_cut_pod_that_is_called_on_without_an_answer_refutes_and_one_that_is_asked_now_and_then_does_not() -> (
    None
):
    """A balancer has to ask whether a pod is back."""
    assert judged("partition", slow_pod_share=0.03, gone_pod_seconds=15.0, failed_requests=5.0)[0] == "held"
    assert (
        judged("partition", slow_pod_share=0.04, gone_pod_seconds=15.0, failed_requests=25.0)[0] == "not_held"
    )
    why = judged("partition", slow_pod_share=0.33, failed_requests=330.0)[1]
    assert "the cut pod got 33% of the requests" in why
    assert judged("partition", slow_pod_share=None)[0] == "inconclusive"
    assert judged("partition", gone_pod_seconds=None)[0] == "inconclusive"


def test_a_slow_pod_that_keeps_more_than_half_of_its_share_refutes_only_if_it_was_slow() -> None:
    assert judged("degraded-pod", slow_pod_share=0.16)[0] == "held"
    assert judged("degraded-pod", slow_pod_share=0.17)[0] == "not_held"
    for unknown in (False, None):
        assert judged("degraded-pod", slow_pod_share=0.17, slow_pod_slower=unknown)[0] == "inconclusive"
        assert judged("degraded-pod", slow_pod_slower=unknown)[0] == "inconclusive"
        assert judged("degraded-pod", slow_pod_slower=unknown, slow_pod_slow_calls=True)[0] == "held"
        once = {"slow_pod_slow_calls": True, "slow_pod_unready": True, "slow_pod_share": 0.17}
        assert judged("degraded-pod", slow_pod_slower=unknown, **once)[0] == "inconclusive"
        unready = judged("degraded-pod", slow_pod_slower=unknown, slow_pod_unready=True)
        assert unready[0] == "held"
        assert "not Ready" in unready[1]
    assert judged("degraded-pod", slow_pod_share=None)[0] == "inconclusive"


def test_a_pod_that_answers_on_behind_a_policy_is_the_cnis_doing() -> None:
    outcome, why = judged("partition", gone_pod_seconds=15.0, slow_pod_share=0.33)
    assert outcome == "inconclusive"
    assert "CNI" in why
    # Called on and not answered: that is what a partition does to callers that stay.
    assert (
        judged("partition", gone_pod_seconds=15.0, slow_pod_share=0.33, failed_requests=330.0)[0]
        == "not_held"
    )


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], ExitCode.SUCCESS),
        (["held", "skipped"], ExitCode.SUCCESS),
        (["held", "inconclusive"], ExitCode.PAUSED),
        (["inconclusive", "not_held"], ExitCode.VERIFY_FAILED),
        (["aborted", "held"], ExitCode.VERIFY_FAILED),
    ],
)
def test_all_drills_together_end_as_the_worst_of_them(outcomes: list[Outcome], code: ExitCode) -> None:
    drills = [
        Drilled(scenario="scale-up", workload="Deployment/a", hypothesis="-", outcome=outcome, why="why")
        for outcome in outcomes
    ]
    end = of_drills(drills)
    assert end.exit_code == code
    assert len(end.problems) == len([each for each in outcomes if each not in ("held", "skipped")])
    assert end.roll_back is False
