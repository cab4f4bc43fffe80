"""What one linkerd-proxy counts, as linkerd2-proxy exports it on its admin port.

Names, labels and their order follow linkerd2-proxy: linkerd/http/metrics/src/requests/report.rs (requests),
linkerd/app/core/src/metrics.rs (labels), linkerd/transport-metrics (connections), linkerd/app/inbound/src/metrics/
authz.rs, linkerd/app/outbound/src/opaq/logical/route.rs; the buckets linkerd/metrics/src/latency.rs.
"""

from collections.abc import Iterator

from meshroll_sandbox.standins.traffic.series import Histogram, family, header

BUCKETS_MS = tuple(float(head * 10**power) for power in range(5) for head in (1, 2, 3, 4, 5))
"""1 to 5, 10 to 50, ... up to 50,000 ms."""

IDLE_SECONDS = 600.0
"""Series that nothing touched for so long are dropped (LINKERD2_PROXY_METRICS_RETAIN_IDLE, 10 minutes)."""

ADMIN_PORT = 4191

SUCCESS = 'status_code="200",classification="success",grpc_status="0",error=""'
UNAVAILABLE = 'status_code="200",classification="failure",grpc_status="14",error=""'
INTERNAL = 'status_code="200",classification="failure",grpc_status="13",error=""'
HTTP_SUCCESS = 'status_code="200",classification="success",grpc_status="",error=""'


class Flow:
    """Requests with the same labels. A request is counted when it is answered."""

    __slots__ = ("latency", "requests", "responses", "touched")

    def __init__(self) -> None:
        self.requests = 0
        self.latency = Histogram(BUCKETS_MS)
        self.responses: dict[str, int] = {}
        self.touched = 0.0


class Connections:
    """TCP connections with the same labels, and what went over them."""

    __slots__ = ("closed", "opened", "read", "touched", "written")

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0
        self.read = 0
        self.written = 0
        self.touched = 0.0


class ProxyMeter:
    """All counters of one proxy. Labels come as text; times are model time, in seconds."""

    def __init__(self) -> None:
        self.flows: dict[str, Flow] = {}
        self.connections: dict[str, Connections] = {}
        self.allowed: dict[str, int] = {}
        self.forbidden: dict[str, int] = {}

    def answered(self, text: str, response: str, milliseconds: float, now: float) -> None:
        """A request with the labels `text` got `response` after so long."""
        flow = self.flows.get(text)
        if flow is None:
            flow = self.flows[text] = Flow()
        flow.requests += 1
        # The proxy cuts durations to whole milliseconds.
        flow.latency.observe(int(milliseconds))
        flow.responses[response] = flow.responses.get(response, 0) + 1
        flow.touched = now

    def allow(self, text: str) -> None:
        self.allowed[text] = self.allowed.get(text, 0) + 1

    def forbid(self, text: str) -> None:
        self.forbidden[text] = self.forbidden.get(text, 0) + 1

    def transfer(
        self, text: str, read: int, written: int, now: float, opened: int = 0, closed: int = 0
    ) -> None:
        """Bytes over connections with the labels `text`, of which some were opened or closed."""
        connections = self.connections.get(text)
        if connections is None:
            connections = self.connections[text] = Connections()
        connections.opened += opened
        connections.closed += closed
        connections.read += read
        connections.written += written
        connections.touched = now

    def expire(self, now: float) -> None:
        """Forget what was idle for too long; an open connection is in use."""
        oldest = now - IDLE_SECONDS
        self.flows = {text: one for text, one in self.flows.items() if one.touched >= oldest}
        self.connections = {
            text: one
            for text, one in self.connections.items()
            if one.touched >= oldest or one.opened > one.closed
        }

    def lines(self, started: float) -> Iterator[str]:
        """The exposition; `started` is in seconds since 1970."""
        yield from family(
            "request_total", "counter", ((text, one.requests) for text, one in self.flows.items())
        )
        if self.flows:
            yield header("response_latency_ms", "histogram")
        for text, flow in self.flows.items():
            yield from flow.latency.lines("response_latency_ms", f'{text},status_code="200"')
        yield from family(
            "response_total",
            "counter",
            (
                (f"{text},{response}", count)
                for text, flow in self.flows.items()
                for response, count in flow.responses.items()
            ),
        )
        yield from family("inbound_http_authz_allow_total", "counter", self.allowed.items())
        yield from family("outbound_tcp_route_close_total", "counter", self.forbidden.items())
        tcp = self.connections.items()
        yield from family("tcp_open_total", "counter", ((text, one.opened) for text, one in tcp))
        yield from family(
            "tcp_open_connections", "gauge", ((text, one.opened - one.closed) for text, one in tcp)
        )
        yield from family("tcp_read_bytes_total", "counter", ((text, one.read) for text, one in tcp))
        yield from family("tcp_write_bytes_total", "counter", ((text, one.written) for text, one in tcp))
        closed = ((f'{text},errno=""', one.closed) for text, one in tcp if one.closed)
        yield from family("tcp_close_total", "counter", closed)
        yield from family("process_start_time_seconds", "gauge", [("", round(started))])
