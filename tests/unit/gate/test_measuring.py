"""The whole way from series in a real Prometheus to a verdict. Each case is a namespace of one Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import pytest

from meshroll.adapters.baseline import measure_baseline
from meshroll.adapters.prometheus import PrometheusClient, UrlTransport, history, measure, queries
from meshroll.core.gate.baseline import outside_limits
from meshroll.core.gate.history import share_queries
from meshroll.core.gate.judge import judge
from meshroll.core.gate.measurements import Measurements
from meshroll.core.gate.reading import read
from meshroll.core.gate.signals import Reading, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import Outcome, Verdict
from meshroll.core.settings import ApplicationQuery, Gate, Prometheus, Settings

from .series import DURATION_SECONDS, Series, openmetrics

WINDOW_SECONDS = 120.0
BLOCKS = 6
GATE = Gate()
PROMETHEUS = Prometheus(url="http://prometheus", scrape_interval_seconds=10.0)
POINTS = ("points-1", "points-2", "points-3")
OWNERS = {"omni-1": "Deployment/omni", **dict.fromkeys(POINTS, "Deployment/points")}


def meshed(
    made: Series,
    shares: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3),
    success: float = 1.0,
    lost: str = "",
    service: str = "points",
) -> Series:
    """omni calls three pods of points 60 times a second; Prometheus stops scraping the pod ``lost``."""
    made.proxy("omni", "omni-1")
    for pod, share in zip(POINTS, shares, strict=True):
        made.proxy("points", pod, scraped_until=480 if pod == lost else DURATION_SECONDS)
        made.call(("omni", "omni-1"), ("points", pod), 60 * share, success, service)
    return made


def hidden_caller(made: Series) -> Series:
    """And a caller without a proxy, which sends 20 more a second to one pod: the callers' proxies see an even load."""
    meshed(made)
    target = made.target("points", "points-2")
    labels = f'{target},direction="inbound",tls="no_identity",route_name="default",target_port="8080"'
    made.counter("request_total", labels, 20)
    made.counter("response_total", f'{labels},classification="success"', 20)
    for bound in ("10", "+Inf"):
        made.counter("response_latency_ms_bucket", f'{labels},le="{bound}"', 20)
    return made


def unmeshed(made: Series) -> Series:
    """The same before the mesh: pinned to one pod, one in ten calls fails, each takes 100 to 500 ms."""
    for side, pod, per_second in (
        ("server", "points-1", 30.0),
        ("server", "points-2", 0.0),
        ("client", "omni-1", 30.0),
    ):
        labels = f'namespace="{made.namespace}",pod="{pod}"'
        made.counter(f"grpc_{side}_handled_total", f'{labels},grpc_code="OK"', per_second * 0.9)
        made.counter(f"grpc_{side}_handled_total", f'{labels},grpc_code="Unavailable"', per_second * 0.1)
        for bound, share in (("0.1", 0.0), ("0.5", 1.0), ("+Inf", 1.0)):
            made.counter(f"grpc_{side}_handling_seconds_bucket", f'{labels},le="{bound}"', per_second * share)
    return made


def network_only(made: Series) -> Series:
    for pod, bytes_per_second in (("points-1", 9000), ("points-2", 1000), ("points-3", 2000)):
        labels = f'namespace="{made.namespace}",pod="{pod}"'
        made.counter("container_network_receive_bytes_total", labels, bytes_per_second)
    made.gauge("checkout_ok_ratio", 'app="points"', 0.97)
    return made


def deployed(made: Series) -> Series:
    """A pod that is two minutes old, and one of the same Deployment that is gone: of its calls one in ten failed."""
    for pod, failing, since in (("points-1", 0.0, 480), ("points-7d9f8b6c5d-x2x4z", 0.1, 0)):
        labels = f'namespace="{made.namespace}",pod="{pod}"'
        made.counter("grpc_server_handled_total", f'{labels},grpc_code="OK"', 30 * (1 - failing), since)
        made.counter("grpc_server_handled_total", f'{labels},grpc_code="Unavailable"', 30 * failing, since)
    return made


CASES: dict[str, Callable[[Series], Series]] = {
    "good": meshed,
    "errors": lambda made: meshed(made, success=0.8),
    "pinned": lambda made: meshed(made, shares=(1.0, 0.0, 0.0), service=""),
    "hidden-caller": hidden_caller,
    "silent": lambda made: meshed(made, shares=(0.0, 0.0, 0.0)),
    "lost": lambda made: meshed(made, lost="points-3"),
    "unmeshed": unmeshed,
    "network-only": network_only,
    "deployed": deployed,
}


@dataclass(frozen=True)
class Estate:
    client: PrometheusClient
    end: int

    def look(self, namespace: str, *own: ApplicationQuery) -> Reading:
        return read(measure(self.client, queries(own), namespace, WINDOW_SECONDS, self.end), OWNERS)

    def blocks(self, namespace: str) -> list[Reading]:
        length = WINDOW_SECONDS / BLOCKS
        ends = [self.end - length * later for later in reversed(range(BLOCKS))]
        return [read(measure(self.client, queries(), namespace, length, end), OWNERS) for end in ends]

    def judge(self, namespace: str) -> Verdict:
        omni = ("omni-1",)
        subjects = [
            Subject(workload="Deployment/omni", pods=omni, meshed_pods=omni, traffic_expected=True),
            Subject(
                workload="Deployment/points",
                pods=POINTS,
                meshed_pods=POINTS,
                traffic_expected=True,
                evenness_expected=True,
            ),
        ]
        return judge(GATE, PROMETHEUS, subjects, self.blocks(namespace), {}, BLOCKS)


