"""An API server on loopback that answers as it is told, and a clock that sleeping moves on."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshroll.adapters.kube.client import Kube
from meshroll.adapters.kube.connection import connection
from meshroll.adapters.kube.requests import Requests
from meshroll.core.retry import Patience

LONG_SECONDS = 20
DATE = "Tue, 06 Jan 2026 10:20:30 GMT"


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    body: Any
    token: str | None
    accept: str


@dataclass(frozen=True)
class Answer:
    """``status`` None: the connection is reset instead."""

    status: int | None = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


RESET = Answer(status=None)
Script = Callable[[Asked], Answer]


@dataclass
class Server:
    """Answers with its ``script``, or with ``stream``, which may write to the connection as it likes."""

    script: Script = lambda _: Answer()
    stream: Callable[[Asked, BaseHTTPRequestHandler], None] | None = None
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def plays(self, *answers: Answer) -> None:
        """One answer after the other; the last one for good."""
        left = list(answers)
        self.script = lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            asked = Asked(
                self.command, self.path, body, self.headers.get("Authorization"), self.headers["Accept"]
            )
            served.asked.append(asked)
            if served.stream and "watch=1" in self.path:
                served.stream(asked, self)
                return
            answer = served.script(asked)
            if answer.status is None:
                self.reset()
                return
            data = json.dumps(answer.body).encode()
            self.send_response_only(answer.status)
            for name, value in {"Date": DATE, "Content-Length": str(len(data)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{listening.server_port}"
    threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
    yield served
    listening.shutdown()
    listening.server_close()


class Watch:
    """One watch, as the server plays it; it is over once ``over`` is set."""

    def __init__(self, handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
        self.handler = handler
        self._over = over
        self._begun = False

    def begin(self) -> None:
        if not self._begun:
            self._begun = True
            self.handler.send_response_only(200)
            self.handler.send_header("Transfer-Encoding", "chunked")
            self.handler.end_headers()

    def say(self, kind: str, item: dict[str, Any]) -> None:
        self.begin()
        line = json.dumps({"type": kind, "object": item}).encode() + b"\n"
        self.handler.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def end(self) -> None:
        self.begin()
        self.handler.wfile.write(b"0\r\n\r\n")

    def refuse(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        self.handler.send_response_only(status)
        for name, value in (headers or {}).items():
            self.handler.send_header(name, value)
        self.handler.send_header("Content-Length", "0")
        self.handler.end_headers()

    def reset(self) -> None:
        self.handler.reset()  # type: ignore[attr-defined]

    def stall(self) -> None:
        """Open, and silent, as behind a router that has forgotten the connection."""
        self.begin()
        self._over.wait(LONG_SECONDS)
        self.handler.close_connection = True


class Time:
    """Passes only while somebody sleeps; ``on_sleep`` is what happens meanwhile."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.on_sleep: Callable[[], None] = lambda: None
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.on_sleep()

    def seconds(self) -> float:
        return self.now


@dataclass
class Client:
    kube: Kube
    time: Time
    said: list[str]


def kubeconfig(folder: Path, url: str, user: Mapping[str, Any]) -> Path:
    file = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": dict(user)}],
    }
    file.write_text(yaml.safe_dump(content))
    return file


Connect = Callable[..., Client]


@pytest.fixture
def connect(server: Server, tmp_path: Path) -> Connect:
    """A client of the server whose patience passes in no time."""

    def client(
        patience_seconds: float = 180.0, user: Mapping[str, Any] | None = None, url: str = ""
    ) -> Client:
        file = kubeconfig(tmp_path, url or server.url, user or {"token": "first"})
        time, said = Time(), list[str]()
        requests = Requests(
            connection(str(file), None),
            said.append,
            Patience(patience_seconds),
            sleep=time.sleep,
            seconds=time.seconds,
        )
        return Client(Kube(requests), time, said)

    return client
