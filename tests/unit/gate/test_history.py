from __future__ import annotations

import random

import pytest

from meshroll.core.gate.history import BLOCKS_MIN, share_queries, with_past
from meshroll.core.gate.judge import judge
from meshroll.core.gate.measurements import Query
from meshroll.core.gate.signals import FAILED, Reading, Signals, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import Outcome, Verdict
from meshroll.core.settings import Gate, Prometheus

from .counted import counts_of, traffic

OMNI = "Deployment/omni"
PER_BLOCK = 1500.0


def block(failed: float, slow: float = 0.0, source: str = "proxy metrics") -> Reading:
    seen = traffic(PER_BLOCK, 1 - failed / PER_BLOCK, slow, 30.0, source)
    return Reading(
        at_seconds=0.0,
        window_seconds=30.0,
        signals={OMNI: Signals(inbound=seen)},
        target_up={"omni-1": True},
        scrape_age_seconds={"omni-1": 1.0},
    )


def dice(mean: float, number: int, seed: int) -> list[float]:
    """So many counts of that mean, two errors at a time."""
    chance = random.Random(seed)
    return [2.0 * sum(chance.random() < mean / 2 / 500 for _ in range(500)) for _ in range(number)]


def baseline(blocks: list[Reading]) -> dict[str, Signals]:
    return with_past(dict(blocks[-1].signals), [counts_of(block) for block in blocks])


def verdict(before: dict[str, Signals], blocks: list[Reading]) -> Verdict:
    omni = Subject(workload=OMNI, pods=("omni-1",), meshed_pods=("omni-1",), traffic_expected=True)
    prometheus = Prometheus(url="http://prometheus")
    return judge(Gate(), prometheus, [omni], blocks, before, len(blocks))


def test_a_history_says_what_a_share_was_and_how_it_scatters() -> None:
    inbound = baseline([block(failed) for failed in dice(3.0, 60, 1)])[OMNI].inbound
    assert inbound is not None
    past = inbound.past[FAILED]
    assert past.ratio == pytest.approx(3 / PER_BLOCK, rel=0.3)
    assert past.ratio < past.upper < 2 * past.ratio
    assert past.clusters >= 1
    assert set(inbound.past) == {FAILED, "20"}, "no other bound is ever compared with"


def test_a_few_blocks_and_those_of_another_instrument_are_no_history() -> None:
    few = baseline([block(1.0)] * (BLOCKS_MIN - 1))[OMNI].inbound
    other = baseline([*[block(1.0, source="application metrics")] * 60, block(1.0)])[OMNI].inbound
    assert few is not None
    assert other is not None
    assert few.past == other.past == {}


def test_more_failures_than_before_are_found_below_the_limit_of_the_inventory() -> None:
    before = baseline([block(failed) for failed in dice(0.75, 60, 2)])
    found = verdict(before, [block(failed) for failed in dice(10.0, 20, 3)])
    finding = found.workloads[0].finding("failed_ratio")
    absolute = found.workloads[0].finding("success_ratio")
    assert finding is not None
    assert absolute is not None
    assert (found.outcome, finding.outcome) == (Outcome.FAILED, Outcome.FAILED)
    assert absolute.outcome == Outcome.SUCCESSFUL
    assert "before" in finding.text


def test_the_same_as_before_is_successful() -> None:
    before = baseline([block(failed, 0.01) for failed in dice(3.0, 60, 4)])
    assert verdict(before, [block(failed, 0.01) for failed in dice(3.0, 20, 5)]).outcome == Outcome.SUCCESSFUL


def test_slower_requests_than_before_are_found_by_the_bound_that_they_exceed() -> None:
    gate_limit = 0.01
    before = baseline([block(0.0, 0.0005)] * 60)
    found = verdict(before, [block(0.0, 0.009)] * 20)
    finding = found.workloads[0].finding("slower_than_20_ms_ratio")
    assert finding is not None
    assert finding.outcome == Outcome.FAILED
    assert finding.value is not None
    assert finding.value < gate_limit


def test_another_instrument_before_is_not_compared_with() -> None:
    before = baseline([block(0.0, source="application metrics")] * 60)
    found = verdict(before, [block(failed) for failed in dice(10.0, 20, 6)])
    assert found.workloads[0].finding("failed_ratio") is None
    assert found.outcome == Outcome.SUCCESSFUL


def test_a_history_asks_for_counts_only() -> None:
    queries = [Query(name, "", "", "") for name in ("inbound-responses", "inbound-latency", "pod-cpu")]
    assert [query.id for query in share_queries(queries)] == ["inbound-responses", "inbound-latency"]


def test_traffic_without_a_baseline_has_no_past() -> None:
    assert with_past({OMNI: Signals(inbound=Traffic(source="proxy metrics"))}, []) == {
        OMNI: Signals(inbound=Traffic(source="proxy metrics"))
    }
