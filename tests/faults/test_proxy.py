"""The proxy does to a request what its fault says, and nothing else: or no figure would mean anything."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3
from faults.fault import (
    Answer,
    Down,
    Forward,
    Kill,
    Mix,
    Once,
    Request,
    Reset,
    Undisturbed,
    is_write,
    number_is,
)
from faults.proxy import Proxy
from faults.tree import descendants, kill_tree, runs


class Upstream(BaseHTTPRequestHandler):
    """Answers everything, slowly where it is asked to watch."""

    protocol_version = "HTTP/1.1"
    heard: list[str] = []  # noqa: RUF012 - emptied by the fixture

    def do_GET(self) -> None:
        self.heard.append(f"{self.command} {self.path}")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        if "watch" in self.path:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for chunk in (b"first", b"second"):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
                time.sleep(0.5)
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    Upstream.heard.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with Proxy(f"http://127.0.0.1:{server.server_port}") as proxy:
        yield proxy
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def http() -> urllib3.PoolManager:
    return urllib3.PoolManager(retries=False)


def test_undisturbed_requests_pass_and_are_counted(proxy: Proxy, http: urllib3.PoolManager) -> None:
    with proxy.disturbed(Undisturbed()):
        assert http.request("GET", f"{proxy.url}/api?limit=1").data == b"{}"
        assert http.request("PATCH", f"{proxy.url}/api/x", body=b"{}").status == 200
        assert http.request("DELETE", f"{proxy.url}/api/x").status == 200
    assert Upstream.heard == ["GET /api?limit=1", "PATCH /api/x", "DELETE /api/x"]
    assert [(request.write, request.method) for request in proxy.writes] == [(1, "PATCH"), (2, "DELETE")]


def test_questions_and_dry_runs_are_no_writes() -> None:
    assert is_write("POST", "/api/v1/namespaces")
    assert not is_write("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
    assert not is_write("POST", "/api/v1/namespaces/x/pods?dryRun=All")
    assert not is_write("GET", "/api/v1/namespaces")


def test_a_watch_is_not_held_back(proxy: Proxy, http: urllib3.PoolManager) -> None:
    began = time.monotonic()
    response = http.request("GET", f"{proxy.url}/pods?watch=1", preload_content=False)
    assert next(response.stream(5)) == b"first"
    assert time.monotonic() - began < 0.4


@pytest.mark.parametrize(("when", "heard"), [("before", []), ("after", ["POST /x"])])
def test_a_reset_comes_before_or_after_the_write(
    proxy: Proxy, http: urllib3.PoolManager, when: str, heard: list[str]
) -> None:
    reset = Reset("before") if when == "before" else Reset("after")
    with proxy.disturbed(Once(number_is(1), reset)), pytest.raises(urllib3.exceptions.ProtocolError):
        http.request("POST", f"{proxy.url}/x", body=b"{}")
    assert Upstream.heard == heard


def test_an_answer_of_its_own_says_when_to_come_again(proxy: Proxy, http: urllib3.PoolManager) -> None:
    with proxy.disturbed(Once(number_is(1), Answer(429, retry_after_seconds=1))):
        response = http.request("POST", f"{proxy.url}/x", body=b"{}")
        assert (response.status, response.headers["Retry-After"]) == (429, "1")
        assert http.request("POST", f"{proxy.url}/x", body=b"{}").status == 200
    assert Upstream.heard == ["POST /x"]


def test_nothing_listens_while_it_is_down(proxy: Proxy, http: urllib3.PoolManager) -> None:
    with proxy.disturbed(Once(number_is(1), Down(1.0))):
        with pytest.raises(urllib3.exceptions.ProtocolError):
            http.request("POST", f"{proxy.url}/x", body=b"{}")
        with pytest.raises(urllib3.exceptions.HTTPError):
            http.request("GET", f"{proxy.url}/x")
        time.sleep(1.2)
        assert http.request("GET", f"{proxy.url}/x").status == 200
    proxy.down()
    with pytest.raises(urllib3.exceptions.HTTPError):
        http.request("GET", f"{proxy.url}/x")
    proxy.up()
    assert http.request("GET", f"{proxy.url}/x").status == 200


def test_a_kill_is_done_before_anything_else_happens(proxy: Proxy, http: urllib3.PoolManager) -> None:
    killed: list[float] = []
    fault = Once(number_is(1), Kill("after", lambda: killed.append(time.monotonic())))
    with proxy.disturbed(fault), pytest.raises(urllib3.exceptions.ProtocolError):
        http.request("POST", f"{proxy.url}/x", body=b"{}")
    assert killed and Upstream.heard == ["POST /x"]


def test_a_tree_is_killed_with_all_its_branches() -> None:
    script = "sleep 100 & (setsid sleep 100 & wait) & wait"
    process = subprocess.Popen(["bash", "-c", script])
    time.sleep(0.3)
    branches = descendants(process.pid)
    assert len(branches) >= 4
    kill_tree(process.pid)
    assert process.wait() == -9
    assert not any(runs(pid) for pid in branches)


def test_a_seed_is_the_same_mix_again() -> None:
    requests = [Request("GET", f"/{number}", 0) for number in range(500)]
    one, again = Mix(3), Mix(3)
    decided = [one.decide(request) for request in requests]
    assert decided == [again.decide(request) for request in requests]
    assert 60 < sum(action != Forward() for action in decided) < 140
