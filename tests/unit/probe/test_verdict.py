"""What a probe's answers prove."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.gate.ending import ending
from meshroll.core.gate.verdict import Outcome, Verdict
from meshroll.core.outcome import after_failure, of_verify
from meshroll.core.probe.answers import Answers, parse
from meshroll.core.probe.target import Aim
from meshroll.core.probe.verdict import judge, too_few, unmeasured


def aimed(pods: int, near: str = "") -> Aim:
    return Aim(
        "charging", "tariffs", 80, True, tuple(f"tariffs-{number}" for number in range(pods)), near=near
    )


def said(*shares: int, balanced: int | None = None, codes: str = "", connections: int = 1) -> Answers:
    """A result of the script with so many answers of tariffs-0, tariffs-1 and so on; all calls succeed."""
    total = sum(shares)
    lines = [f"connections {connections}", codes or f"calls 200 0 {total}"]
    lines.append(f"answered {total} {total if balanced is None else balanced}")
    lines += [f"pod tariffs-{number} {count}" for number, count in enumerate(shares) if count]
    found = parse("\n".join(lines))
    assert found is not None
    return found


def judged(pods: int, *shares: int, near: str = "", **what: object) -> Verdict:
    return judge(aimed(pods, near), said(*shares, **what), 0.99)  # type: ignore[arg-type]


def exit_code(verdict: Verdict) -> int:
    error = ending(verdict, "charging")
    if error is None:
        return 0
    problems = [problem.as_dict() for problem in error.problems]
    failure = {"meshroll": {"exit_code": int(error.exit_code), "problems": problems}}
    return int(of_verify(after_failure(failure, False, "sandbox")).exit_code)


@pytest.mark.parametrize("shares", [(34, 33, 33), (50, 30, 20), (60, 40, 0)])
def test_three_pods_within_the_better_of_two_are_successful(shares: tuple[int, ...]) -> None:
    verdict = judged(3, *shares)
    assert verdict.outcome == Outcome.SUCCESSFUL
    assert exit_code(verdict) == 0
    assert "100 calls on one held connection" in verdict.summary


def test_the_verdict_has_what_each_pod_answered_the_silent_ones_too() -> None:
    verdict = judged(3, 60, 40, 0)
    (service, *pods) = verdict.workloads
    assert service.workload == "Service/tariffs"
    assert [(each.workload, each.findings[0].value) for each in pods] == [
        ("Pod/tariffs-0", 60.0),
        ("Pod/tariffs-1", 40.0),
        ("Pod/tariffs-2", 0.0),
    ]
    assert "tariffs-0 60, tariffs-1 40, tariffs-2 0" in verdict.summary


@pytest.mark.parametrize("pods", [3, 5, 10])
def test_all_calls_on_one_of_three_or_more_pods_are_failed(pods: int) -> None:
    verdict = judged(pods, 100)
    assert (verdict.outcome, exit_code(verdict)) == (Outcome.FAILED, 10)
    assert verdict.hint


def test_all_on_one_of_two_is_inconclusive_if_the_proxy_balanced_and_failed_if_not() -> None:
    assert judged(2, 100).outcome == Outcome.INCONCLUSIVE
    assert judged(2, 99, 1).outcome == Outcome.SUCCESSFUL
    verdict = judged(2, 100, balanced=0)
    assert verdict.outcome == Outcome.FAILED
    assert "socket load balancer" in verdict.hint


@pytest.mark.parametrize("pods", [2, 3])
def test_an_even_spread_that_the_proxy_did_not_choose_is_failed(pods: int) -> None:
    assert judged(pods, *[30] * pods, balanced=0).outcome == Outcome.FAILED


def test_a_service_that_keeps_calls_near_is_inconclusive_on_one_pod() -> None:
    verdict = judged(6, 100, near="trafficDistribution: PreferClose")
    assert (verdict.outcome, exit_code(verdict)) == (Outcome.INCONCLUSIVE, 9)
    assert "trafficDistribution" in verdict.summary


def test_calls_that_fail_are_failed_with_their_codes() -> None:
    verdict = judged(3, 20, 20, 20, codes="calls 200 0 60\ncalls 200 14 30\ncalls 000 - 10")
    assert verdict.outcome == Outcome.FAILED
    assert "40 of 100 calls" in verdict.summary
    assert "HTTP 200 grpc-status 14" in verdict.summary
    assert "10 x no answer" in verdict.summary


@pytest.mark.parametrize("codes", ["calls 503 - 100", "calls 502 - 90\ncalls 200 14 10", "calls 000 - 100"])
@pytest.mark.parametrize("shares", [(34, 33, 33), (0, 0, 0)])
def test_if_every_call_fails_the_probe_may_ask_wrongly_so_nothing_is_measured(
    codes: str, shares: tuple[int, ...]
) -> None:
    verdict = judged(3, *shares, codes=codes)
    assert (verdict.outcome, exit_code(verdict)) == (Outcome.ERROR, 11)
    assert "all 100 calls" in verdict.summary
    assert "NetworkPolicy" in verdict.hint and "tariffs:80/PATH" in verdict.hint


@pytest.mark.parametrize(
    ("codes", "shown"),
    [
        ("calls 404 - 99", "99 x HTTP 404"),
        ("calls 200 12 99", "99 x HTTP 200 grpc-status 12"),
        ("calls 403 - 99", "99 x HTTP 403"),
    ],
)
def test_an_answer_that_says_no_is_an_answer_and_is_told(codes: str, shown: str) -> None:
    verdict = judged(3, 33, 33, 33, codes=codes)
    assert verdict.outcome == Outcome.SUCCESSFUL
    assert shown in verdict.summary


def test_one_failure_in_a_hundred_is_no_reason() -> None:
    assert judged(3, 33, 33, 34, codes="calls 200 0 99\ncalls 200 14 1").outcome == Outcome.SUCCESSFUL


def test_calls_that_the_proxy_did_not_count_went_past_it() -> None:
    found = parse("connections 1\ncalls 200 0 100\nanswered 0 0")
    assert found is not None
    verdict = judge(aimed(3), found, 0.99)
    assert verdict.outcome == Outcome.FAILED
    assert "went past it" in verdict.summary


def test_of_many_pods_the_busiest_are_told_and_the_others_as_a_sum() -> None:
    told = [f"pod tariffs-{number} 2" for number in range(40)]
    found = parse("\n".join(["connections 1", "calls 200 0 100", "answered 100 100", *told]))
    assert found is not None
    verdict = judge(aimed(60), found, 0.99)
    assert verdict.outcome == Outcome.SUCCESSFUL
    assert "others 90" in verdict.summary
    assert len(verdict.workloads) == 41


def test_few_calls_prove_nothing() -> None:
    assert judged(3, 5, 4, 4).outcome == Outcome.INCONCLUSIVE


def test_no_call_at_all_is_not_successful() -> None:
    found = parse("connections 0\nanswered 0 0")
    assert found is not None
    assert judge(aimed(3), found, 0.99).outcome == Outcome.INCONCLUSIVE


def test_one_pod_is_inconclusive_without_a_probe() -> None:
    assert too_few(aimed(2)) is None
    verdict = too_few(aimed(1))
    assert verdict and (verdict.outcome, exit_code(verdict)) == (Outcome.INCONCLUSIVE, 9)


def test_a_probe_without_a_result_is_an_error() -> None:
    verdict = unmeasured(aimed(3), "its pod got no proxy", "Look at the injector.")
    assert (verdict.outcome, exit_code(verdict)) == (Outcome.ERROR, 11)


@given(st.integers(2, 12), st.lists(st.integers(0, 100), min_size=1, max_size=12), st.integers(0, 100))
def test_a_verdict_is_never_successful_with_all_on_one_pod(pods: int, shares: list[int], failed: int) -> None:
    shares = shares[:pods]
    codes = f"calls 200 0 {sum(shares)}\ncalls 000 - {failed}"
    verdict = judge(aimed(pods), said(*shares, codes=codes), 0.99)
    if len([share for share in shares if share]) < 2:
        assert verdict.outcome != Outcome.SUCCESSFUL
    if verdict.outcome != Outcome.SUCCESSFUL:
        assert verdict.hint
