from __future__ import annotations

import json

import pytest

from meshroll.core.gate import baseline
from meshroll.core.gate.evenness import evenness
from meshroll.core.gate.signals import Reading, Signals, Traffic
from meshroll.core.settings import Gate, Limits

from .counted import traffic


def reading(signals: Signals) -> Reading:
    return Reading(
        at_seconds=0.0,
        window_seconds=120.0,
        signals={"Deployment/tariffs": signals},
        target_up={},
        scrape_age_seconds={},
    )


def application(responses: float, success: float, slow: float = 0.0) -> Signals:
    source = "application metrics"
    return Signals(
        inbound=traffic(responses, success, slow, source=source),
        load=evenness({"a": 90.0}, ["a", "b", "c"], (), "requests", source),
    )


def told(success: float) -> Signals:
    return Signals(inbound=Traffic(source="the inventory's queries", told={"success_ratio": success}))


def test_it_goes_from_task_to_task_as_json() -> None:
    before = reading(application(6000.0, 0.999))
    passed_on = json.loads(json.dumps(baseline.as_dict({"charging": before})))
    assert baseline.from_dict(passed_on, "charging") == dict(before.signals)
    assert baseline.from_dict({}, "charging") == {}


@pytest.mark.parametrize("signals", [application(6000.0, 0.8), application(6000.0, 1.0, 0.2), told(0.8)])
def test_a_workload_that_misses_its_limits_already_is_a_reason_not_to_begin(signals: Signals) -> None:
    problems = baseline.outside_limits(Gate(), reading(signals), "charging")
    assert [(problem.code, problem.object) for problem in problems] == [
        ("namespace-outside-limits", "Deployment/tariffs")
    ]


@pytest.mark.parametrize("signals", [Signals(), application(3.0, 0.0), application(6000.0, 0.999)])
def test_no_traffic_and_uneven_load_are_none(signals: Signals) -> None:
    assert baseline.outside_limits(Gate(), reading(signals), "charging") == []


def test_the_limits_are_the_inventorys() -> None:
    gate = Gate(limits=Limits(success_ratio_min=0.7))
    assert baseline.outside_limits(gate, reading(application(6000.0, 0.8)), "charging") == []
