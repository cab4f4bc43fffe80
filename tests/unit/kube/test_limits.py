"""So many requests at a time and a second, whoever sends them; and what must not wait behind them does not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from unit.kube.conftest import LONG_SECONDS, Answer, Asked, Server, Time, Watch, kubeconfig

from meshroll.adapters.kube.client import ApiError, Kube
from meshroll.adapters.kube.connection import connection
from meshroll.adapters.kube.limits import Limits
from meshroll.adapters.kube.lock import LEASE, Lock
from meshroll.core.settings import Api

POD = "/api/v1/namespaces/n/pods/a"
PROXIED = "/api/v1/namespaces/m/services/prometheus:9090/proxy/api/v1/query"
Limited = Callable[[Api, Time], Kube]


@pytest.fixture
def limited(server: Server, tmp_path: Path) -> Limited:
    """A client of the server with limits whose pace is kept by a clock of the test's own."""

    def client(api: Api, time: Time) -> Kube:
        opened = connection(str(kubeconfig(tmp_path, server.url, {})), None)
        return Kube.over(opened, lambda _: None, 0.0, Limits(api, time.sleep, time.seconds))

    return client


class Busy:
    """An API server that answers nothing but leases before it is told to, and counts what it has in hand."""

    def __init__(self, server: Server) -> None:
        self.goes_on = threading.Event()
        self.changed = threading.Condition()
        self.now = self.most = 0
        server.script = self.answer

    def answer(self, asked: Asked) -> Answer:
        if "/leases" in asked.path:
            return Answer(404) if asked.method == "GET" else Answer(body=asked.body)
        with self.changed:
            self.now += 1
            self.most = max(self.most, self.now)
            self.changed.notify_all()
        self.goes_on.wait(LONG_SECONDS)
        with self.changed:
            self.now -= 1
        return Answer(body={"metadata": {}})

    def wait_for(self, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.now == number, LONG_SECONDS)


def test_no_more_are_in_flight_than_may_be_whichever_client_and_way_they_go(
    server: Server, limited: Limited
) -> None:
    busy = Busy(server)
    kube = limited(Api(concurrency=3), Time())
    ways = [
        lambda: kube.get(POD),
        lambda: kube.fenced(lambda: None).json_patch(POD, []),
        lambda: kube.hurried().get(POD),
        lambda: kube.read_text(PROXIED, {"query": "1"}),
    ]
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(way) for _ in range(4) for way in ways]
        busy.wait_for(3)
        busy.goes_on.set()
        assert all(each.result() for each in asked)
    assert busy.most == 3
    assert len(server.asked) == 16


def test_a_turn_ends_with_a_refusal_too(server: Server, limited: Limited) -> None:
    kube = limited(Api(concurrency=1), Time())
    server.plays(Answer(403), Answer(None), Answer(body={"metadata": {}}))
    for _ in range(2):
        with pytest.raises(Exception, match=r"refused|reached"):
            kube.get(POD)
    assert kube.get(POD)


def test_requests_and_the_starts_of_watches_keep_one_pace(server: Server, limited: Limited) -> None:
    time = Time()
    kube = limited(Api(requests_per_second=8), time)
    server.stream = lambda _, handler: Watch(handler, threading.Event()).refuse(429)
    for _ in range(8):
        kube.get(POD)
    assert time.slept == []
    kube.read_text(PROXIED, {"query": "1"})
    with pytest.raises(ApiError):
        next(kube.watch("/api/v1/namespaces/n/pods", "1", 10))
    kube.get(POD)
    assert time.slept == [0.125] * 3


def test_an_open_watch_takes_nobodys_turn(server: Server, limited: Limited) -> None:
    kube = limited(Api(concurrency=1), Time())
    over = threading.Event()

    def open_for_long(_: Asked, handler: BaseHTTPRequestHandler) -> None:
        opened = Watch(handler, over)
        opened.say("ADDED", {"metadata": {"name": "a"}})
        opened.stall()

    server.stream = open_for_long
    watch = kube.watch("/api/v1/namespaces/n/pods", "1", 10)
    try:
        assert next(watch)["type"] == "ADDED"
        kube.get(POD)
    finally:
        over.set()


def test_a_renewal_waits_for_no_turn_and_for_no_pace(server: Server, limited: Limited) -> None:
    busy = Busy(server)
    time = Time()
    kube = limited(Api(concurrency=2, requests_per_second=5), time)
    time.now += 3600.0
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(kube.get, POD) for _ in range(8)]
        try:
            busy.wait_for(2)
            for _ in range(20):
                kube.urgent().get(LEASE)
        finally:
            busy.goes_on.set()
        assert all(each.result() for each in asked)
    leases = [each for each in server.asked if "/leases" in each.path]
    assert len(leases) == 20
    # Three of the eight had to wait, and no renewal.
    assert len(time.slept) <= 3


def test_writes_that_wait_for_the_lock_do_not_keep_it_from_being_renewed(
    server: Server, limited: Limited
) -> None:
    """Each write has a turn and renews the lock within it; with as many of them as there are turns nothing is left."""
    leases: dict[str, dict[str, object]] = {}

    def answer(asked: Asked) -> Answer:
        if "/leases" not in asked.path:
            return Answer(body={"metadata": {}})
        if asked.method == "GET":
            return Answer(body=leases[LEASE]) if leases else Answer(404)
        meta = {**asked.body["metadata"], "uid": "u", "resourceVersion": "1"}
        leases[LEASE] = {**asked.body, "metadata": meta}
        return Answer(body=leases[LEASE])

    server.script = answer
    kube = limited(Api(concurrency=2), Time())
    lock = Lock(kube, "ann@host", "ann", None)
    lock.acquire()
    fenced = kube.fenced(lock.renew)
    # None that the end of a pool would wait for: where this is wrong they never end.
    writing = [threading.Thread(target=fenced.json_patch, args=(POD, []), daemon=True) for _ in range(8)]
    for each in writing:
        each.start()
    for each in writing:
        each.join(LONG_SECONDS)
        assert not each.is_alive()


def test_the_fence_is_asked_after_the_turn_has_come_and_not_before(server: Server, limited: Limited) -> None:
    """A write whose turn is long in coming must not begin on the word of a lock that was renewed long ago."""
    time, fenced_at = Time(), []
    kube = limited(Api(requests_per_second=8), time)
    server.plays(Answer(body={"metadata": {}}))
    for _ in range(9):
        kube.fenced(lambda: fenced_at.append(time.now)).json_patch(POD, [])
    assert fenced_at == [1000.0] * 8 + [1000.125]
