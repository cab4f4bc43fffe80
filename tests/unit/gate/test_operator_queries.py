"""The inventory's own queries beside what is counted: another witness, which takes none away."""

from __future__ import annotations

import msgspec
import pytest

from meshroll.core.gate.baseline import outside_limits
from meshroll.core.gate.history import share_queries, with_past
from meshroll.core.gate.measurements import Measurements, Query, Sample
from meshroll.core.gate.reading import read
from meshroll.core.gate.signals import PROXIES, Reading, Signals, Traffic
from meshroll.core.gate.together import together
from meshroll.core.gate.traffic import OPERATOR
from meshroll.core.gate.verdict import Outcome
from meshroll.core.settings import Gate

from .counted import counts_of
from .test_history import OMNI, PER_BLOCK, dice, verdict

BLOCK = 30.0


def look(
    told: float | None = None,
    per_second: float | None = None,
    failed: float = 0.0,
    proxies: bool = True,
    counts: bool = True,
) -> Reading:
    """One block of omni: its application and its proxy count the same requests, its operator tells a ratio of them."""
    asked, samples = {}, {}
    for number, (signal, value) in enumerate((("success_ratio", told), ("requests_per_second", per_second))):
        if value is not None:
            name = f"operator-{number}"
            asked[name] = Query(name, signal, "as named", "", workload_label="workload")
            samples[name] = [Sample({"workload": "omni"}, value)]
    answered = {"success": PER_BLOCK - failed, "failure": failed}
    if counts:
        samples["application-grpc-responses"] = [
            Sample({"pod": "omni-1", "classification": said}, value) for said, value in answered.items()
        ]
    if proxies:
        samples["inbound-responses"] = [
            Sample({"deployment": "omni", "classification": "success"}, PER_BLOCK)
        ]
        samples["inbound-requests"] = [Sample({"deployment": "omni", "pod": "omni-1"}, PER_BLOCK)]
        for query, value in (("proxy-targets", 1.0), ("proxy-scrape-age", 1.0)):
            samples[query] = [Sample({"deployment": "omni", "pod": "omni-1"}, value)]
    return read(Measurements("charging", 1000.0, BLOCK, asked, samples), {"omni-1": OMNI})


def before(told: float | None) -> dict[str, Signals]:
    blocks = [look(told, failed=failed, proxies=False) for failed in dice(0.75, 60, 2)]
    return with_past(dict(blocks[-1].signals), [counts_of(block) for block in blocks])


@pytest.mark.parametrize("told", [None, 0.9999])
def test_who_gives_queries_is_compared_with_before_by_what_the_application_counts_as_anybody(
    told: float | None,
) -> None:
    found = verdict(before(told), [look(told, failed=failed) for failed in dice(10.0, 20, 3)])
    finding = found.workloads[0].finding("application_failed_ratio")
    assert finding is not None
    assert (found.outcome, finding.outcome) == (Outcome.FAILED, Outcome.FAILED)


def test_a_query_takes_nothing_away_from_what_is_counted() -> None:
    without, beside = look(failed=3.0).of(OMNI), look(0.99, 50.0, failed=3.0).of(OMNI)
    assert beside.told is not None
    assert msgspec.structs.replace(beside, told=None) == without


def test_what_the_query_calls_a_failure_fails_a_gate_that_nobody_else_would() -> None:
    found = verdict(before(0.9999), [look(0.97)] * 8)
    assert found.outcome == Outcome.FAILED
    assert "3 % of 12000 requests (by application_queries) failed" in found.summary


def test_it_is_held_to_what_it_was_before_and_not_only_to_the_limit() -> None:
    found = verdict(before(0.9999), [look(0.993)] * 20)
    finding = found.workloads[0].finding("told_failed_ratio")
    assert finding is not None
    assert (found.outcome, finding.outcome) == (Outcome.FAILED, Outcome.FAILED)
    assert verdict(before(0.993), [look(0.993)] * 20).outcome == Outcome.SUCCESSFUL


def test_before_anything_is_counted_the_query_is_the_baseline_that_it_is_compared_with() -> None:
    blocks = [look(0.9999, 50.0, proxies=False, counts=False)] * 60
    past = with_past(dict(blocks[-1].signals), [counts_of(block) for block in blocks])
    found = verdict(past, [look(0.993, 50.0, counts=False)] * 20)
    assert found.outcome == Outcome.FAILED
    assert found.workloads[0].finding("told_failed_ratio") is not None


def test_looks_in_which_the_query_says_nothing_are_no_successes() -> None:
    reading = together([look(0.9), *[look()] * 9])
    told = reading.of(OMNI).told
    assert told is not None
    assert (told.responses, told.success_ratio) == (PER_BLOCK, pytest.approx(0.9))


def test_a_rate_alone_says_nothing_of_success() -> None:
    inbound = look(per_second=50.0, proxies=False, counts=False).of(OMNI).inbound
    assert inbound is not None
    assert (inbound.requests_per_second, inbound.success_ratio, inbound.responses) == (50.0, None, None)


def test_a_query_that_misses_the_limit_already_is_a_reason_not_to_begin() -> None:
    problems = outside_limits(Gate(), look(0.9, proxies=False), "charging")
    assert [problem.object for problem in problems] == [OMNI]
    assert OPERATOR in problems[0].message


def test_a_latency_that_a_query_tells_is_shown_beside_what_the_proxies_see() -> None:
    slow = Traffic(source=OPERATOR, seconds=BLOCK, told={"latency_p99_ms": 5000.0})
    seen = look()
    signals = {OMNI: msgspec.structs.replace(seen.of(OMNI), told=slow)}
    found = verdict({}, [msgspec.structs.replace(seen, signals=signals)] * 8)
    finding = found.workloads[0].finding("told_latency_p99_ms")
    assert finding is not None
    assert (finding.value, finding.outcome, found.outcome) == (5000.0, None, Outcome.SUCCESSFUL)


def test_the_mean_of_all_looks_counts_and_not_the_last_one() -> None:
    told = [Traffic(source=OPERATOR, seconds=BLOCK, told={"success_ratio": value}) for value in (1.0, 0.5)]
    seen = together([msgspec.structs.replace(look(), signals={OMNI: Signals(told=each)}) for each in told])
    found = seen.of(OMNI).told
    assert found is not None
    assert found.told == {"success_ratio": 0.75}


def test_a_history_asks_the_queries_that_make_a_share() -> None:
    own = [
        Query(f"operator-{number}", signal, "as named", "", workload_label="workload")
        for number, signal in enumerate(("success_ratio", "requests_per_second", "latency_p99_ms"))
    ]
    assert [query.signal for query in share_queries(own)] == ["success_ratio", "requests_per_second"]


def test_proxies_decide_and_the_query_may_only_fail() -> None:
    few = verdict({}, [look(1.0, 0.1)] * 8)
    assert look().of(OMNI).inbound is not None
    assert few.workloads[0].finding("success_ratio") is not None
    assert few.workloads[0].finding("success_ratio").source == PROXIES  # type: ignore[union-attr]
    assert few.outcome == Outcome.SUCCESSFUL
