"""The copy of a namespace while its watches break, stall, and come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from unit.kube.conftest import LONG_SECONDS, RESET, Answer, Asked, Connect, Server, Watch

from meshroll.adapters.kube import mirror as mirror_module
from meshroll.adapters.kube import requests
from meshroll.adapters.kube.client import ApiError
from meshroll.adapters.kube.mirror import BUSY_MAX, CURRENT_SECONDS, Mirror
from meshroll.core.errors import Refused


def pod(name: str, version: int = 1) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}


class World:
    """Pods as lists show them, and what becomes of each watch on them; the other kinds are empty and quiet."""

    def __init__(self, server: Server) -> None:
        self.pods = [pod("a"), pod("b")]
        self.lists = 0
        self.watches = 0
        self.away = self.busy = False
        self.events: list[dict[str, Any]] = []
        self.over = threading.Event()
        self.on_watch: list[Callable[[Watch], None]] = []
        server.script = self.listed
        server.stream = self.watched

    def listed(self, asked: Asked) -> Answer:
        if self.away:
            return RESET
        if self.busy:
            return Answer(429, headers={"Retry-After": "17"})
        items = self.pods if "/pods?" in asked.path else []
        items = self.events if "/events?" in asked.path else items
        self.lists += "/pods?" in asked.path
        return Answer(body={"items": items, "metadata": {"resourceVersion": "7"}})

    def watched(self, asked: Asked, handler: BaseHTTPRequestHandler) -> None:
        watch = Watch(handler, self.over)
        if "/pods?" not in asked.path:
            watch.stall()
            return
        self.watches += 1
        (self.on_watch.pop(0) if self.on_watch else Watch.stall)(watch)


@pytest.fixture
def world(server: Server) -> Iterator[World]:
    made = World(server)
    yield made
    made.over.set()


def until(mirror: Mirror, wanted: Callable[[], bool]) -> None:
    """Waits as a step does; raises what a watch raised."""
    end = time.monotonic() + LONG_SECONDS
    while not wanted():
        assert time.monotonic() < end, "it did not come about"
        mirror.wait(0.1)


def names(mirror: Mirror) -> list[str]:
    return sorted(mirror.objects("Pod"))


BREAKS: dict[str, Callable[[Watch], None]] = {
    "a reset": Watch.reset,
    "a reset in the middle": lambda watch: (watch.say("MODIFIED", pod("b", 8)), watch.reset())[1],
    "410 as an answer": lambda watch: watch.refuse(410),
    "410 as an event": lambda watch: watch.say("ERROR", {"code": 410, "message": "too old"}),
    "500 as an event": lambda watch: watch.say("ERROR", {"code": 500, "message": "etcd"}),
    "503": lambda watch: watch.refuse(503),
    "an expired token": lambda watch: watch.refuse(401),
    "half a line": lambda watch: (watch.begin(), watch.handler.wfile.write(b'3\r\n{"t\r\n'), watch.reset())[
        2
    ],
}


@pytest.mark.parametrize("how", BREAKS)
def test_what_was_deleted_while_a_watch_was_broken_disappears(
    how: str, world: World, connect: Connect
) -> None:
    def broken(watch: Watch) -> None:
        world.pods = [pod("a"), pod("c")]
        BREAKS[how](watch)

    world.on_watch = [broken]
    with Mirror(connect().kube, "n") as mirror:
        until(mirror, lambda: names(mirror) == ["a", "c"])
        until(mirror, lambda: world.watches == 2)
    assert world.lists == 2


def test_a_watch_that_ended_politely_goes_on_from_where_it_was(
    world: World, server: Server, connect: Connect
) -> None:
    def first(watch: Watch) -> None:
        watch.say("ADDED", pod("c", 8))
        watch.say("BOOKMARK", {"metadata": {"resourceVersion": "12"}})
        watch.end()

    world.on_watch = [first, lambda watch: (watch.say("DELETED", pod("a", 13)), watch.stall())[1]]
    with Mirror(connect().kube, "n") as mirror:
        until(mirror, lambda: names(mirror) == ["b", "c"])
    assert world.lists == 1
    assert "resourceVersion=12" in [a.path for a in server.asked if "/pods?watch" in a.path][1]


def test_a_watch_that_is_refused_as_too_much_waits_as_told_and_goes_on_without_a_list(
    world: World, server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_module, "backoff_seconds", lambda *_: 0.0)
    began = time.monotonic()
    world.on_watch = [
        lambda watch: watch.refuse(429, {"Retry-After": "1"}),
        lambda watch: (watch.say("ADDED", pod("c", 8)), watch.stall())[1],
    ]
    with Mirror(connect().kube, "n") as mirror:
        until(mirror, lambda: names(mirror) == ["a", "b", "c"])
    assert time.monotonic() - began >= 1.0, "it asked again sooner than it was told to"
    assert world.lists == 1
    assert ["resourceVersion=7" in a.path for a in server.asked if "/pods?watch" in a.path] == [True, True]


@pytest.mark.parametrize("watch_seconds", [10, 0], ids=["refused at once", "refused after half a watch"])
def test_an_api_server_that_stays_busy_is_asked_for_a_list_whose_end_says_so(
    world: World, connect: Connect, monkeypatch: pytest.MonkeyPatch, watch_seconds: int
) -> None:
    monkeypatch.setattr(mirror_module, "backoff_seconds", lambda *_: 0.0)

    def busy(watch: Watch) -> None:
        world.busy = True
        watch.refuse(429)

    world.on_watch = [busy] * (BUSY_MAX + 5)
    kube = connect(patience_seconds=30).kube
    with Mirror(kube, "n", watch_seconds) as mirror, pytest.raises(ApiError) as raised:
        until(mirror, lambda: False)
    assert raised.value.status == 429
    assert world.watches == BUSY_MAX + 1


def test_the_first_list_of_a_mirror_waits_as_a_busy_api_server_says(world: World, connect: Connect) -> None:
    world.busy = True
    client = connect()

    def less_busy() -> None:
        world.busy = len(client.time.slept) < 3

    client.time.on_sleep = less_busy
    with Mirror(client.kube, "n") as mirror:
        assert names(mirror) == ["a", "b"]
    assert client.time.slept == [17.0] * 3


def test_of_events_from_before_it_only_their_metadata_is_asked_for_and_none_is_kept(
    world: World, server: Server, connect: Connect
) -> None:
    world.events = [pod("old")]
    with Mirror(connect().kube, "n") as mirror:
        assert mirror.objects("Event") == {}
        assert "Event" not in {kind for kind, _, _ in mirror.changes()}
        until(mirror, lambda: any("/events?watch" in a.path for a in server.asked))
    (accepted,) = {a.accept for a in server.asked if "/events?" in a.path and "watch" not in a.path}
    assert "PartialObjectMetadataList" in accepted


def test_a_restart_of_the_api_server_is_waited_for(world: World, connect: Connect) -> None:
    def broken(watch: Watch) -> None:
        world.away = True
        world.pods = [pod("z")]
        watch.reset()

    world.on_watch = [broken]
    client = connect()

    def back_after_a_while() -> None:
        world.away = len(client.time.slept) < 5

    client.time.on_sleep = back_after_a_while
    with Mirror(client.kube, "n") as mirror:
        until(mirror, lambda: names(mirror) == ["z"])
    assert len([line for line in client.said if "again in" in line]) == 5


def test_an_api_server_that_stays_away_ends_the_wait(world: World, connect: Connect) -> None:
    def broken(watch: Watch) -> None:
        world.away = True
        watch.reset()

    world.on_watch = [broken]
    with Mirror(connect(patience_seconds=30).kube, "n") as mirror, pytest.raises(Refused) as raised:
        until(mirror, lambda: False)
    assert raised.value.problems[0].code == "api-unreachable"


def test_a_connection_without_a_byte_is_given_up(
    world: World, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "WATCH_SLACK_SECONDS", 0.2)

    def stalled(watch: Watch) -> None:
        watch.begin()
        world.pods = [pod("c")]
        watch.stall()

    world.on_watch = [stalled]
    with Mirror(connect().kube, "n", watch_seconds=0) as mirror:
        until(mirror, lambda: names(mirror) == ["c"])


@pytest.mark.parametrize(
    ("how", "error"),
    [
        (lambda watch: watch.say("ADDED", {"no": "metadata"}), KeyError),
        (lambda watch: watch.refuse(403), ApiError),
    ],
)
def test_what_nobody_foresaw_reaches_the_one_who_waits(
    how: Callable[[Watch], None], error: type[Exception], world: World, connect: Connect
) -> None:
    world.on_watch = [how]
    with Mirror(connect().kube, "n") as mirror, pytest.raises(error):
        until(mirror, lambda: False)


def test_each_change_is_told_once_as_it_is_now_and_at_first_all_that_is_there(
    world: World, connect: Connect
) -> None:
    def broken(watch: Watch) -> None:
        watch.say("MODIFIED", pod("b", 8))
        watch.say("DELETED", pod("a", 9))
        watch.say("ADDED", pod("a", 10))
        world.pods = [pod("a", 10), pod("c", 11)]
        watch.reset()

    told: dict[str, Any] = {}
    world.on_watch = [broken]
    with Mirror(connect().kube, "n") as mirror:
        for _, name, item in mirror.changes():
            told[name] = item and item["metadata"]["resourceVersion"]
        assert sorted(told) == ["a", "b"]
        until(mirror, lambda: names(mirror) == ["a", "c"])
        told |= {name: item and item["metadata"]["resourceVersion"] for _, name, item in mirror.changes()}
        assert mirror.changes() == []
    assert told == {"a": "10", "b": None, "c": "11"}


def test_an_event_from_before_is_none_of_this_change_also_after_a_new_list(
    server: Server, connect: Connect
) -> None:
    """One that happens again keeps its uid."""
    old, new = pod("old"), pod("new")
    lists: list[Asked] = []

    def listed(asked: Asked) -> Answer:
        events = "/events?" in asked.path
        lists.extend([asked] if events else [])
        items = [old, *([new] if len(lists) > 1 else [])] if events else []
        return Answer(body={"items": items, "metadata": {"resourceVersion": "7"}})

    over = threading.Event()

    def watched(asked: Asked, handler: BaseHTTPRequestHandler) -> None:
        watch = Watch(handler, over)
        if "/events?" in asked.path and len(lists) == 1:
            watch.say("MODIFIED", pod("old", 8))
            watch.reset()
        else:
            watch.stall()

    server.script, server.stream = listed, watched
    told: list[str] = []
    with Mirror(connect().kube, "n") as mirror:
        until(mirror, lambda: (told.extend(name for _, name, _ in mirror.changes()), "new" in told)[1])
    over.set()
    assert told == ["new"]


def test_a_copy_that_nobody_brings_up_to_date_says_so(world: World, connect: Connect) -> None:
    now = [100.0]
    with Mirror(connect().kube, "n", seconds=lambda: now[0]) as mirror:
        assert mirror.is_current()
        now[0] += CURRENT_SECONDS + 1
        assert not mirror.is_current()
