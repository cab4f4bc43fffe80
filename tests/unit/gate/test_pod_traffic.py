"""Which pods are there to be compared, and by what they were counted."""

from __future__ import annotations

from typing import Any

from meshroll.adapters.prometheus import queries
from meshroll.core.gate.measurements import Measurements, Sample
from meshroll.core.gate.reading import read
from meshroll.core.gate.signals import PodTraffic
from meshroll.core.gate.together import together

POINTS = "Deployment/points"
OWNERS = {"points-1": POINTS, "points-2": POINTS}
QUERIES = {query.id: query for query in queries()}


def pods_of(owners: dict[str, str] = OWNERS, **answers: list[tuple[float | None, dict[str, str]]]) -> Any:
    samples = {
        query.replace("_", "-"): [Sample(labels, value) for value, labels in found]
        for query, found in answers.items()
    }
    measured = Measurements("charging", 1000.0, 30.0, QUERIES, samples)
    return read(measured, owners).of(POINTS).pods


def proxies(**changes: list[tuple[float | None, dict[str, str]]]) -> dict[str, Any]:
    success, failure = {"classification": "success"}, {"classification": "failure"}
    return {
        "inbound_responses": [(100.0, {"deployment": "points", **success})],
        "inbound_by_pod": [
            (50.0, {"pod": "points-1", **success}),
            (10.0, {"pod": "points-1", **failure}),
            (40.0, {"pod": "points-2", **success}),
        ],
        "inbound_median_by_pod": [(12.0, {"pod": "points-1"}), (None, {"pod": "points-2"})],
        **changes,
    }


def test_proxies_say_what_each_pod_answered_and_how_fast() -> None:
    assert pods_of(**proxies()) == {
        "points-1": PodTraffic(60.0, 10.0, 12.0),
        "points-2": PodTraffic(40.0, 0.0, None),
    }


def test_a_pod_that_started_in_the_block_or_is_not_ready_is_left_out() -> None:
    young = [(980.0, {"pod": "points-1"}), (10.0, {"pod": "points-2"})]
    assert set(pods_of(**proxies(proxy_started_at=young))) == {"points-2"}
    assert set(pods_of({"points-1": POINTS}, **proxies())) == {"points-1"}


def test_without_proxies_the_applications_pods_are_known_in_milliseconds() -> None:
    answers = {
        "application_grpc_responses": [
            (30.0, {"pod": "points-1", "classification": "success"}),
            (10.0, {"pod": "points-1", "classification": "failure"}),
        ],
        "application_grpc_latency": [
            (0.0, {"pod": "points-1", "le": "0.01"}),
            (40.0, {"pod": "points-1", "le": "0.02"}),
            (40.0, {"pod": "points-1", "le": "+Inf"}),
        ],
    }
    assert pods_of(**answers) == {"points-1": PodTraffic(40.0, 10.0, 15.0)}


def test_where_proxies_count_the_workload_its_pods_are_not_the_applications() -> None:
    other = [(30.0, {"pod": "points-2", "classification": "failure"})]
    assert pods_of(**proxies(application_grpc_responses=other))["points-2"].failures == 0


def test_medians_do_not_add_up_so_pods_are_of_one_block_only() -> None:
    samples = {"inbound-responses": [Sample({"deployment": "points", "classification": "success"}, 9.0)]}
    block = read(Measurements("charging", 1000.0, 30.0, QUERIES, samples), OWNERS)
    assert together([block, block]).of(POINTS).pods == {}
