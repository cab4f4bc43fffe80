"""The whole way from series in a real Prometheus to a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from meshroll.adapters.prometheus import PrometheusClient, UrlTransport, measure, queries
from meshroll.core.gate.baseline import outside_limits
from meshroll.core.gate.judge import judge
from meshroll.core.gate.reading import read
from meshroll.core.gate.signals import Reading
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import Outcome, Verdict
from meshroll.core.settings import ApplicationQuery, Gate, Prometheus

from .series import Series

WINDOW_SECONDS = 120.0
GATE = Gate()
PROMETHEUS = Prometheus(url="http://prometheus", scrape_interval_seconds=10.0)
POINTS = ("points-1", "points-2", "points-3")
OWNERS = {"omni-1": "Deployment/omni", **dict.fromkeys(POINTS, "Deployment/points")}

Serve = Callable[[str], str]


def series() -> Series:
    return Series((int(time.time()) - 660) // 10 * 10)


def meshed(shares: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3), success: float = 1.0) -> Series:
    """omni calls three pods of points 60 times a second."""
    made = series()
    made.proxy("omni", "omni-1")
    for pod, share in zip(POINTS, shares, strict=True):
        made.proxy("points", pod)
        made.call(("omni", "omni-1"), ("points", pod), 60 * share, success)
    return made


def look(serve: Serve, made: Series, *own: ApplicationQuery) -> Reading:
    client = PrometheusClient(UrlTransport(serve(made.openmetrics())))
    return read(measure(client, queries(own), "charging", WINDOW_SECONDS, made.end), OWNERS)


def judged(seen: Reading) -> Verdict:
    subjects = [
        Subject(workload="Deployment/omni", pods=("omni-1",), meshed_pods=("omni-1",), traffic_expected=True),
        Subject(
            workload="Deployment/points",
            pods=POINTS,
            meshed_pods=POINTS,
            traffic_expected=True,
            evenness_expected=True,
        ),
    ]
    return judge(GATE, PROMETHEUS, subjects, seen, {})


def test_a_good_namespace(serve_series: Serve) -> None:
    seen = look(serve_series, meshed())
    points, omni = seen.of("Deployment/points"), seen.of("Deployment/omni")
    assert points.inbound is not None
    assert points.load is not None
    assert omni.outbound is not None
    assert points.inbound.responses == pytest.approx(60 * WINDOW_SECONDS, rel=0.01)
    assert points.inbound.requests_per_second == pytest.approx(60, rel=0.01)
    assert points.inbound.latency_p50_ms == pytest.approx(7.5, rel=0.01)
    assert points.load.source == "callers' proxies"
    assert points.load.busiest_to_mean == pytest.approx(1.0, rel=0.01)
    assert (points.mtls_ratio, omni.mtls_ratio, points.unmeshed_caller_ratio) == (1.0, 1.0, 0.0)
    assert omni.outbound.success_ratio == 1.0
    assert omni.inbound is None, "a pure client has no inbound traffic, which is not traffic of 0"
    verdict = judged(seen)
    assert (verdict.outcome, verdict.source) == (
        Outcome.SUCCESSFUL,
        "callers' proxies (requests), proxy metrics",
    )


@pytest.mark.parametrize(
    ("made", "outcome", "said"),
    [
        (lambda: meshed(success=0.8), Outcome.FAILED, "success 80.00 %"),
        (lambda: meshed(shares=(1.0, 0.0, 0.0)), Outcome.FAILED, "busiest pod points-1 has 3.00x the mean"),
        (lambda: meshed(shares=(0.0, 0.0, 0.0)), Outcome.INCONCLUSIVE, "50 are needed"),
    ],
)
def test_faults_end_in_their_outcome_and_are_named(
    serve_series: Serve, made: Callable[[], Series], outcome: Outcome, said: str
) -> None:
    verdict = judged(look(serve_series, made()))
    assert verdict.outcome == outcome
    assert said in verdict.summary


def test_a_pod_that_prometheus_lost_is_an_error(serve_series: Serve) -> None:
    made = series()
    made.proxy("omni", "omni-1")
    for pod, until in zip(POINTS, (600, 600, 480), strict=True):
        made.proxy("points", pod, scraped_until=until)
        made.call(("omni", "omni-1"), ("points", pod), 20, 1.0)
    verdict = judged(look(serve_series, made))
    assert verdict.outcome == Outcome.ERROR
    assert "points-3" in verdict.summary
    assert "linkerd-proxy" in verdict.hint


def test_before_the_mesh_application_metrics_and_cadvisor_say_what_there_is(serve_series: Serve) -> None:
    made = series()
    for pod, per_second in (("points-1", 30.0), ("points-2", 0.0), ("points-3", 0.0)):
        labels = f'namespace="charging",pod="{pod}"'
        made.counter("grpc_server_handled_total", f'{labels},grpc_code="OK"', per_second * 0.9)
        made.counter("grpc_server_handled_total", f'{labels},grpc_code="Unavailable"', per_second * 0.1)
        for bound, share in (("0.1", 0.0), ("0.5", 1.0), ("+Inf", 1.0)):
            made.counter("grpc_server_handling_seconds_bucket", f'{labels},le="{bound}"', per_second * share)
    made.counter("container_network_receive_bytes_total", 'namespace="charging",pod="omni-1"', 5000)
    seen = look(serve_series, made)
    points = seen.of("Deployment/points")
    assert points.inbound is not None
    assert points.load is not None
    assert points.inbound.source == "application metrics (go-grpc-prometheus)"
    assert points.inbound.success_ratio == pytest.approx(0.9)
    assert points.inbound.latency_p50_ms == pytest.approx(300)
    assert (points.load.busiest_pod, points.load.busiest_to_mean) == ("points-1", pytest.approx(3.0))
    assert seen.target_up == {}
    assert [problem.object for problem in outside_limits(GATE, seen, "charging")] == ["Deployment/points"]


def test_the_operators_own_queries_come_before_what_was_guessed(serve_series: Serve) -> None:
    made = series()
    made.gauge("checkout_ok_ratio", 'app="points"', 0.97)
    own = ApplicationQuery("success_ratio", "checkout_ok_ratio", workload_label="app")
    inbound = look(serve_series, made, own).of("Deployment/points").inbound
    assert inbound
    assert (inbound.success_ratio, inbound.responses, inbound.source) == (
        0.97,
        None,
        "application queries of the inventory",
    )