@pytest.fixture(scope="module")
def estate(serve_series: Callable[[str], str]) -> Estate:
    start = (int(time.time()) - 660) // 10 * 10
    made = [case(Series(start, namespace)) for namespace, case in CASES.items()]
    return Estate(PrometheusClient(UrlTransport(serve_series(openmetrics(made)))), made[0].end)


def test_good_signals_have_their_numbers(estate: Estate) -> None:
    seen = estate.look("good")
    points, omni = seen.of("Deployment/points"), seen.of("Deployment/omni")
    assert points.inbound is not None
    assert points.load is not None
    assert omni.outbound is not None
    assert points.inbound.responses == pytest.approx(60 * WINDOW_SECONDS, rel=0.01)
    assert points.inbound.requests_per_second == pytest.approx(60, rel=0.01)
    assert points.inbound.latency_ms("latency_p50_ms") == pytest.approx(7.5, rel=0.01)
    assert points.load.source == "callers' proxies"
    assert points.load.busiest_to_mean == pytest.approx(1.0, rel=0.01)
    assert (points.mtls_ratio, omni.mtls_ratio, points.unmeshed_caller_ratio) == (1.0, 1.0, 0.0)
    assert omni.outbound.success_ratio == 1.0
    assert omni.inbound is None, "a pure client has no inbound traffic, which is not traffic of 0"


@pytest.mark.parametrize(
    ("namespace", "outcome", "said"),
    [
        ("good", Outcome.SUCCESSFUL, "2 workloads, success 100 %"),
        ("errors", Outcome.FAILED, "20 % of 7200 requests failed, at most 1 % wanted"),
        ("pinned", Outcome.FAILED, "busiest pod points-1 has 3.00x the mean"),
        (
            "pinned",
            Outcome.FAILED,
            "client omni-1 (Deployment/omni): 7200 of 7200 requests go to pod points-1, one",
        ),
        (
            "hidden-caller",
            Outcome.FAILED,
            "a client without a proxy: 2400 of 2400 requests go to pod points-2, one",
        ),
        ("silent", Outcome.INCONCLUSIVE, "50 are needed"),
        ("lost", Outcome.ERROR, "points-3"),
        ("unmeshed", Outcome.ERROR, "no target for the proxies"),
    ],
)
def test_each_case_ends_in_its_outcome_and_is_named(
    estate: Estate, namespace: str, outcome: Outcome, said: str
) -> None:
    verdict = estate.judge(namespace)
    assert verdict.outcome == outcome
    assert said in verdict.summary
    assert ("job_name: linkerd-proxy" in verdict.hint) == (outcome == Outcome.ERROR)


def test_before_the_mesh_application_metrics_say_what_there_is(estate: Estate) -> None:
    seen = estate.look("unmeshed")
    points, omni = seen.of("Deployment/points"), seen.of("Deployment/omni")
    assert points.inbound is not None
    assert points.load is not None
    assert omni.outbound is not None
    assert points.inbound.source == "application metrics (go-grpc-prometheus)"
    assert points.inbound.success_ratio == pytest.approx(0.9)
    assert points.inbound.latency_ms("latency_p50_ms") == pytest.approx(300)
    assert omni.outbound.latency_ms("latency_p99_ms") == pytest.approx(496)
    assert (points.load.busiest_pod, points.load.busiest_to_mean) == ("points-1", pytest.approx(3.0))
    assert seen.target_up == {}
    misses = {problem.object for problem in outside_limits(GATE, seen, "unmeshed")}
    assert misses == {"Deployment/points", "Deployment/omni"}


def test_with_nothing_else_the_network_shows_the_busiest_pod(estate: Estate) -> None:
    points = estate.look("network-only").of("Deployment/points")
    assert points.inbound is None
    assert points.load is not None
    assert (points.load.source, points.load.busiest_to_mean) == ("cAdvisor", pytest.approx(2.25))


def test_the_operators_own_queries_are_used(estate: Estate) -> None:
    own = ApplicationQuery("success_ratio", "checkout_ok_ratio", workload_label="app")
    inbound = estate.look("network-only", own).of("Deployment/points").inbound
    assert inbound is not None
    assert (inbound.success_ratio, inbound.responses) == (0.97, None)
    assert inbound.source == "application queries of the inventory"


def test_a_history_is_what_one_look_after_the_other_would_have_seen(estate: Estate) -> None:
    asked = share_queries(queries())
    at_once = history(estate.client, asked, "errors", 20.0, BLOCKS, estate.end)
    each = [measure(estate.client, queries(), "errors", 20.0, one.at_seconds) for one in at_once]
    assert len(at_once) == BLOCKS
    for block, look in zip(at_once, each, strict=True):
        assert read(block, OWNERS).of("Deployment/points").inbound == replaced(look)


def test_the_history_of_an_application_is_also_that_of_its_pods_that_are_gone(estate: Estate) -> None:
    seen = measure_baseline(
        estate.client,
        queries(),
        "deployed",
        {"points-1": "Deployment/points"},
        ["Deployment/points", "Deployment/points-v2"],
        Settings(prometheus=PROMETHEUS),
    )
    inbound = seen.of("Deployment/points").inbound
    assert inbound is not None
    assert inbound.success_ratio == 1.0
    assert inbound.past["failed"].ratio == pytest.approx(0.1, rel=0.2)


def replaced(look: Measurements) -> Traffic:
    """Without the requests begun, which a history does not ask for."""
    inbound = read(look, OWNERS).of("Deployment/points").inbound
    assert inbound is not None
    return msgspec.structs.replace(inbound, requests=None)


def test_before_prometheus_knew_the_namespace_a_history_is_empty(estate: Estate) -> None:
    long_ago = history(estate.client, share_queries(queries()), "errors", 20.0, 3, estate.end - 86400)
    assert [read(block, OWNERS).signals for block in long_ago] == [{}] * 3
