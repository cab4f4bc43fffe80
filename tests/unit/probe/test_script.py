"""The script is really run, against servers on loopback; its result is what core reads."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.probe.answers import Answers, parse

SCRIPT = str(files("meshroll").joinpath("data/probe.sh"))
# What its manifest may hold of a termination message.
MESSAGE_MAX = 4096
CALLS = 40


def curl_major() -> int:
    """0 where there is no curl."""
    if not shutil.which("curl"):
        return 0
    done = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=False)
    return int(done.stdout.split()[1].partition(".")[0])


CURL = curl_major()
needs_curl = pytest.mark.skipif(
    not (CURL and shutil.which("timeout")), reason="curl or timeout is not on this machine"
)


@contextmanager
def serving(pages: Mapping[str, Callable[[], tuple[int, str]]]) -> Iterator[tuple[str, list[str]]]:
    """An HTTP/1.1 server that keeps connections, and the address of each request's client."""
    clients: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            clients.append("{}:{}".format(*self.client_address))
            status, text = pages[self.path]()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}", clients
    listening.shutdown()
    listening.server_close()


def sample(pod: str, count: int, service: str = "tariffs", direction: str = "outbound") -> str:
    """A line as linkerd-proxy has it (facts: linkerd2-proxy's own order of labels)."""
    chosen = f'dst_service="{service}",' if service else ""
    return (
        f'response_total{{direction="{direction}",authority="tariffs.charging.svc:80",target_port="8080",tls="true",'
        f'dst_namespace="charging",dst_pod="{pod}",dst_pod_template_hash="6d4cf56db6",{chosen}'
        f'status_code="200",classification="success",grpc_status="",error=""}} {count}'
    )


def literal(name: bytes, value: bytes) -> bytes:
    """A header as HPACK has it where it is put into no table."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


@contextmanager
def answering_grpc(status: bytes) -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """A gRPC server that knows no method: (its connection's number, what it was sent) of each call."""
    asked: list[tuple[int, bytes]] = []
    answer = b"\x88" + literal(b"content-type", b"application/grpc") + literal(b"grpc-status", status)

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            assert self.rfile.read(24).startswith(b"PRI * HTTP/2.0")
            self.frame(4, 0, 0, b"")
            while header := self.rfile.read(9):
                kind, flags, stream = header[3], header[4], header[5:]
                payload = self.rfile.read(int.from_bytes(header[:3], "big"))
                if kind == 4 and not flags:
                    self.frame(4, 1, 0, b"")
                elif kind == 0 and flags & 1:
                    asked.append((self.client_address[1], payload))
                    self.frame(1, 5, int.from_bytes(stream, "big"), answer)

        def frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
            self.wfile.write(
                len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
            )
            self.wfile.write(payload)

    listening = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_address[1]}", asked
    listening.shutdown()
    listening.server_close()


def script(folder: Path, url: str, admin: str, grpc: str = "no", path: str = "") -> tuple[int, str]:
    """The script's exit code, and what it leaves behind."""
    environment = {
        "URL": url,
        "GRPC": grpc,
        "CALLS": str(CALLS),
        "ADMIN": admin,
        "RESULT": str(folder / "result"),
        "PATH": path or os.environ["PATH"],
    }
    done = subprocess.run(["sh", SCRIPT], env=environment, capture_output=True, check=False)
    return done.returncode, (folder / "result").read_text()


def run(folder: Path, metrics: str, answer: Callable[[], tuple[int, str]]) -> tuple[str, list[str]]:
    """What the script leaves behind, and the clients that the Service saw."""
    pages = {"/ready": lambda: (200, "ready\n"), "/metrics": lambda: (200, metrics)}
    with serving(pages) as (admin, _), serving({"/": answer}) as (service, clients):
        code, said = script(folder, f"{service}/", admin)
        assert code == 0
        return said, clients


@needs_curl
def test_calls_go_over_one_connection_and_pods_are_counted_by_the_proxy(tmp_path: Path) -> None:
    metrics = "\n".join(
        [
            "# HELP response_total Total count of HTTP responses.",
            sample("tariffs-a", 20),
            sample("tariffs-b", 15),
            sample("tariffs-b", 3).replace('"200"', '"503"'),
            sample("tariffs-c", 2, service=""),
            sample("pricing-a", 9, direction="inbound"),
            sample("tariffs-d", 4).replace('status_code="200",', ""),
            sample("tariffs-a", 20).replace("response_total", "request_total"),
            "",
        ]
    )
    said, clients = run(tmp_path, metrics, lambda: (200, "ok"))
    assert len(clients) == CALLS
    assert len(set(clients)) == 1
    assert parse(said) == Answers(
        by_code={"200": CALLS},
        by_pod={"tariffs-a": 20, "tariffs-b": 18, "tariffs-c": 2},
        answered=40,
        balanced=38,
        connections=1,
    )


