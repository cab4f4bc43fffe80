"""What applications count themselves, mesh or not: go-grpc-prometheus' metrics, of servers and of clients."""

from collections.abc import Iterator

from meshroll_sandbox.standins.traffic.series import Histogram, family, header, labels

BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Prometheus' default buckets, which go-grpc-prometheus uses."""

METHOD = "Get"


def grpc_service(namespace: str, name: str) -> str:
    """The gRPC service that a workload or Service is taken to offer: "charging.SessionsGateway"."""
    return f"{namespace}.{''.join(part.capitalize() for part in name.split('-'))}"


def call(service: str) -> str:
    """The labels of calls of `service`."""
    return labels({"grpc_type": "unary", "grpc_service": service, "grpc_method": METHOD})


class CallMeter:
    """Calls that one process serves, or makes; `side` is "server" or "client"."""

    def __init__(self, side: str) -> None:
        self._side = side
        self.started: dict[str, int] = {}
        self.handled: dict[tuple[str, str], int] = {}
        self._seconds: dict[str, Histogram] = {}

    def register(self, text: str) -> None:
        """Show calls with the labels `text` from 0 on, as a server does with what it offers."""
        self.started[text] = 0
        self.handled[text, "OK"] = 0
        self._seconds[text] = Histogram(BUCKETS_SECONDS)

    def ended(self, text: str, code: str, seconds: float) -> None:
        if text not in self.started:
            self.register(text)
        self.started[text] += 1
        self.handled[text, code] = self.handled.get((text, code), 0) + 1
        self._seconds[text].observe(seconds)

    def seconds(self, text: str) -> Histogram:
        return self._seconds[text]

    def lines(self) -> Iterator[str]:
        prefix = f"grpc_{self._side}"
        yield from family(f"{prefix}_started_total", "counter", self.started.items())
        handled = ((f'{text},grpc_code="{code}"', count) for (text, code), count in self.handled.items())
        yield from family(f"{prefix}_handled_total", "counter", handled)
        if self._seconds:
            yield header(f"{prefix}_handling_seconds", "histogram")
        for text, histogram in self._seconds.items():
            yield from histogram.lines(f"{prefix}_handling_seconds", text)
