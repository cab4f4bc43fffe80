"""Looks that are whole and still cannot be judged, and those that can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from meshroll.core.gate.measurements import Measurements, Sample, operator_queries
from meshroll.core.gate.trust import PROXY_METRICS, problems
from meshroll.core.settings import ApplicationQuery

PROXY = {"pod": "omni-1", "job": "linkerd-proxy", "instance": "10.0.0.1:4191"}
ALL_METRICS = [Sample({"__name__": name}, 12.0) for name in PROXY_METRICS]


def look(samples: Mapping[str, Sequence[Sample]], *own: ApplicationQuery) -> list[str]:
    """The codes and sentences of what is wrong."""
    queries = {query.id: query for query in operator_queries(own)}
    measured = Measurements("charging", 1000.0, 120.0, queries, samples)
    found = problems(measured)
    assert all(problem.hint and problem.namespace == "charging" for problem in found)
    return [f"{problem.code}: {problem.message} {problem.hint}" for problem in found]


def test_a_look_without_proxies_and_one_with_all_metrics_can_be_judged() -> None:
    assert look({}) == []
    assert look({"proxy-targets": [Sample(PROXY, 1.0)], "proxy-metrics": ALL_METRICS}) == []


@pytest.mark.parametrize("label", ["prometheus_replica", "replica", "__replica__", "cluster"])
def test_replicas_are_told_by_the_label_they_differ_in(label: str) -> None:
    (said,) = look({"scraped-twice": [Sample({**PROXY, label: value}, 1.0) for value in ("a", "b")]})
    assert said.startswith("prometheus-duplicates: ")
    assert f"omni-1 of charging 2 times, with another {label} each" in said
    assert "--query.replica-label" in said


def test_a_replica_beside_one_without_the_label_is_a_duplicate_too() -> None:
    (said,) = look({"scraped-twice": [Sample(PROXY, 1.0), Sample({**PROXY, "replica": "b"}, 1.0)]})
    assert "another replica each" in said


def test_two_scrape_jobs_are_named() -> None:
    jobs = ("linkerd-proxy", "linkerd/linkerd-proxy")
    (said,) = look({"scraped-twice": [Sample({**PROXY, "job": job}, 1.0) for job in jobs]})
    assert f"Keep one of the scrape jobs {', '.join(jobs)}" in said


def test_a_metric_that_no_proxy_has_is_named() -> None:
    (said,) = look({"proxy-targets": [Sample(PROXY, 1.0)] * 3, "proxy-metrics": ALL_METRICS[1:]})
    assert said.startswith(
        "proxy-metrics-missing: Prometheus scrapes 3 proxies of charging, and has no request_total"
    )


def test_proxies_that_cannot_be_scraped_are_not_said_to_lack_a_metric() -> None:
    assert look({"proxy-targets": [Sample(PROXY, 0.0)]}) == []


OWN = ApplicationQuery("success_ratio", "ok_ratio", workload_label="app")


def test_an_application_query_without_its_label_is_told_which_labels_it_has() -> None:
    (said,) = look({"operator-0": [Sample({"service": "omni"}, 1.0)]}, OWN)
    assert said.startswith("application-query-labels: ")
    assert "without the label app; its labels: service" in said


def test_an_application_query_with_several_samples_a_workload_is_told() -> None:
    samples = [Sample({"app": "omni", "pod": pod}, 1.0) for pod in ("a", "b")]
    (said,) = look({"operator-0": samples}, OWN)
    assert "gives 2 samples for omni" in said


def test_an_application_query_may_have_a_rest_without_the_label_or_no_data() -> None:
    assert look({"operator-0": [Sample({"app": "omni"}, 1.0), Sample({}, 1.0)]}, OWN) == []
    assert look({"operator-0": []}, OWN) == []


@pytest.mark.parametrize("percent", [99.95, 40.0, 2.5])
def test_percent_are_no_ratio_although_all_of_them_are_more_than_any_limit(percent: float) -> None:
    (said,) = look({"operator-0": [Sample({"app": "omni"}, 1.0), Sample({"app": "tariffs"}, percent)]}, OWN)
    assert said.startswith(
        f"application-query-value: The application query for success_ratio gives {percent:g}"
    )
    assert "divide it by 100" in said


def test_a_ratio_of_two_scrapes_and_other_signals_may_be_more_than_one() -> None:
    rate = ApplicationQuery("requests_per_second", "rate", workload_label="app")
    assert look({"operator-0": [Sample({"app": "omni"}, 1.07), Sample({"app": "tariffs"}, None)]}, OWN) == []
    assert look({"operator-0": [Sample({"app": "omni"}, 250.0)]}, rate) == []
