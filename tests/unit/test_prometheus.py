"""The client against servers that answer as Prometheus does when something is wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from meshroll.adapters import prometheus, prometheus_transport
from meshroll.adapters.kube.errors import refusal
from meshroll.adapters.prometheus import PrometheusClient, PrometheusError
from meshroll.adapters.prometheus_transport import ServiceTransport, UrlTransport
from meshroll.core.errors import ExitCode, MeshrollError, Problem, Refused
from meshroll.core.gate.measurements import Query
from meshroll.core.settings import Prometheus, PrometheusService

Answer = tuple[int, object]
Start = Callable[..., str]
EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}


@pytest.fixture
def start() -> Iterator[Start]:
    """Serves what `answer(query, headers)` says, on loopback."""
    servers: list[ThreadingHTTPServer] = []

    def serve(
        answer: Callable[[str, Message], Answer],
        more: Mapping[str, str] | None = None,
        seen: Callable[[str], None] = lambda _: None,
    ) -> str:
        sent_headers = {"Retry-After": "0", **(more or {})}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)["query"][0]
                seen(self.path)
                status, document = answer(query, self.headers)
                body = document.encode() if isinstance(document, str) else json.dumps(document).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **sent_headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(ConnectionError):  # who has asked may have given up
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


def answering(start: Start, answer: Answer) -> PrometheusClient:
    return PrometheusClient(UrlTransport(start(lambda *_: answer)))


def code_of(client: PrometheusClient) -> str:
    """Of the error that a query ends in."""
    with pytest.raises(PrometheusError) as raised:
        client.query("x", 1.0)
    assert raised.value.exit_code == ExitCode.REFUSED
    assert raised.value.problems[0].hint
    return raised.value.problems[0].code


def test_a_ratio_of_nothing_is_no_data(start: Start) -> None:
    values = ({"a": "1"}, "NaN"), ({"le": "+Inf"}, "+Inf"), ({"a": "3"}, "-Inf"), ({"a": "4"}, "1e+06")
    samples = answering(start, (200, vector(*values))).query("x", 1.0)
    assert [sample.value for sample in samples] == [None, None, None, 1e6]
    assert samples[1].labels == {"le": "+Inf"}


def test_a_range_has_typed_points_and_a_gap_where_it_is_a_ratio_of_nothing(start: Start) -> None:
    values = [[1.5, "1"], [2.5, "NaN"], [3.5, "+Inf"]]
    result = [{"metric": {"le": "+Inf"}, "values": values}, {"metric": {}, "values": []}]
    document = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    series = answering(start, (200, document)).range("x", 1.5, 3.5, 1.0)
    assert [(one.labels, list(one.points)) for one in series] == [
        ({"le": "+Inf"}, [(1.5, 1.0)]),
        ({}, []),
    ]


@pytest.mark.parametrize(
    "missing",
    [
        {"warnings": ["a store did not answer"]},
        {"warnings": ["PromQL info: not a counter?", "a store did not answer"]},
        {"isPartial": True},
    ],
)
def test_a_part_of_an_answer_is_none(start: Start, missing: dict[str, object]) -> None:
    assert code_of(answering(start, (200, vector(({"a": "1"}, "1"), **missing)))) == "prometheus-partial"


def test_a_part_of_a_range_is_none(start: Start) -> None:
    document = {"status": "success", "data": {"resultType": "matrix", "result": []}, "warnings": ["a store"]}
    with pytest.raises(PrometheusError, match="may be incomplete"):
        answering(start, (200, document)).range("x", 1.0, 2.0, 1.0)


@pytest.mark.parametrize("missing", [{"warnings": ["a store did not answer"]}, {"isPartial": True}])
def test_a_part_of_one_answer_makes_no_measurement_so_it_can_fail_nothing(
    start: Start, missing: dict[str, object]
) -> None:
    def answer(query: str, _: Message) -> Answer:
        return 200, vector(({"a": "1"}, "1"), **(missing if query == "failures" else {}))

    asked = [Query(name, "signal", "unit", name) for name in ("responses", "failures", "latency")]
    with pytest.raises(PrometheusError) as raised:
        prometheus.measure(PrometheusClient(UrlTransport(start(answer))), asked, "charging", 120.0, 1.0)
    assert raised.value.problems[0].code == "prometheus-partial"
    assert raised.value.problems[0].hint


def test_remarks_about_a_query_do_not_make_its_answer_a_part(start: Start) -> None:
    remark = "PromQL info: metric might not be a counter"
    document = vector(({"a": "1"}, "1"), infos=[remark], warnings=[remark], isPartial=False)
    assert len(answering(start, (200, document)).query("x", 1.0)) == 1


def test_a_measurement_asks_for_its_namespace(start: Start) -> None:
    asked: list[str] = []

    def answer(query: str, _: Message) -> Answer:
        asked.append(query)
        return 200, vector(({"a": "1"}, "1"))

    query = Query("one", "signal", "unit", 'x{namespace="{namespace}"}')
    client = PrometheusClient(UrlTransport(start(answer)))
    measured = prometheus.measure(client, [query], "charging", 120.0, 1.0)
    assert asked == ['x{namespace="charging"}']
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
    assert client.query("x", 1.0) == ()
    assert len(asked) == 2
    assert str(status) in said[0]
    assert "again in" in said[0]


def test_a_prometheus_that_stays_busy_is_left_after_seconds_with_its_own_words(start: Start) -> None:
    timeout = {"status": "error", "errorType": "timeout", "error": "query timed out"}
    client, time, _ = patient(start(lambda *_: (503, timeout)))
    with pytest.raises(PrometheusError, match="query timed out"):
        client.query("x", 1.0)
    assert time.now == pytest.approx(8.0)


def test_what_is_wrong_with_a_query_is_not_asked_again(start: Start) -> None:
    client, _, said = patient(start(lambda *_: (400, {"status": "error", "error": "parse error"})))
    with pytest.raises(PrometheusError):
        client.query("x", 1.0)
    assert said == []


NATIVE = {
    "status": "success",
    "data": {"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {}]}]},
}
SAID = [
    ((400, {"status": "error", "errorType": "bad_data", "error": "parse error"}), "query-failed"),
    ((422, {"status": "error", "errorType": "execution", "error": "too many"}), "query-failed"),
    ((200, {"status": "success", "data": {"resultType": "matrix", "result": []}}), "query-failed"),
    ((200, NATIVE), "query-failed"),
    ((200, "<html>a login page</html>"), "other-api"),
    ((200, {"items": []}), "other-api"),
    ((200, {"status": "success"}), "other-api"),
    ((200, {"status": "success", "data": {"resultType": "vector", "result": {"a": 1}}}), "other-api"),
    ((200, ""), "other-api"),
    ((404, "nothing here"), "other-api"),
    ((401, "no org id"), "unauthorized"),
    ((403, "forbidden"), "unauthorized"),
    ((200, '{"status": "success", "data": {"resultT'), "half-answer"),
]


@pytest.mark.parametrize(("answer", "code"), SAID)
def test_each_failure_has_its_code_and_says_what_to_do(start: Start, answer: Answer, code: str) -> None:
    assert code_of(answering(start, answer)) == f"prometheus-{code}"


@pytest.mark.parametrize(("status", "code"), [(429, "busy"), (503, "busy"), (500, "unreachable")])
def test_a_prometheus_that_stays_busy_has_its_code(start: Start, status: int, code: str) -> None:
    client, time, _ = patient(start(lambda *_: (status, "slow down")))
    assert code_of(client) == f"prometheus-{code}"
    assert time.now == pytest.approx(8.0)


def test_who_asks_for_a_longer_pause_is_left_alone_and_quoted(start: Start) -> None:
    client, time, _ = patient(start(lambda *_: (429, "slow down"), {"Retry-After": "120"}))
    with pytest.raises(PrometheusError, match="left alone for 120 s") as raised:
        client.query("x", 1.0)
    assert raised.value.problems[0].code == "prometheus-busy"
    assert time.now == 0.0


def test_an_answer_shorter_than_it_says_is_half_of_one(start: Start) -> None:
    client, _, said = patient(start(lambda *_: (200, EMPTY), {"Content-Length": "4096"}))
    assert code_of(client) == "prometheus-half-answer"
    assert said, "it was asked for again"


def test_a_server_that_never_answers_is_a_timeout(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_transport, "TIMEOUT", urllib3.Timeout(connect=5, read=0.05))
    over = threading.Event()
    client, _, _ = patient(start(lambda *_: (200, EMPTY) if over.wait(30) else (500, "")))
    code = code_of(client)
    over.set()
    assert code == "prometheus-timeout"


def test_prometheus_itself_is_told_to_give_up_before_we_do(start: Start) -> None:
    asked: list[str] = []
    url = start(lambda *_: (200, EMPTY), seen=asked.append)
    PrometheusClient(UrlTransport(url)).query("x", 1.0)
    sent = parse_qs(urlsplit(asked[0]).query)
    assert float(sent["timeout"][0].rstrip("s")) < float(prometheus_transport.TIMEOUT.read_timeout or 0)


def test_nobody_listening_is_unreachable(start: Start) -> None:
    client, time, said = patient("http://127.0.0.1:1")
    with pytest.raises(PrometheusError, match=r"127\.0\.0\.1:1"):
        client.now_seconds()
    assert time.now == pytest.approx(8.0)
    assert "again in" in said[0]


def looking(start: Start, *newest_seconds: float) -> PrometheusClient:
    """A Prometheus whose clock says 1000 and whose newest scrapes are of these moments."""

    def answer(query: str, _: Message) -> Answer:
        if query == "time()":
            return 200, {"status": "success", "data": {"resultType": "scalar", "result": [1.0, "1000"]}}
        return 200, vector(*(({}, str(moment)) for moment in newest_seconds))

    return PrometheusClient(UrlTransport(start(answer)))


def test_scrapes_of_now_are_well(start: Start) -> None:
    looking(start, 990.0).check(30.0)


def test_no_scrape_at_all_is_no_prometheus_to_go_by(start: Start) -> None:
    with pytest.raises(PrometheusError) as raised:
        looking(start).check(30.0)
    assert raised.value.problems[0].code == "prometheus-empty"


def test_credentials_of_the_url_are_sent_and_never_said(start: Start) -> None:
    seen: list[str] = []

    def refuse(_: str, headers: Message) -> Answer:
        seen.append(headers["Authorization"])
        return 401, "no"

    url = start(refuse).replace("http://", "http://gate:s3cret%21@")
    with pytest.raises(PrometheusError) as raised:
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
    assert prometheus.connect(settings, api).query("x", 1.0) == ()
    assert api.paths == ["/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query"]


def through_the_api(status: int, body: object) -> PrometheusClient:
    """An API server that answers so, with its own words or with those of what is behind its proxy."""
    error = refusal(status, "GET", "/api/v1/namespaces/monitoring", json.dumps(body).encode(), {})
    return PrometheusClient(ServiceTransport(Api(error), "monitoring", "prometheus", "9090"))


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (
            503,
            {"reason": "ServiceUnavailable", "message": "no endpoints available"},
            "unreachable",
            "no endpoints",
        ),
        (
            403,
            {"reason": "Forbidden", "message": "cannot get services/proxy"},
            "unauthorized",
            "services/proxy",
        ),
        (
            400,
            {"status": "error", "errorType": "bad_data", "error": "parse error"},
            "query-failed",
            "parse error",
        ),
        (
            503,
            {"status": "error", "errorType": "timeout", "error": "query timed out"},
            "query-failed",
            "timed out",
        ),
        (429, {}, "busy", "429"),
        (
            404,
            {"reason": "NotFound", "message": 'services "prometheus" not found'},
            "unreachable",
            "not found",
        ),
    ],
)
def test_the_service_proxy_tells_the_api_servers_no_from_prometheus_own(
    status: int, body: object, code: str, said: str
) -> None:
    with pytest.raises(PrometheusError, match=said) as raised:
        through_the_api(status, body).query("x", 1.0)
    assert raised.value.problems[0].code == f"prometheus-{code}"
    assert raised.value.problems[0].hint


def test_an_api_server_that_is_away_takes_prometheus_with_it() -> None:
    api = Api(Refused(Problem("api-unreachable", "the API server cannot be reached", "")))
    client = PrometheusClient(ServiceTransport(api, "monitoring", "prometheus", "9090"))
    assert code_of(client) == "prometheus-unreachable"


def test_no_prometheus_in_the_inventory_is_refused() -> None:
    with pytest.raises(Refused) as raised:
        prometheus.connect(Prometheus(), Api(b""))
    assert raised.value.problems[0].code == "prometheus-not-set"
