"""How meshroll is let in to Prometheus: over TLS by an authority of one's own, with secrets from files."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from unit.authority import Authority

from meshroll.adapters import prometheus
from meshroll.adapters.prometheus import PrometheusError, UrlTransport
from meshroll.core.settings import BasicAuth, Prometheus

EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}
SECRET = "s3cret-of-now"

Answer = Callable[[Message], tuple[int, str]]
"""From a request's headers to a status and where to (empty: an answer without samples)."""
Serve = Callable[..., str]


class NoApi:
    def read_text(self, path: str, query: object) -> bytes:
        raise AssertionError("a Prometheus with a URL is not asked for through the API server")


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[ThreadingHTTPServer] = []

    def start(context: ssl.SSLContext | None, answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, target = answer(self.headers)
                body = json.dumps(EMPTY).encode()
                self.send_response(status)
                if target:
                    self.send_header("Location", target)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        if context:
            servers[-1].socket = context.wrap_socket(servers[-1].socket, server_side=True)
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http{'s' if context else ''}://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path)


def ask(settings: Prometheus, log: Callable[[str], None] = lambda _: None) -> None:
    prometheus.connect(settings, NoApi(), log).query("x", 1.0)


def refused(settings: Prometheus) -> PrometheusError:
    with pytest.raises(PrometheusError) as raised:
        ask(settings)
    assert SECRET not in str(raised.value) + repr(raised.value.problems)
    assert raised.value.__cause__ is None
    return raised.value


def wanting(authorization: str) -> Answer:
    return lambda headers: (200 if headers["Authorization"] == authorization else 401, "")


def test_a_certificate_by_the_named_authority_is_trusted(serve: Serve, authority: Authority) -> None:
    ask(Prometheus(url=serve(authority.context(), lambda _: (200, "")), ca_file=str(authority.file)))


@pytest.mark.parametrize("ca_file", [False, True])
def test_a_certificate_by_another_authority_is_refused_at_once_and_the_setting_is_named(
    serve: Serve, authority: Authority, tmp_path: Path, ca_file: bool
) -> None:
    other = Authority.make(tmp_path, "other")
    url = serve(authority.context(), lambda _: (200, ""))
    said: list[str] = []
    with pytest.raises(PrometheusError) as raised:
        ask(Prometheus(url=url, ca_file=str(other.file) if ca_file else None), said.append)
    problem = raised.value.problems[0]
    assert problem.code == "prometheus-certificate"
    assert "meshroll_prometheus.ca_file" in problem.hint
    assert said == [], "it does not get better"


def test_a_certificate_for_another_host_is_refused(serve: Serve, authority: Authority) -> None:
    url = serve(authority.context("127.0.0.2"), lambda _: (200, ""))
    error = refused(Prometheus(url=url, ca_file=str(authority.file)))
    assert error.problems[0].code == "prometheus-certificate"
    assert "127.0.0.1" in str(error)


def test_a_token_is_read_anew_for_every_request(serve: Serve, authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "token"
    url = serve(authority.context(), wanting(f"Bearer {SECRET}"))
    settings = Prometheus(url=url, ca_file=str(authority.file), bearer_token_file=str(file))
    client = prometheus.connect(settings, NoApi())
    file.write_text("of yesterday\n")
    with pytest.raises(PrometheusError):
        client.query("x", 1.0)
    file.write_text(f"{SECRET}\n")
    assert client.query("x", 1.0) == ()


def test_a_username_and_the_password_of_a_file_are_sent(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("pässword\n")
    url = serve(None, wanting("Basic Z2F0ZTpww6Rzc3dvcmQ="))
    ask(Prometheus(url=url, basic_auth=BasicAuth(username="gate", password_file=str(file))))


def test_a_tenant_is_named_in_the_header_of_mimir_and_cortex(serve: Serve) -> None:
    seen: list[str] = []

    def answer(headers: Message) -> tuple[int, str]:
        seen.append(headers["X-Scope-OrgID"])
        return 200, ""

    ask(Prometheus(url=serve(None, answer), tenant="team-a"))
    assert seen == ["team-a"]


def test_a_refused_token_is_told_without_the_token(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET)
    error = refused(Prometheus(url=serve(None, lambda _: (403, "")), bearer_token_file=str(file)))
    assert error.problems[0].code == "prometheus-unauthorized"
    assert "bearer_token_file" in error.problems[0].hint


def test_a_token_does_not_follow_to_another_host(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET)
    seen: list[str | None] = []

    def login(headers: Message) -> tuple[int, str]:
        seen.append(headers["Authorization"])
        return 200, ""

    elsewhere = serve(None, login)
    ask(Prometheus(url=serve(None, lambda _: (302, elsewhere)), bearer_token_file=str(file)))
    assert seen == [None]


@pytest.mark.parametrize("content", [None, b"", b" \n", b"two\nlines", b"\xff\xfe", "tök".encode()])
def test_a_file_that_holds_no_secret_is_named_with_its_setting(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content.replace(b"two", SECRET.encode()))
    error = refused(Prometheus(url="https://prometheus.example", bearer_token_file=str(file)))
    assert error.problems[0].code == "prometheus-file"
    assert f"meshroll_prometheus.bearer_token_file: {file}" in str(error)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_holds_no_authority_is_named_with_its_setting(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    error = refused(Prometheus(url="https://prometheus.example", ca_file=str(file)))
    assert error.problems[0].code == "prometheus-file"
    assert f"meshroll_prometheus.ca_file: {file}" in str(error)


def test_a_connection_that_is_refused_is_told_from_an_answer_that_is_late() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hours = iter(range(0, 36000, 3600))
    transport = UrlTransport(f"http://127.0.0.1:{port}", seconds=lambda: float(next(hours)))
    with pytest.raises(PrometheusError) as raised:
        transport.get("/api/v1/query", {"query": "x"})
    assert [problem.code for problem in raised.value.problems] == ["prometheus-unreachable"]
