"""A real Prometheus whose answers are whole and of no use: doubled, renamed, old, ahead, cut short, or for others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from unit.authority import Authority

from meshroll.adapters import prometheus
from meshroll.adapters.prometheus import PrometheusClient, PrometheusError
from meshroll.core.gate.reading import read
from meshroll.core.gate.signals import Signals
from meshroll.core.settings import ApplicationQuery, BasicAuth, Prometheus

from .series import DURATION_SECONDS, Series, openmetrics

WINDOW_SECONDS = 120.0
SERVE = Callable[..., str]
OWNERS = {"omni-1": "Deployment/omni", "points-1": "Deployment/points"}
PER_SECOND = 60.0


class NoApi:
    def read_text(self, path: str, query: object) -> bytes:
        raise AssertionError("a Prometheus with a URL is not asked for through the API server")


def connect(url: str) -> PrometheusClient:
    return prometheus.connect(Prometheus(url=url), NoApi())


def meshed(made: Series) -> Series:
    made.proxy("omni", "omni-1")
    made.proxy("points", "points-1")
    made.call(("omni", "omni-1"), ("points", "points-1"), PER_SECOND, 1.0)
    return made


def renamed(made: Series) -> Series:
    lines = meshed(made).text.pop("request_total")
    made.text["requests_total"] = [line.replace("request_total", "requests_total") for line in lines]
    return made


@dataclass(frozen=True)
class Estate:
    client: PrometheusClient
    end: int

    def measure(self, namespace: str, *own: ApplicationQuery) -> dict[str, Signals]:
        asked = prometheus.queries(own)
        measured = prometheus.measure(self.client, asked, namespace, WINDOW_SECONDS, self.end)
        return dict(read(measured, OWNERS).signals)

    def refused(self, namespace: str, *own: ApplicationQuery) -> PrometheusError:
        with pytest.raises(PrometheusError) as raised:
            self.measure(namespace, *own)
        return raised.value


@pytest.fixture(scope="module")
def estate(serve_series: SERVE) -> Estate:
    start = int(time.time()) - DURATION_SECONDS
    made = [
        meshed(Series(start, "good")),
        *(meshed(Series(start, "twice", f',prometheus_replica="{name}"')) for name in "ab"),
        renamed(Series(start, "renamed")),
        meshed(Series(start, "short", held_from=DURATION_SECONDS - 60)),
    ]
    return Estate(connect(serve_series(openmetrics(made))), start + DURATION_SECONDS)


def test_what_can_be_judged_is_measured(estate: Estate) -> None:
    estate.client.check(30.0)
    inbound = estate.measure("good")["Deployment/points"].inbound
    assert inbound is not None
    assert inbound.responses == pytest.approx(PER_SECOND * WINDOW_SECONDS, rel=0.01)


def test_two_replicas_are_refused_before_they_count_double(estate: Estate) -> None:
    error = estate.refused("twice")
    assert [problem.code for problem in error.problems] == ["prometheus-duplicates"]
    assert "another prometheus_replica each" in str(error)


def test_a_renamed_metric_is_named_and_not_taken_for_no_traffic(estate: Estate) -> None:
    error = estate.refused("renamed")
    assert [problem.code for problem in error.problems] == ["proxy-metrics-missing"]
    assert "scrapes 2 proxies of renamed, and has no request_total of any" in str(error)


def test_what_is_not_held_any_more_is_missing_and_neither_zero_nor_the_whole_counter(estate: Estate) -> None:
    signals = estate.measure("short")
    inbound = signals["Deployment/points"].inbound
    assert inbound is not None
    held_seconds = 60
    assert inbound.responses == pytest.approx(PER_SECOND * held_seconds, rel=0.1)
    assert inbound.success_ratio == 1.0


def test_a_window_before_all_that_is_held_has_no_signals(estate: Estate) -> None:
    before = Estate(estate.client, estate.end - 2 * DURATION_SECONDS)
    assert before.measure("good") == {}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (ApplicationQuery("success_ratio", "sum by (deployment) (up)"), "without the label workload"),
        (
            ApplicationQuery("success_ratio", 'up{namespace="good"}', "control_plane_ns"),
            "gives 2 samples for linkerd",
        ),
        (ApplicationQuery("success_ratio", "sum by (workload (up)"), "parse error"),
        (ApplicationQuery("success_ratio", "up[5m]"), "not a vector"),
    ],
)
def test_an_application_query_that_cannot_be_used_is_named(
    estate: Estate, own: ApplicationQuery, said: str
) -> None:
    error = estate.refused("good", own)
    assert said in str(error)
    assert own.promql in str(error)


def test_a_range_has_a_point_every_step_and_none_where_there_is_a_ratio_of_nothing(estate: Estate) -> None:
    up = 'up{namespace="good", pod="omni-1"}'
    (series,) = estate.client.range(up, estate.end - 60, estate.end, 15.0)
    assert series.labels["pod"] == "omni-1"
    assert list(series.points) == [(float(estate.end - 60 + 15 * step), 1.0) for step in range(5)]
    (nothing,) = estate.client.range(f"0 * {up} / 0", estate.end - 60, estate.end, 15.0)
    assert list(nothing.points) == []
    assert estate.client.range("nobody", estate.end - 60, estate.end, 15.0) == ()


def test_a_range_with_a_syntax_error_is_refused_with_prometheus_own_words(estate: Estate) -> None:
    with pytest.raises(PrometheusError, match="parse error"):
        estate.client.range("sum(", estate.end - 60, estate.end, 15.0)


@pytest.mark.parametrize(
    ("age_seconds", "code"),
    [(200, "prometheus-stale"), (-100, "prometheus-clock"), (3000, "prometheus-empty")],
)
def test_a_prometheus_behind_or_ahead_of_its_own_clock_is_refused(
    serve_series: SERVE, age_seconds: int, code: str
) -> None:
    start = int(time.time()) - DURATION_SECONDS - age_seconds
    client = connect(serve_series(openmetrics([meshed(Series(start, "charging"))])))
    with pytest.raises(PrometheusError) as raised:
        client.check(30.0)
    assert raised.value.problems[0].code == code


def test_prometheus_own_tls_and_login_let_in_who_has_the_password(
    serve_series: SERVE, tmp_path: Path
) -> None:
    authority = Authority.make(tmp_path)
    certificate, key = authority.server()
    # bcrypt of "s3cret"
    web = (
        f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}\n"
        "basic_auth_users: {gate: $2b$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG}\n"
    )
    url = serve_series(openmetrics([meshed(Series(int(time.time()) - DURATION_SECONDS, "charging"))]), web)
    password = tmp_path / "password"
    settings = Prometheus(
        url=url.replace("http://", "https://"),
        ca_file=str(authority.file),
        basic_auth=BasicAuth(username="gate", password_file=str(password)),
    )
    password.write_text("wrong")
    client = prometheus.connect(settings, NoApi())
    with pytest.raises(PrometheusError) as raised:
        client.check(30.0)
    assert raised.value.problems[0].code == "prometheus-unauthorized"
    password.write_text("s3cret\n")
    client.check(30.0)
