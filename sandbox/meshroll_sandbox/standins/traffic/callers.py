"""One client pod: where its requests lead, and who chooses a pod for each."""

from collections.abc import Callable, Container
from dataclasses import dataclass
from random import Random

from meshroll_sandbox.standins.traffic import application, latency, proxy_labels
from meshroll_sandbox.standins.traffic.balancers import (
    Approach,
    Balancer,
    DialPerRequest,
    PeakEwma,
    Pinned,
    RoundRobin,
)
from meshroll_sandbox.standins.traffic.edges import Edge
from meshroll_sandbox.standins.traffic.meters import PodMeter
from meshroll_sandbox.standins.traffic.topology import Client, Endpoint, Pod, Service, Topology

RECONNECT_SECONDS = 1.0
"""grpc-go's first backoff: a client that holds its connections tries a refused one again after this."""

Connect = Callable[["Caller", Endpoint, Service], Edge]


@dataclass(frozen=True)
class Route:
    """The way that a client's requests take. `approach` is None where no connection can be had."""

    approach: Approach | None
    service: Service | None = None
    endpoints: tuple[Endpoint, ...] = ()

    def same_way(self, other: "Route") -> bool:
        """Whether the two differ in nothing but endpoints."""
        mine, others = (one.service.key if one.service else None for one in (self, other))
        return self.approach is other.approach and mine == others


def route(topology: Topology, alive: Container[str], pod: Pod, client: Client) -> Route:
    """What `client`, which runs in `pod`, dials, and who chooses a pod for its requests."""
    service = topology.resolve(client.host, pod.key[0])
    if service is None:
        return Route(None)
    if service.headless:
        # DNS answers with addresses only, so the port is what the client says, and nothing may listen on it.
        endpoints = tuple(
            Endpoint(key, uid, client.port)
            for uid, key in service.pods.items()
            if uid in alive and client.port in topology.by_uid[uid].ports
        )
        if client.per_request:
            return Route(DialPerRequest, service, endpoints)
        return Route(RoundRobin if client.round_robin else Pinned, service, endpoints)
    port = service.ports.get(client.port)
    if port is None:
        return Route(None, service)
    endpoints = tuple(one for one in service.endpoints.get(port, ()) if one.uid in alive)
    if pod.release is not None:
        return Route(PeakEwma, service, endpoints)
    return Route(DialPerRequest if client.per_request else Pinned, service, endpoints)


class Caller:
    """A client pod that sends. `random` is its own, so that what others do does not change what it does."""

    def __init__(self, meter: PodMeter, client: Client, random: Random) -> None:
        self.meter = meter
        self.client = client
        self.random = random
        self.requests_per_second = 0.0
        self.edges: dict[str, Edge] = {}
        self._owed = 0.0
        self._wanted = self._route = Route(None)
        self._balancer: Balancer | None = None
        self._reconnect_at = 0.0

    def lead(self, wanted: Route) -> None:
        """The way that its requests should take from now on. What it holds on to, it keeps."""
        self._wanted = wanted
        if wanted.same_way(self._route):
            self._route = wanted

    def advance(self, now: float, seconds: float, alive: Container[str], connect: Connect) -> None:
        """Send what is due in the `seconds` before `now`, evenly spaced; a fraction of a request is owed."""
        self._owed += self.requests_per_second * seconds
        count = int(self._owed)
        self._owed -= count
        for left in range(count - 1, -1, -1):
            self._send(now - seconds * left / count, alive, connect)

    def close(self, now: float) -> None:
        """End all its connections."""
        for edge in self.edges.values():
            edge.close(now)
        self.edges.clear()

    def _send(self, now: float, alive: Container[str], connect: Connect) -> None:
        if self._route is not self._wanted and not (self._balancer and self._balancer.holds(alive, now)):
            self.close(now)
            self._route = self._wanted
            self._balancer = self._route.approach(self.random) if self._route.approach else None
        service, balancer = self._route.service, self._balancer
        endpoint = balancer.pick(self._route.endpoints, alive, now) if balancer else None
        if service is None or balancer is None or endpoint is None:
            self._fail(now)
            return
        edge = self.edges.get(endpoint.uid)
        if edge is None:
            edge = connect(self, endpoint, service)
            if not self.edges:
                edge.dial(now)
            self.edges[endpoint.uid] = edge
        balancer.sent(endpoint, now, edge.exchange(now))

    def _fail(self, now: float) -> None:
        """No connection: the client's library fails the call at once, and nobody but the client counts it."""
        service = self._route.service
        namespace, name = service.key if service else (self.meter.pod.key[0], self.client.host.split(".")[0])
        dial = latency.dial_ms(self.client.per_request, self.meter.proxy is not None)
        text = application.call(application.grpc_service(namespace, name))
        self.meter.made.ended(text, "Unavailable", dial / 1000)
        if self.meter.proxy is None or service is None or self._balancer is not None:
            return
        if self.client.per_request or now >= self._reconnect_at:
            self._reconnect_at = now + RECONNECT_SECONDS
            self.meter.proxy.forbid(proxy_labels.undefined_port(service, self.client.port))
