"""What is made of an answer's age, and of what an address says of itself."""

from __future__ import annotations

import pytest

from meshroll.core import prometheus_url
from meshroll.core.prometheus_problems import freshness, partial


@pytest.mark.parametrize(
    ("age_seconds", "interval_seconds", "code"),
    [
        (0.0, 30.0, None),
        (-10.0, 30.0, None),
        (119.0, 30.0, None),
        (121.0, 30.0, "prometheus-stale"),
        (170.0, 60.0, None),
        (181.0, 60.0, "prometheus-stale"),
        (-16.0, 30.0, "prometheus-clock"),
        (None, 30.0, "prometheus-empty"),
    ],
)
def test_the_newest_scrape_is_of_now_or_the_reason_is_named(
    age_seconds: float | None, interval_seconds: float, code: str | None
) -> None:
    problem = freshness("prometheus:9090", age_seconds, interval_seconds)
    assert (problem.code if problem else None) == code
    assert problem is None or problem.hint


def test_only_remarks_about_the_query_are_no_part_missing() -> None:
    assert partial("here", ["PromQL info: metric might not be a counter"]) is None
    assert partial("here", []) is None
    assert partial("here", ["PromQL warning: mixed histograms", "other"]) is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://prometheus:9090",
        "https://gate:p%23ss@thanos.example/prefix/",
        "https://[::1]:9090",
        "http://127.0.0.1:9090/select/0/prometheus",
    ],
)
def test_addresses_are_taken(url: str) -> None:
    assert prometheus_url.complaint(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "prometheus:9090",
        "ftp://prometheus",
        "http://",
        "http://prometheus:99999",
        "http://prometheus:0",
        "https://gate:s3#cret@prometheus",
        "https://gate:12#s3cret@prometheus",
        "https://gate:s3/cret@prometheus",
        "https://prometheus/?tenant=s3cret",
        "https://[s3cret",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    said = prometheus_url.complaint(url)
    assert said
    assert "s3" not in said


@pytest.mark.parametrize(
    ("url", "readable"),
    [
        ("http://prometheus.monitoring", True),
        ("http://10.0.0.1:9090", True),
        ("https://prometheus.monitoring", False),
        ("http://127.0.0.1:9090", False),
        ("http://localhost:9090", False),
        ("http://[::1]:9090", False),
    ],
)
def test_only_http_to_another_machine_can_be_read_on_the_way(url: str, readable: bool) -> None:
    assert prometheus_url.readable_on_the_way(url) == readable
