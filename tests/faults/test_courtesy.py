"""A rollout asks no more of the API server, at a time and a second, than its inventory allows."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest
import yaml
from faults.estate import GATE, Estate
from faults.fault import Action, Forward, Request

CONCURRENCY, PER_SECOND = 2, 5
HOLD_SECONDS = 0.05
# Each task is a process with a burst of its own, and a second may have the end of one and the beginning of the next.
# What is on its way when the proxy stands still for a moment comes on top.
IN_A_SECOND_MAX = 2 * (PER_SECOND + PER_SECOND) + CONCURRENCY


@dataclass
class Counting:
    """Holds each request for a moment, and counts those that are held. Watches, the lock and Helm are not counted."""

    now: int = 0
    most: int = 0
    came_at: list[float] = field(default_factory=list)
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def decide(self, request: Request) -> Action:
        if request.agent != "meshroll" or "watch=1" in request.path or "/leases" in request.path:
            return Forward()
        with self._changing:
            self.came_at.append(time.monotonic())
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(HOLD_SECONDS)
        with self._changing:
            self.now -= 1
        return Forward()

    @property
    def most_in_a_second(self) -> int:
        return max(sum(begin <= at < begin + 1.0 for at in self.came_at) for begin in self.came_at)


@pytest.mark.exhaustive
def test_a_rollout_keeps_to_what_its_inventory_allows(estate: Estate) -> None:
    settings = estate.folder / "inventory/host_vars/sandbox/test.yml"
    api = {"concurrency": CONCURRENCY, "requests_per_second": PER_SECOND}
    said = {**yaml.safe_load(settings.read_text()), "meshroll_gate": {**GATE, "dry_run": True}}
    settings.write_text(yaml.safe_dump({**said, "meshroll_api": api}))
    counting = Counting()
    with estate.through.api.disturbed(counting):
        ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    assert counting.most == CONCURRENCY
    # Without limits 6 were held at a time, which is as many as the proxy can hold, and 37 came in a second.
    assert counting.most_in_a_second <= IN_A_SECOND_MAX
