"""What the faults that are on do to the requests between two pods."""

from collections.abc import Sequence
from dataclasses import dataclass

from meshroll_sandbox.faults import Errors, ErrorsWithMesh, Fault, NoTraffic, Partition, SlowPod
from meshroll_sandbox.standins.traffic.meters import CALL_CPU_SECONDS
from meshroll_sandbox.standins.traffic.topology import Pod, Topology

BAD_RELEASE = "edge-26.6.99"
"""The release that is bad on purpose: its proxies fail requests, as the fault errors-with-mesh does."""

BAD_RELEASE_RATIO = 0.2

QUOTA_PERIOD_MS = 100.0
"""Linux gives a container its CPU limit anew in each period of so long (CFS, cpu.cfs_period_us)."""


@dataclass(frozen=True)
class Effects:
    """Shares of requests that the application, or a proxy on the way, fails; and how much longer they take."""

    application_errors: float = 0.0
    proxy_errors: float = 0.0
    extra_ms: float = 0.0


def silent(faults: Sequence[Fault]) -> bool:
    """Whether nobody sends anything."""
    return any(isinstance(fault, NoTraffic) for fault in faults)


def cut_off(faults: Sequence[Fault], topology: Topology, server: Pod) -> bool:
    """Whether no connection to the pod can be had."""
    return any(
        _behind(topology, fault.service, server) if fault.service else fault.pod == "/".join(server.key)
        for fault in faults
        if isinstance(fault, Partition)
    )


def effects(faults: Sequence[Fault], topology: Topology, client: Pod, server: Pod) -> Effects:
    """What becomes of the requests of `client` that `server` answers. Faults add up as independent chances."""
    served = passed = 1.0
    extra_ms = QUOTA_PERIOD_MS if _starved(server) else 0.0
    releases = {client.release, server.release}
    if BAD_RELEASE in releases:
        passed *= 1 - BAD_RELEASE_RATIO
    for fault in faults:
        match fault:
            case Errors() if _behind(topology, fault.service, server):
                served *= 1 - fault.ratio
            case ErrorsWithMesh() if releases != {None} and (
                fault.service is None or _behind(topology, fault.service, server)
            ):
                passed *= 1 - fault.ratio
            case SlowPod(pod=None) if _behind(topology, str(fault.service), server):
                extra_ms += fault.milliseconds
            case SlowPod() if fault.pod == "/".join(server.key):
                extra_ms += fault.milliseconds
    return Effects(1 - served, 1 - passed, extra_ms)


def _starved(server: Pod) -> bool:
    """Whether a call takes all the CPU that the application may have in a period, so that it waits for the next."""
    limits = [one.cpu_cores for one in server.applications if one.cpu_cores is not None]
    return any(cores * QUOTA_PERIOD_MS / 1000 <= CALL_CPU_SECONDS for cores in limits)


def _behind(topology: Topology, service: str, server: Pod) -> bool:
    """Whether `server` is one of the pods of that Service, through whatever Service it was reached."""
    namespace, _, name = service.partition("/")
    found = topology.services.get((namespace, name))
    return found is not None and server.uid in found.pods
