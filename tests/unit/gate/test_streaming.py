from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.gate.judge import judge
from meshroll.core.gate.measurements import Measurements, Query, Sample
from meshroll.core.gate.reading import read
from meshroll.core.gate.signals import PROXIES, Reading, Signals, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.traffic import OPERATOR
from meshroll.core.gate.verdict import Outcome, Verdict
from meshroll.core.settings import Gate, Prometheus

OMNI = "Deployment/omni"
GATE, BLOCKS, BLOCK = Gate(), 8, 30.0


def stream(begun: float, ended: float, failed: float = 0.0, **more: object) -> Signals:
    """One block; the streams that ended took more than a second."""
    inbound = Traffic(
        source=PROXIES,
        seconds=BLOCK,
        requests=begun,
        responses=ended,
        failures=failed,
        buckets={"1000": 0.0, "inf": ended},
    )
    return msgspec.structs.replace(Signals(inbound=inbound), **more)


def told(values: dict[str, float]) -> Traffic:
    return Traffic(source=OPERATOR, seconds=BLOCK, told=values)


def judged(signals: Signals, before: Signals | None = None) -> Verdict:
    reading = Reading(
        at_seconds=1000.0,
        window_seconds=BLOCK,
        signals={OMNI: signals},
        target_up={"omni-1": True},
        scrape_age_seconds={"omni-1": 1.0},
    )
    omni = Subject(workload=OMNI, pods=("omni-1",), meshed_pods=("omni-1",), traffic_expected=True)
    past = {OMNI: before} if before else {}
    return judge(GATE, Prometheus(url="http://p"), [omni], [reading] * BLOCKS, past, BLOCKS)


def test_few_ended_of_many_begun_proves_nothing_good_and_the_reason_says_so() -> None:
    verdict = judged(stream(300, 20))
    finding = verdict.workloads[0].finding("streaming")
    assert verdict.outcome == Outcome.INCONCLUSIVE
    assert finding is not None
    assert finding.text.startswith("streaming: 2400 requests begun, 160 ended")
    assert "application_queries" in verdict.hint


def test_the_latency_of_the_streams_that_ended_is_no_fault() -> None:
    assert judged(stream(300, 20)).workloads[0].finding("latency_p99_ms") is None
    assert judged(stream(300, 290)).workloads[0].finding("latency_p99_ms") is not None, "these are no streams"


def test_failures_are_held_against_all_that_were_begun() -> None:
    assert judged(stream(300, 20, failed=1)).outcome == Outcome.INCONCLUSIVE, "one in 300 and not one in 20"
    assert judged(stream(300, 60, failed=50)).outcome == Outcome.FAILED


def test_more_streams_that_fail_than_are_begun_fail() -> None:
    """Those that were open already."""
    blocks = judged(stream(60, 20, failed=20))
    assert blocks.outcome == Outcome.FAILED


@pytest.mark.parametrize(("ratio", "outcome"), [(0.999, Outcome.SUCCESSFUL), (0.9, Outcome.FAILED)])
def test_the_inventorys_own_query_is_taken_at_its_word(ratio: float, outcome: Outcome) -> None:
    assert judged(stream(300, 20, told=told({"success_ratio": ratio}))).outcome == outcome
    assert judged(stream(300, 20, told=told({"requests_per_second": 9.0}))).outcome == Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("before", "outcome"),
    [
        (stream(300, 20), Outcome.SUCCESSFUL),
        (stream(200, 20), Outcome.SUCCESSFUL),
        (stream(100, 20), Outcome.INCONCLUSIVE),
        (stream(900, 20), Outcome.INCONCLUSIVE),
        (stream(300, 300), Outcome.INCONCLUSIVE),
        (
            Signals(inbound=Traffic(source="application", seconds=BLOCK, responses=300.0)),
            Outcome.INCONCLUSIVE,
        ),
    ],
    ids=["alike", "some fewer", "begun again and again", "gone", "all had ended", "by another instrument"],
)
def test_proxies_that_saw_the_like_before_speak_for_the_streams_that_are_open(
    before: Signals, outcome: Outcome
) -> None:
    assert judged(stream(300, 20), before).outcome == outcome


def test_connections_that_are_closed_with_errors_speak_against_them() -> None:
    now = stream(300, 20, closed_connections=30.0, broken_connections=12.0)
    verdict = judged(now, stream(300, 20))
    assert verdict.outcome == Outcome.INCONCLUSIVE
    assert "96 of 240 connections closed with an error" in verdict.summary


def test_closes_and_what_the_inventory_says_are_read_by_workload() -> None:
    omni = {"deployment": "omni"}
    samples = {
        "inbound-closes": [
            Sample({**omni, "errno": ""}, 3.0),
            Sample({**omni, "errno": "ECONNRESET"}, 1.0),
        ],
        "inbound-requests": [Sample({**omni, "pod": "omni-1"}, 60.0)],
        "operator-0": [Sample({"workload": "omni"}, 0.97)],
    }
    asked = {"operator-0": Query("operator-0", "success_ratio", "as named", "", workload_label="workload")}
    seen = read(Measurements("charging", 1000.0, BLOCK, asked, samples), {"omni-1": OMNI}).of(OMNI)
    assert (seen.closed_connections, seen.broken_connections) == (4.0, 1.0)
    assert seen.told is not None
    assert seen.told.told == {"success_ratio": 0.97}
    assert seen.inbound is not None
    assert seen.inbound.source == PROXIES


@given(st.integers(7, 2000), st.floats(0, 0.49), st.floats(0, 1))
def test_what_streams_is_never_successful_by_silence(begun: int, ended: float, failed: float) -> None:
    now = stream(begun, begun * ended, begun * ended * failed)
    assert judged(now).outcome in (Outcome.INCONCLUSIVE, Outcome.FAILED)
