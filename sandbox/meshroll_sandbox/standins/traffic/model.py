"""The traffic model: topology and time in, counters out. Pure; the same seed and events give the same numbers."""

from collections import Counter
from collections.abc import Sequence
from random import Random

from meshroll_sandbox.faults import Fault
from meshroll_sandbox.standins.traffic.callers import Caller, route
from meshroll_sandbox.standins.traffic.edges import Edge
from meshroll_sandbox.standins.traffic.effects import cut_off, effects, silent
from meshroll_sandbox.standins.traffic.meters import PodMeter
from meshroll_sandbox.standins.traffic.topology import Endpoint, Key, Pod, Service, Topology

TICK_SECONDS = 0.25
EXPIRY_TICKS = 40


class Model:
    """Everything that is counted, and who calls whom.

    `epoch` is the time at which the model begins, in seconds since 1970; `now` counts from there. `alive` are the uids
    of pods that answer.
    """

    def __init__(self, seed: int, epoch: float) -> None:
        self.now = 0.0
        self.meters: dict[Key, PodMeter] = {}
        self.alive: set[str] = set()
        self._seed = seed
        self._epoch = epoch
        self._ticks = 0
        self._topology = Topology()
        self._faults: tuple[Fault, ...] = ()
        self._callers: dict[Key, Caller] = {}

    def advance(self, topology: Topology, faults: Sequence[Fault] = ()) -> None:
        """Let TICK_SECONDS pass in a cluster that looks like `topology`."""
        self._ticks += 1
        self.now = self._ticks * TICK_SECONDS
        if topology is not self._topology or tuple(faults) != self._faults:
            self._topology, self._faults = topology, tuple(faults)
            self._follow()
        for caller in self._callers.values():
            caller.advance(self.now, TICK_SECONDS, self.alive, self._connect)
        for meter in self.meters.values():
            meter.probe(self.now)
            if self._ticks % EXPIRY_TICKS == 0 and meter.proxy:
                meter.proxy.expire(self.now)

    def _follow(self) -> None:
        """Take in what changed: pods that came and went, where requests lead, what faults do."""
        running = {
            key: pod for key, pod in self._topology.pods.items() if any(one.running for one in pod.containers)
        }
        # Whom nobody reaches is dead to all who call it, and goes on living.
        self.alive = {
            pod.uid
            for pod in running.values()
            if pod.alive
            and pod.uid not in self._topology.shut
            and not cut_off(self._faults, self._topology, pod)
        }
        for key in [key for key, meter in self.meters.items() if not _same(running.get(key), meter.pod)]:
            self._forget(key)
        for key, pod in sorted(running.items()):
            if key in self.meters:
                self.meters[key].pod = pod
            else:
                started = max(pod.started, self._epoch)
                self.meters[key] = PodMeter(pod, started, self.now, self._random(key, "probes"))
        self._lead()

    def _forget(self, key: Key) -> None:
        """A pod went away, and all that it counted. Its connections end on the other side too."""
        gone = self.meters.pop(key)
        caller = self._callers.pop(key, None)
        if caller:
            caller.close(self.now)
        for other in self._callers.values():
            if gone.pod.uid in other.edges:
                other.edges.pop(gone.pod.uid).close(self.now)

    def _lead(self) -> None:
        clients = {
            key: one.pod for key, one in sorted(self.meters.items()) if one.pod.client and one.pod.alive
        }
        senders = Counter((key[0], pod.owner) for key, pod in clients.items() if pod.ready)
        callers = {}
        for key, pod in clients.items():
            assert pod.client
            caller = self._callers.get(key) or Caller(
                self.meters[key], pod.client, self._random(key, "requests")
            )
            caller.lead(route(self._topology, self.alive, pod, caller.client))
            share = pod.client.requests_per_second / max(1, senders[key[0], pod.owner])
            caller.requests_per_second = share if pod.ready and not silent(self._faults) else 0.0
            for edge in caller.edges.values():
                edge.effects = effects(self._faults, self._topology, pod, edge.server.pod)
            callers[key] = caller
        self._callers = callers

    def _connect(self, caller: Caller, endpoint: Endpoint, service: Service) -> Edge:
        server = self.meters[endpoint.pod]
        edge = Edge(caller.meter, server, caller.client, service, endpoint.port, caller.random)
        edge.effects = effects(self._faults, self._topology, caller.meter.pod, server.pod)
        return edge

    def _random(self, key: Key, purpose: str) -> Random:
        return Random(f"{self._seed}/{key[0]}/{key[1]}/{purpose}")


def _same(pod: Pod | None, other: Pod) -> bool:
    return pod is not None and pod.uid == other.uid