@needs_curl
def test_codes_are_counted_each(tmp_path: Path) -> None:
    codes = iter([500, 404] * CALLS)
    found = parse(run(tmp_path, "", lambda: (next(codes), ""))[0])
    assert found is not None
    assert found.by_code == {"500": CALLS / 2, "404": CALLS / 2}
    assert (found.failed, found.answered) == (CALLS / 2, 0)


@needs_curl
def test_more_pods_than_fit_are_told_as_a_sum_and_the_busiest_are_kept(tmp_path: Path) -> None:
    pods = {f"voltnet-omnicharge-points-6d4cf56db6-{number:05d}": number + 1 for number in range(120)}
    metrics = "\n".join(sample(pod, count) for pod, count in pods.items()) + "\n"
    said, _ = run(tmp_path, metrics, lambda: (200, ""))
    assert len(said.encode()) < MESSAGE_MAX
    found = parse(said)
    assert found is not None
    assert found.answered == found.balanced == sum(pods.values())
    assert sorted(found.by_pod.values()) == list(range(81, 121))


@needs_curl
def test_a_service_that_answers_nothing_is_counted_as_calls_without_an_answer(tmp_path: Path) -> None:
    with serving({"/ready": lambda: (200, ""), "/metrics": lambda: (200, "")}) as (admin, _):
        code, said = script(tmp_path, "http://127.0.0.1:1/", admin)
    found = parse(said)
    assert code == 0 and found is not None
    assert (found.calls, found.failed) == (CALLS, CALLS)


@needs_curl
def test_a_proxy_that_refuses_its_metrics_is_no_result_and_nobody_is_called(tmp_path: Path) -> None:
    with serving({"/ready": lambda: (200, ""), "/metrics": lambda: (403, "")}) as (admin, _):
        code, said = script(tmp_path, "http://127.0.0.1:1/", admin)
    assert (code, parse(said)) == (1, None)
    assert "4191" in said


@needs_curl
def test_a_proxy_that_shows_no_metrics_after_the_calls_is_no_result(tmp_path: Path) -> None:
    """Else none of the answers would be the proxy's, as if they had gone past it."""
    shown = iter([200])
    pages = {"/ready": lambda: (200, ""), "/metrics": lambda: (next(shown, 503), "")}
    with serving(pages) as (admin, _), serving({"/": lambda: (200, "")}) as (service, clients):
        code, said = script(tmp_path, f"{service}/", admin)
    assert len(clients) == CALLS
    assert (code, parse(said)) == (1, None)
    assert "after the calls" in said


@needs_curl
def test_what_a_service_that_is_too_slow_for_all_calls_has_answered_is_counted(tmp_path: Path) -> None:
    impatient = tmp_path / "timeout"
    impatient.write_text(f'#!/bin/sh\nshift\nexec {shutil.which("timeout")} 2 "$@"\n')
    impatient.chmod(0o755)

    def slow() -> tuple[int, str]:
        time.sleep(0.2)
        return 200, ""

    pages = {"/ready": lambda: (200, ""), "/metrics": lambda: (200, "")}
    with serving(pages) as (admin, _), serving({"/": slow}) as (service, _):
        code, said = script(tmp_path, f"{service}/", admin, path=f"{tmp_path}:{os.environ['PATH']}")
    found = parse(said)
    assert code == 0 and found is not None
    assert 3 <= found.calls < CALLS
    assert set(found.by_code) == {"200"}


@needs_curl
@pytest.mark.skipif(CURL < 8, reason="needs curl 8 or newer")
@pytest.mark.parametrize("status", ["0", "12"])
def test_grpc_goes_over_one_connection_too_with_an_empty_message(tmp_path: Path, status: str) -> None:
    pages = {"/ready": lambda: (200, ""), "/metrics": lambda: (200, sample("tariffs-a", CALLS))}
    with serving(pages) as (admin, _), answering_grpc(status.encode()) as (service, asked):
        code, said = script(tmp_path, f"{service}/grpc.health.v1.Health/Check", admin, "yes")
    assert len(asked) == CALLS
    assert len({connection for connection, _ in asked}) == 1
    assert {message for _, message in asked} == {b"\0\0\0\0\0"}
    assert code == 0
    assert parse(said) == Answers(
        {f"200 grpc-status {status}": CALLS}, {"tariffs-a": CALLS}, CALLS, CALLS, connections=1
    )


def test_a_curl_that_cannot_hold_a_grpc_connection_is_no_result(tmp_path: Path) -> None:
    old = tmp_path / "curl"
    old.write_text("#!/bin/sh\necho 'curl 7.88.1 (x86_64-pc-linux-gnu)'\n")
    old.chmod(0o755)
    code, said = script(tmp_path, "", "", "yes", f"{tmp_path}:{os.environ['PATH']}")
    assert (code, parse(said)) == (1, None)
    assert "older than 8" in said


@given(
    st.text(max_size=300)
    | st.from_regex(r"(connections|calls|pod|answered)( \S{1,5}){0,4}\n", fullmatch=True)
)
def test_whatever_a_message_says_it_is_read_or_refused(message: str) -> None:
    found = parse(message)
    assert found is None or found.calls >= found.failed
