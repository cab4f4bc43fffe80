"""Notices arrive at servers, and what goes wrong there is a warning and nothing more."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from meshroll.adapters import notify
from meshroll.core.notices import Notice
from meshroll.core.settings import Notification

NOTICE = Notice(
    event="rollback",
    cluster="prod-eu",
    command="rollout",
    run_id="20260101t000000z-abcdef",
    namespaces=["charging"],
    exit_code=4,
    reason="omni <fails>",
    next=None,
    started_at="2026-01-01T00:00:00Z",
    finished_at="2026-01-01T00:09:00Z",
    text="It failed & went back.",
)
Serve = Callable[..., tuple[str, list[Any]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """(URL, bodies that came) of a server that answers with these statuses in turn, the last one for ever."""
    servers: list[ThreadingHTTPServer] = []

    def begin(*statuses: int) -> tuple[str, list[Any]]:
        came: list[Any] = []
        left = list(statuses or (200,))

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(left.pop(0) if len(left) > 1 else left[0])
                self.send_header("Content-Length", "0")
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/T0K3N", came

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def sent(*places: Notification, notice: Notice = NOTICE) -> list[str]:
    warned: list[str] = []
    notify.send(places, notice, warned.append)
    return warned


def test_a_webhook_gets_the_fields_and_slack_a_text(serve: Serve, tmp_path: Path) -> None:
    (url, came), (hook, posted) = serve(), serve()
    (tmp_path / "url").write_text(f"{hook}\n")
    assert sent(Notification(url=url), Notification(url_file=str(tmp_path / "url"), format="slack")) == []
    assert (came[0]["event"], came[0]["exit_code"], came[0]["namespaces"]) == ("rollback", 4, ["charging"])
    assert posted == [{"text": "It failed &amp; went back."}]


def test_only_the_events_that_a_place_wants_are_sent_there(serve: Serve) -> None:
    url, came = serve()
    assert sent(Notification(url=url, events=["success"])) == []
    assert came == []


def test_a_server_that_is_busy_is_asked_again(serve: Serve) -> None:
    url, came = serve(503, 429, 200)
    assert sent(Notification(url=url)) == []
    assert len(came) == 3


@pytest.mark.parametrize("status", [302, 403, 404, 500])
def test_a_server_that_will_not_have_it_is_warned_of_without_its_url(serve: Serve, status: int) -> None:
    url, _ = serve(status)
    (warned,) = sent(Notification(url=url))
    assert str(status) in warned and "127.0.0.1" in warned and "T0K3N" not in warned


def test_one_place_that_is_not_there_keeps_nothing_from_the_next(serve: Serve, tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{held.getsockname()[1]}/T0K3N"
        url, came = serve()
        (tmp_path / "plain").write_text("http://hooks.example/T0K3N")
        warned = sent(
            Notification(url=closed),
            Notification(url_file=str(tmp_path / "none")),
            Notification(url_file=str(tmp_path / "plain")),
            Notification(url=url),
        )
    assert len(came) == 1 and len(warned) == 3
    assert not any("T0K3N" in each for each in warned)


def test_a_server_that_never_comes_to_an_end_is_not_waited_for(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as slow:
        slow.bind(("127.0.0.1", 0))
        slow.listen()
        url, came = serve()
        monkeypatch.setattr(notify, "DEADLINE_SECONDS", 2.5)
        warned = sent(
            Notification(url=f"http://127.0.0.1:{slow.getsockname()[1]}/T0K3N"), Notification(url=url)
        )
    assert len(came) == 1, "and keeps nothing from the others"
    assert warned == ["No notice was sent to 127.0.0.1: no answer in 2 s."]


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"REQUESTS_CA_BUNDLE": "/nowhere/ca.pem"}, {"url": "https://127.0.0.1:9/T0K3N"}),
        ({}, {"url_file": "~nobody-of-that-name/url"}),
    ],
)
def test_whatever_goes_wrong_on_this_machine_is_a_warning_without_the_url(
    variables: dict[str, str], place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (warned,) = sent(Notification(**place))
    assert warned.startswith("No notice was sent") and "T0K3N" not in warned


def test_no_log_has_the_url_of_a_server_that_does_not_answer(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    url, _ = serve(503)
    caplog.set_level("INFO")
    assert sent(Notification(url=url))
    assert "T0K3N" not in caplog.text


def test_a_template_writes_the_text_from_the_fields(serve: Serve, tmp_path: Path) -> None:
    url, came = serve()
    (tmp_path / "text.j2").write_text("{{ cluster }}: {{ event }} ({{ reason }})")
    assert sent(Notification(url=url, format="slack", template=str(tmp_path / "text.j2"))) == []
    assert came == [{"text": "prod-eu: rollback (omni &lt;fails&gt;)"}]


@pytest.mark.parametrize("source", ["{{ nobody }}", "{% if %}", "{{ ().__class__.__mro__ }}", "{{ 1 // 0 }}"])
def test_a_template_that_cannot_be_rendered_costs_a_warning_and_not_the_notice(
    serve: Serve, tmp_path: Path, source: str
) -> None:
    url, came = serve()
    (tmp_path / "text.j2").write_text(source)
    (warned,) = sent(Notification(url=url, template=str(tmp_path / "text.j2")))
    assert "text.j2" in warned
    assert came[0]["text"] == NOTICE.text
