"""The client against servers that answer as Prometheus does when something is wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from meshroll.adapters import prometheus
from meshroll.adapters.prometheus import PrometheusClient
from meshroll.adapters.prometheus_transport import (
    PrometheusEmpty,
    PrometheusRejected,
    PrometheusUnreachable,
    ServiceTransport,
    UrlTransport,
)
from meshroll.core.errors import ExitCode, MeshrollError, Problem, Refused
from meshroll.core.gate.measurements import Query
from meshroll.core.settings import Prometheus, PrometheusService

Answer = tuple[int, object]
Start = Callable[[Callable[[str, Message], Answer]], str]
EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}


@pytest.fixture
def start() -> Iterator[Start]:
    """Serves what `answer(query, headers)` says, on loopback."""
    servers: list[ThreadingHTTPServer] = []

    def serve(answer: Callable[[str, Message], Answer]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)["query"][0]
                status, document = answer(query, self.headers)
                body = document.encode() if isinstance(document, str) else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def vector(*samples: tuple[dict[str, str], str], **extra: object) -> dict[str, object]:
    result = [{"metric": labels, "value": [1.0, value]} for labels, value in samples]
    return {"status": "success", "data": {"resultType": "vector", "result": result}, **extra}


def test_nan_is_no_data_and_infinity_is_a_number(start: Start) -> None:
    client = PrometheusClient(
        UrlTransport(start(lambda *_: (200, vector(({"a": "1"}, "NaN"), ({"a": "2"}, "+Inf")))))
    )
    samples, _ = client.query("x", 1.0)
    assert [sample.value for sample in samples] == [None, float("inf")]


def test_warnings_are_kept_and_notes_are_not(start: Start) -> None:
    document = vector(({"a": "1"}, "1"), warnings=["a store did not answer"], infos=["not a counter?"])
    client = PrometheusClient(UrlTransport(start(lambda *_: (200, document))))
    query = Query("one", "signal", "unit", 'x{a="1"}')
    measured = prometheus.measure(client, [query], "charging", 120.0, 1.0)
    assert measured.warnings == ("a store did not answer",)
    assert len(measured.of("one")) == 1


class Time:
    """Passes only while somebody sleeps; counts how long that was."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def seconds(self) -> float:
        return self.now


def patient(url: str) -> tuple[PrometheusClient, Time, list[str]]:
    """A client whose patience passes in no time, and what it says of it."""
    time, said = Time(), list[str]()
    return PrometheusClient(UrlTransport(url, said.append, time.sleep, time.seconds)), time, said


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_prometheus_is_asked_again_and_that_is_said(start: Start, status: int) -> None:
    asked: list[str] = []

    def busy_once(query: str, _: Message) -> Answer:
        asked.append(query)
        return (status, "slow down") if len(asked) == 1 else (200, EMPTY)

    client, _, said = patient(start(busy_once))
    assert client.query("x", 1.0) == ((), ())
    assert len(asked) == 2
    assert str(status) in said[0]
    assert "again in" in said[0]


def test_a_prometheus_that_stays_busy_is_left_after_seconds_with_its_own_words(start: Start) -> None:
    timeout = {"status": "error", "errorType": "timeout", "error": "query timed out"}
    client, time, _ = patient(start(lambda *_: (503, timeout)))
    with pytest.raises(PrometheusRejected, match="query timed out"):
        client.query("x", 1.0)
    assert time.now == pytest.approx(8.0)


def test_what_is_wrong_with_a_query_is_not_asked_again(start: Start) -> None:
    client, _, said = patient(start(lambda *_: (400, {"status": "error", "error": "parse error"})))
    with pytest.raises(PrometheusRejected):
        client.query("x", 1.0)
    assert said == []


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (
            (400, {"status": "error", "errorType": "bad_data", "error": "parse error"}),
            PrometheusRejected,
            "prometheus-query-failed",
        ),
        (
            (422, {"status": "error", "errorType": "execution", "error": "too many"}),
            PrometheusRejected,
            "prometheus-query-failed",
        ),
        (
            (200, {"status": "success", "data": {"resultType": "matrix", "result": []}}),
            PrometheusRejected,
            "prometheus-query-failed",
        ),
        ((200, "<html>a login page</html>"), PrometheusUnreachable, "prometheus-unreachable"),
        ((404, "nothing here"), PrometheusUnreachable, "prometheus-unreachable"),
        ((403, "forbidden"), PrometheusUnreachable, "prometheus-unreachable"),
        ((200, '{"status": "success", "data": {"resultT'), PrometheusUnreachable, "prometheus-unreachable"),
    ],
)
def test_each_failure_has_its_code_and_says_what_to_do(
    start: Start, answer: Answer, error: type[MeshrollError], code: str
) -> None:
    client = PrometheusClient(UrlTransport(start(lambda *_: answer)))
    with pytest.raises(error) as raised:
        client.query("x", 1.0)
    problem = raised.value.problems[0]
    assert (problem.code, raised.value.exit_code) == (code, ExitCode.REFUSED)
    assert problem.hint


def test_nobody_listening_is_unreachable(start: Start) -> None:
    client, time, said = patient("http://127.0.0.1:1")
    with pytest.raises(PrometheusUnreachable, match=r"127\.0\.0\.1:1"):
        client.check()
    assert time.now == pytest.approx(8.0)
    assert "again in" in said[0]


def test_an_answer_without_any_target_is_empty(start: Start) -> None:
    with pytest.raises(PrometheusEmpty):
        PrometheusClient(UrlTransport(start(lambda *_: (200, EMPTY)))).check()


def test_credentials_of_the_url_are_sent_and_never_said(start: Start) -> None:
    seen: list[str] = []

    def refuse(_: str, headers: Message) -> Answer:
        seen.append(headers["Authorization"])
        return 401, "no"

    url = start(refuse).replace("http://", "http://gate:s3cret%21@")
    with pytest.raises(PrometheusUnreachable) as raised:
        PrometheusClient(UrlTransport(url)).query("x", 1.0)
    assert seen == ["Basic Z2F0ZTpzM2NyZXQh"]
    assert "s3cret" not in str(raised.value)


class Api:
    """An API server whose Service proxy answers what it is told to."""

    def __init__(self, answer: bytes | MeshrollError) -> None:
        self.answer = answer
        self.paths: list[str] = []

    def read_text(self, path: str, query: Mapping[str, str]) -> bytes:
        self.paths.append(path)
        if isinstance(self.answer, MeshrollError):
            raise self.answer
        return self.answer


def test_the_service_proxy_is_a_path_of_the_api_server() -> None:
    api = Api(json.dumps(EMPTY).encode())
    settings = Prometheus(service=PrometheusService(namespace="monitoring", name="prometheus"))
    assert prometheus.connect(settings, api).query("x", 1.0) == ((), ())
    assert api.paths == ["/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query"]


def test_a_service_without_endpoints_is_unreachable() -> None:
    api = Api(Refused(Problem("api-503", "no endpoints available for service", "")))
    with pytest.raises(PrometheusUnreachable, match="no endpoints available"):
        PrometheusClient(ServiceTransport(api, "monitoring", "prometheus", "9090")).check()


def test_no_prometheus_in_the_inventory_is_refused() -> None:
    with pytest.raises(Refused) as raised:
        prometheus.connect(Prometheus(), Api(b""))
    assert raised.value.problems[0].code == "prometheus-not-set"
