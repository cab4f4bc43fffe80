"""How a caller chooses the pod for a request: the four approaches, each with the state that it really keeps.

Times are seconds of model time. `endpoints` are the ready ones at this moment, `alive` the uids of pods whose
application runs; what a balancer does not look at, its real counterpart does not see either.
"""

import math
from collections.abc import Callable, Container, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Protocol

from meshroll_sandbox.standins.traffic.topology import Endpoint

DNS_SECONDS = 30.0
"""grpc-go resolves a name at most this often (MinResolutionInterval of its dns resolver)."""

DNS_RETRY_SECONDS = 1.0
"""It asks again after this (its first backoff) when the answer was empty."""

DEFAULT_RTT_SECONDS = 0.030
DECAY_SECONDS = 10.0
"""What Linkerd's policy controller sends proxies as the settings of peak EWMA (BALANCER_DEFAULT_RTT, _RTT_DECAY)."""


class Balancer(Protocol):
    """One caller's choice among the endpoints of one target."""

    def pick(self, endpoints: Sequence[Endpoint], alive: Container[str], now: float) -> Endpoint | None:
        """Where a request goes that is sent at `now`; None where it has no connection to go on."""

    def sent(self, endpoint: Endpoint, now: float, seconds: float) -> None:
        """A request went to `endpoint` at `now` and takes `seconds`."""

    def holds(self, alive: Container[str], now: float) -> bool:
        """Whether it goes on with what it has, although its target has become one of another kind."""


Approach = Callable[[Random], Balancer]
"""How a balancer begins, with the source of its chances."""


class Pinned:
    """One connection, kept until its pod goes away. kube-proxy chose the pod, at random, when it was dialled."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._held: Endpoint | None = None

    def pick(self, endpoints: Sequence[Endpoint], alive: Container[str], now: float) -> Endpoint | None:
        if not self.holds(alive, now):
            self._held = self._random.choice(endpoints) if endpoints else None
        return self._held

    def sent(self, endpoint: Endpoint, now: float, seconds: float) -> None:
        pass

    def holds(self, alive: Container[str], now: float) -> bool:
        return self._held is not None and self._held.uid in alive


class DialPerRequest:
    """A new connection for each request, so kube-proxy (or a shuffled DNS answer) chooses anew, at random."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def pick(self, endpoints: Sequence[Endpoint], alive: Container[str], now: float) -> Endpoint | None:
        return self._random.choice(endpoints) if endpoints else None

    def sent(self, endpoint: Endpoint, now: float, seconds: float) -> None:
        pass

    def holds(self, alive: Container[str], now: float) -> bool:
        return False


class RoundRobin:
    """grpc-go's round_robin over the addresses of a headless Service, as they were when it last resolved the name.

    It resolves when a connection ends, but not more often than DNS_SECONDS. The servers of the sandbox are taken
    to have a MaxConnectionAge of no more than that, so some connection has always ended by then.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._addresses: list[Endpoint] = []
        self._next = 0
        self._resolve_at = -math.inf

    def pick(self, endpoints: Sequence[Endpoint], alive: Container[str], now: float) -> Endpoint | None:
        if now >= self._resolve_at:
            self._addresses = list(endpoints)
            self._next = self._random.randrange(len(endpoints)) if endpoints else 0
            self._resolve_at = now + (DNS_SECONDS if endpoints else DNS_RETRY_SECONDS)
        for _ in self._addresses:
            self._next = (self._next + 1) % len(self._addresses)
            if self._addresses[self._next].uid in alive:
                return self._addresses[self._next]
        return None

    def sent(self, endpoint: Endpoint, now: float, seconds: float) -> None:
        pass

    def holds(self, alive: Container[str], now: float) -> bool:
        return now < self._resolve_at


class PeakEwma:
    """Linkerd's: the less loaded of two endpoints chosen at random (power of two choices), for each request.

    The load of an endpoint is its latency times (requests under way + 1), where the latency is a peak EWMA, as in
    tower's load::PeakEwma: a higher one counts at once, a lower one pulls it down by 1 - exp(-elapsed / DECAY), and
    each look at it counts as a latency of 0, so that an endpoint left alone becomes attractive again.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._latency: dict[str, tuple[float, float]] = {}
        self._pending: dict[str, int] = {}
        self._under_way: list[tuple[float, str, float]] = []

    def pick(self, endpoints: Sequence[Endpoint], alive: Container[str], now: float) -> Endpoint | None:
        while self._under_way and self._under_way[0][0] <= now:
            ended, uid, seconds = heappop(self._under_way)
            self._pending[uid] -= 1
            self._estimate(uid, ended, seconds)
        if len(endpoints) < 2:
            return endpoints[0] if endpoints else None
        first = self._random.randrange(len(endpoints))
        second = self._random.randrange(len(endpoints) - 1)
        second += second >= first
        one, other = endpoints[first], endpoints[second]
        return one if self.load(one.uid, now) <= self.load(other.uid, now) else other

    def sent(self, endpoint: Endpoint, now: float, seconds: float) -> None:
        self._pending[endpoint.uid] = self._pending.get(endpoint.uid, 0) + 1
        heappush(self._under_way, (now + seconds, endpoint.uid, seconds))

    def holds(self, alive: Container[str], now: float) -> bool:
        return False

    def load(self, uid: str, now: float) -> float:
        """Seconds, times requests; looking changes it."""
        return self._estimate(uid, now, 0.0) * (self._pending.get(uid, 0) + 1)

    def _estimate(self, uid: str, now: float, seconds: float) -> float:
        estimate, at = self._latency.get(uid, (DEFAULT_RTT_SECONDS, now))
        if estimate < seconds:
            estimate = seconds
        else:
            kept = math.exp((at - now) / DECAY_SECONDS)
            estimate = estimate * kept + seconds * (1 - kept)
        self._latency[uid] = (estimate, now)
        return estimate
