"""A cluster with Linkerd behind the proxies, namespaces made ahead of their tests, and the table of figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from faults.estate import Estate, Through, make_estate
from faults.proxy import Proxy

from meshroll.adapters.kube.client import Kube
from meshroll_sandbox.standins.kubeconfig import read_kubeconfig
from meshroll_sandbox.status import Status

ROW, END = "figure-row", "figure-end"


@pytest.fixture(scope="session")
def through(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Through]:
    """The proxies, before a cluster where a first run has installed Linkerd."""
    connection = sandbox.connection
    assert connection
    url, tls = read_kubeconfig(connection.kubeconfig)
    folder = tmp_path_factory.mktemp("faults")
    with Proxy(url, tls) as api, Proxy(connection.prometheus_url) as prometheus:
        kube = Kube.connect(str(connection.kubeconfig), connection.context)
        found = Through(connection, kube, api, prometheus, folder)
        first = make_estate(found, "faults-first")
        ran = first.run_to_end("rollout")
        assert ran.code == 0, ran.result["errors"]
        ran = first.run("rollback")
        assert ran.code == 0, ran.result["errors"]
        first.remove()
        yield found


@pytest.fixture(scope="session")
def estates(through: Through) -> Iterator[Callable[[], Estate]]:
    """Makes a namespace; the next one is made while a test works with this one."""
    numbers = count(1)
    with ThreadPoolExecutor(1) as pool:

        def make() -> Estate:
            return make_estate(through, f"faults-{next(numbers)}")

        ahead: Future[Estate] = pool.submit(make)

        def take() -> Estate:
            nonlocal ahead
            estate = ahead.result()
            ahead = pool.submit(make)
            return estate

        yield take
        ahead.result().remove()


@pytest.fixture
def estate(estates: Callable[[], Estate]) -> Iterator[Estate]:
    """A namespace of the test's own."""
    found = estates()
    yield found
    leave(found)


def leave(estate: Estate) -> None:
    """The namespace goes; a lock that a failed test left held must not fail the next one."""
    estate.kube.delete("/apis/coordination.k8s.io/v1/namespaces/meshroll/leases/meshroll")
    estate.remove()


class Figure:
    """What a test adds to the table: the row that it counts for, and how its run ended."""

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record

    def row(self, title: str) -> None:
        self._record(ROW, title)

    def end(self, name: str) -> None:
        self._record(END, name)


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Figure:
    return Figure(record_property)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line a fault: how many runs ended right, of how many, and in which ends."""
    right: Counter[str] = Counter()
    all_: Counter[str] = Counter()
    ends: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            properties = dict(report.user_properties)
            if report.when == "call" and ROW in properties:
                title = properties[ROW]
                all_[title] += 1
                right[title] += outcome == "passed"
                if END in properties:
                    ends[title][properties[END]] += 1
    if not all_:
        return
    terminalreporter.section("faults")
    width = max(len(title) for title in all_)
    for title in sorted(all_):
        how = ", ".join(f"{number} {end}" for end, number in ends[title].most_common())
        terminalreporter.write_line(f"{title:<{width}}  {right[title]:>3} of {all_[title]:>3}  {how}")
