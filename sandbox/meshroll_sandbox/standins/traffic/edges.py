"""The way between a client pod and a server pod: one request over it, counted at every place that would see it."""

from random import Random

from meshroll_sandbox.standins.traffic import application, latency, proxy_labels
from meshroll_sandbox.standins.traffic.effects import Effects
from meshroll_sandbox.standins.traffic.meters import PodMeter
from meshroll_sandbox.standins.traffic.proxy import INTERNAL, SUCCESS, UNAVAILABLE
from meshroll_sandbox.standins.traffic.topology import Client, Service

REQUEST_BYTES = 400
RESPONSE_BYTES = 900


class Edge:
    """Requests of `client` that `server` answers on `port`, through `service`."""

    def __init__(
        self,
        client: PodMeter,
        server: PodMeter,
        settings: Client,
        service: Service,
        port: int,
        random: Random,
    ) -> None:
        self.server = server
        self.effects = Effects()
        self._client = client
        self._random = random
        caller = client.pod if client.proxy else None
        service_port = None if service.headless else settings.port
        address = server.pod.ip if service.headless else service.cluster_ip
        self._call = application.call(application.grpc_service(server.pod.key[0], server.pod.owner[1]))
        self._inbound = proxy_labels.inbound(server.pod, port, caller)
        self._allowed = proxy_labels.allowed(server.pod, port, caller)
        self._from_caller = proxy_labels.inbound_connection(server.pod, port, caller)
        self._outbound = proxy_labels.outbound(service, service_port, server.pod, port)
        self._to_server = proxy_labels.outbound_connection(service, service_port, server.pod, port)
        self._from_application = proxy_labels.from_application(address, settings.port)
        # To a ClusterIP the application opens one connection, whatever pods its proxy chooses.
        self._own_connection = service.headless and not settings.per_request
        self._dial_ms = latency.dial_ms(settings.per_request, caller is not None)
        # The proxy keeps its connections, whatever the application does.
        self._server_sees_dials = settings.per_request and caller is None
        self._proxy_sees_dials = settings.per_request and caller is not None
        self._open = False

    def exchange(self, now: float) -> float:
        """One request and its answer, sent at `now`; returns the seconds until the client's proxy has the answer."""
        client, server, random = self._client, self.server, self._random
        if not self._open:
            self._open = True
            self._connections(now, opened=1, closed=0)
        milliseconds = latency.handling_ms(random) + self.effects.extra_ms
        code, response = "OK", SUCCESS
        if self.effects.application_errors and random.random() < self.effects.application_errors:
            code, response = "Internal", INTERNAL
        server.served.ended(self._call, code, milliseconds / 1000)
        server.calls += 1
        server.received += REQUEST_BYTES
        # The application has answered by then: only proxies, and the client, know of a proxy's error.
        if self.effects.proxy_errors and random.random() < self.effects.proxy_errors:
            code, response = "Unavailable", UNAVAILABLE
        if server.proxy:
            milliseconds += latency.proxy_ms(random)
            server.passed += 1
            server.proxy.answered(self._inbound, response, milliseconds, now)
            server.proxy.allow(self._allowed)
            dialled = int(self._server_sees_dials)
            server.proxy.transfer(self._from_caller, REQUEST_BYTES, RESPONSE_BYTES, now, dialled, dialled)
            server.proxy.transfer(
                proxy_labels.INBOUND_TO_APPLICATION, RESPONSE_BYTES, REQUEST_BYTES, now, dialled, dialled
            )
        milliseconds += latency.NETWORK_MS
        at_proxy = milliseconds / 1000
        if client.proxy:
            client.passed += 1
            client.proxy.answered(self._outbound, response, milliseconds, now)
            milliseconds += latency.proxy_ms(random)
            dialled = int(self._proxy_sees_dials)
            client.proxy.transfer(
                self._from_application, REQUEST_BYTES, RESPONSE_BYTES, now, dialled, dialled
            )
            client.proxy.transfer(self._to_server, RESPONSE_BYTES, REQUEST_BYTES, now)
        client.calls += 1
        client.received += RESPONSE_BYTES
        client.made.ended(self._call, code, (milliseconds + self._dial_ms) / 1000)
        return at_proxy

    def dial(self, now: float) -> None:
        """The application opens the one connection over which all its requests to a ClusterIP go."""
        if self._client.proxy and not self._own_connection and not self._proxy_sees_dials:
            self._client.proxy.transfer(self._from_application, 0, 0, now, opened=1)

    def close(self, now: float) -> None:
        """One of the two pods went away, or the client goes another way."""
        if self._open:
            self._open = False
            self._connections(now, opened=0, closed=1)

    def _connections(self, now: float, opened: int, closed: int) -> None:
        """Connections that stay: a proxy counts those it opens and those opened to it."""
        if self.server.proxy and not self._server_sees_dials:
            self.server.proxy.transfer(self._from_caller, 0, 0, now, opened, closed)
            self.server.proxy.transfer(proxy_labels.INBOUND_TO_APPLICATION, 0, 0, now, opened, closed)
        if self._client.proxy:
            self._client.proxy.transfer(self._to_server, 0, 0, now, opened, closed)
            if self._own_connection:
                self._client.proxy.transfer(self._from_application, 0, 0, now, opened, closed)
