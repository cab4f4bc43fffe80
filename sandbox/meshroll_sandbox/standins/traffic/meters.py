"""All that is counted of one pod: by its application, by its proxy, and by the kubelet (cAdvisor)."""

from collections.abc import Iterator
from random import Random

from meshroll_sandbox.standins.traffic import application, proxy_labels
from meshroll_sandbox.standins.traffic.application import CallMeter
from meshroll_sandbox.standins.traffic.proxy import ADMIN_PORT, HTTP_SUCCESS, ProxyMeter
from meshroll_sandbox.standins.traffic.series import family
from meshroll_sandbox.standins.traffic.topology import Container, Pod, Probe

PROBE_MS = 1.0
SCRAPE_MS = 2.0

IDLE_CORES = 0.002
CALL_CPU_SECONDS = 0.002
PASS_CPU_SECONDS = 0.0003
"""CPU of a container at rest, of an application for a call, of a proxy for a request that passes it."""

IDLE_BYTES_PER_SECOND = 50.0
"""What any pod receives at rest: probes, DNS, ARP."""

APPLICATION_BYTES = 48 << 20
PROXY_BYTES = 8 << 20


class PodMeter:
    """The counters of one pod, from when it began to run. Times are model time; `started` is in seconds since 1970."""

    def __init__(self, pod: Pod, started: float, now: float, random: Random) -> None:
        self.pod = pod
        self.started = started
        self.proxy = ProxyMeter() if pod.release is not None else None
        self.served = CallMeter("server")
        self.made = CallMeter("client")
        self.calls = 0
        self.passed = 0
        self.received = 0
        self._born = now
        self._probes = [(probe, now + random.random() * probe.period_seconds) for probe in pod.probes]
        if pod.is_server:
            service = application.grpc_service(pod.key[0], pod.owner[1])
            self.served.register(application.call(service))

    def probe(self, now: float) -> None:
        """Count the kubelet's probes that were due: a proxy sees those of the application, and its own."""
        for index, (probe, due) in enumerate(self._probes):
            if due <= now:
                self._probes[index] = (probe, due + probe.period_seconds)
                self._probed(probe, now)

    def scraped(self, now: float) -> None:
        """Prometheus read the proxy's metrics, which is a request to it like any other."""
        if self.proxy:
            text = proxy_labels.inbound(self.pod, ADMIN_PORT, None)
            self.proxy.answered(text, HTTP_SUCCESS, SCRAPE_MS, now)

    def application_lines(self) -> Iterator[str]:
        yield from self.served.lines()
        yield from self.made.lines()
        yield from family("process_start_time_seconds", "gauge", [("", round(self.started))])

    def proxy_lines(self) -> Iterator[str]:
        return self.proxy.lines(self.started) if self.proxy else iter(())

    def cpu_seconds(self, container: Container, now: float) -> float:
        """CPU time of a container. An application's own is shared by its containers, of which there is mostly one."""
        busy = self.passed * PASS_CPU_SECONDS
        if container != self.pod.proxy:
            busy = self.calls * CALL_CPU_SECONDS / len(self.pod.applications)
        return (now - self._born) * IDLE_CORES + busy

    def received_bytes(self, now: float) -> float:
        return self.received + (now - self._born) * IDLE_BYTES_PER_SECOND

    def memory_bytes(self, container: Container) -> int:
        return PROXY_BYTES if container == self.pod.proxy else APPLICATION_BYTES

    def _probed(self, probe: Probe, now: float) -> None:
        if self.proxy:
            text = proxy_labels.inbound(self.pod, probe.port, None, route="probe")
            self.proxy.answered(text, HTTP_SUCCESS, PROBE_MS, now)
            self.proxy.allow(proxy_labels.allowed(self.pod, probe.port, None, route="probe"))
