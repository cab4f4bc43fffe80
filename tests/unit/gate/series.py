"""A namespace's ten minutes as OpenMetrics text, as proxies, applications and cAdvisor would be scraped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

SCRAPE_SECONDS = 10
DURATION_SECONDS = 600


@dataclass
class Series:
    """Counters that grow evenly and gauges that stand still, from ``start`` for ten minutes.

    ``external`` is what a Prometheus adds to each of its series when it sends them elsewhere. Of what was before
    ``held_from`` (seconds after the start) nothing is held any more.
    """

    start: int
    namespace: str
    external: str = ""
    held_from: int = 0
    text: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def end(self) -> int:
        return self.start + DURATION_SECONDS

    def counter(self, name: str, labels: str, per_second: float, since_seconds: int = 0) -> None:
        for elapsed in range(since_seconds, DURATION_SECONDS + 1, SCRAPE_SECONDS):
            self._line(name, labels, (elapsed - since_seconds) * per_second, elapsed)

    def gauge(self, name: str, labels: str, value: float, until_seconds: int = DURATION_SECONDS) -> None:
        for elapsed in range(0, until_seconds + 1, SCRAPE_SECONDS):
            self._line(name, labels, value, elapsed)

    def _line(self, name: str, labels: str, value: float, elapsed: int) -> None:
        if elapsed >= self.held_from:
            self.text[name].append(f"{name}{{{labels}{self.external}}} {value} {self.start + elapsed}\n")

    # -- Linkerd's estate in these terms ---------------------------------------------------------------------

    def proxy(self, workload: str, pod: str, scraped_until: int = DURATION_SECONDS) -> None:
        target = self.target(workload, pod)
        self.gauge("up", target, 1, scraped_until)
        self.gauge("process_start_time_seconds", target, self.start - 3600, scraped_until)

    def call(
        self,
        client: tuple[str, str],
        server: tuple[str, str],
        per_second: float,
        success: float,
        service: str = "points",
    ) -> None:
        """Requests between two meshed pods, as both proxies count them; each takes between 5 and 10 ms.

        Without a ``service`` the client dialled the pod's address.
        """
        inbound = (
            f'{self.target(*server)},direction="inbound",tls="true",route_name="default",target_port="8080"'
        )
        outbound = (
            f'{self.target(*client)},direction="outbound",tls="true",dst_namespace="{self.namespace}",'
            f'dst_deployment="{server[0]}",dst_pod="{server[1]}"'
        ) + (f',dst_service="{service}"' if service else "")
        for labels in (inbound, outbound):
            self.counter("request_total", labels, per_second)
            self.counter("response_total", f'{labels},classification="success"', per_second * success)
            if success < 1:
                self.counter(
                    "response_total", f'{labels},classification="failure"', per_second * (1 - success)
                )
            for bound, share in (("5", 0.0), ("10", 1.0), ("+Inf", 1.0)):
                self.counter("response_latency_ms_bucket", f'{labels},le="{bound}"', per_second * share)

    def target(self, workload: str, pod: str) -> str:
        return (
            f'namespace="{self.namespace}",pod="{pod}",deployment="{workload}",control_plane_ns="linkerd",'
            f'job="linkerd-proxy",instance="{self.namespace}/{pod}"'
        )


def openmetrics(many: Iterable[Series]) -> str:
    """All of them in one text, each metric once, as the format wants it."""
    lines: dict[str, list[str]] = defaultdict(list)
    for one in many:
        for name, text in one.text.items():
            lines[name] += text
    return "".join(f"# TYPE {name} unknown\n{''.join(text)}" for name, text in lines.items()) + "# EOF\n"
