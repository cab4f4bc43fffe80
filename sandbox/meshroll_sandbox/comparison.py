"""The six drills for each approach to balancing, played by the traffic model alone: no cluster, and no clock.

One caller workload, one server workload; pods come and go as they do on a real cluster, in seconds of model time. What
comes out is what the model says, which docs/explanation/traffic-model.md describes; nothing is measured.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from meshroll_sandbox.faults import Errors, Fault, SlowPod
from meshroll_sandbox.standins.traffic.model import TICK_SECONDS, Model
from meshroll_sandbox.standins.traffic.topology import Client, Container, Endpoint, Pod, Service, Topology

NAMESPACE, CALLER, SERVER, CUT, PORT = "drills", "caller", "server", "cut", 8080
CALLERS, SERVERS = 4, 3
REQUESTS_PER_SECOND = 60.0
WARM_SECONDS = 60.0
WATCH_SECONDS = 60.0
START_SECONDS = 5.0
"""From a pod's making until it is Ready; chosen: a small service in a language without a virtual machine."""

END_SECONDS = 5.0
"""How long a pod goes on answering once it is told to end (a preStop of 5 s), after it has left the endpoints."""

LAG_SECONDS = 1.0
"""From a crash until the pod has left the endpoints; chosen."""

LABEL = "from the sandbox's traffic model, not measured on real proxies"
SLOW_MS = 100.0
DEADLINE_MS = 1000.0
"""Of the callers' calls, after which one that nobody answers fails; chosen. grpc-go has no keepalive by default, so a
connection into the void is kept, and kube-proxy goes on choosing a pod that its kubelet still finds ready."""

RELEASE = "edge-26.6.3"
APPROACHES: dict[str, dict[str, bool]] = {
    "pinned": {},
    "dial-per-request": {"per_request": True},
    "headless": {"headless": True, "round_robin": True},
    "mesh": {"mesh": True},
}


@dataclass(frozen=True)
class Row:
    """What the model says of one drill; names and units are those of the product's own measures."""

    requests: float
    failed_requests: float
    new_pods: int
    idle_new_pods: int
    new_pod_seconds: float | None
    gone_pod_seconds: float | None
    slow_pod_share: float | None
    fair_share: float | None
    slow_pod_slower: bool | None


class Play:
    """One drill as it is played."""

    def __init__(
        self,
        seed: int,
        headless: bool = False,
        per_request: bool = False,
        round_robin: bool = False,
        mesh: bool = False,
    ) -> None:
        self.now = 0.0
        self.faults: tuple[Fault, ...] = ()
        self.servers: dict[str, Pod] = {}
        self.endpoints: set[str] = set()
        self.cut: set[str] = set()
        self.ready_at: dict[str, float] = {}
        self.gone_at: dict[str, float] = {}
        self.sent: dict[str, list[tuple[float, int]]] = {}
        self._headless, self._release = headless, RELEASE if mesh else None
        self._model = Model(seed, 0.0)
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._seen: dict[str, int] = {}
        self._made = 0
        port = PORT if headless else 80
        self._client = Client(f"server.{NAMESPACE}", port, per_request, round_robin, REQUESTS_PER_SECOND)
        self._callers = {f"{CALLER}-{number}": self._pod(CALLER, number) for number in range(CALLERS)}
        for _ in range(SERVERS):
            self.ready(self.make())

    def make(self) -> str:
        self._made += 1
        name = f"{SERVER}-{self._made}"
        self.servers[name] = self._pod(SERVER, self._made)
        return name

    def ready(self, name: str) -> None:
        self.endpoints.add(name)
        self.ready_at[name] = self.now

    def start(self) -> str:
        """One pod more, which is Ready in a while."""
        name = self.make()
        self.after(START_SECONDS, lambda: self.ready(name))
        return name

    def end(self, name: str) -> None:
        """A pod is told to end: it leaves the endpoints at once, and goes in a while."""
        self.gone_at[name] = self.now
        self.endpoints.discard(name)
        self.after(END_SECONDS, lambda: self.kill(name))

    def kill(self, name: str) -> None:
        self.gone_at.setdefault(name, self.now)
        self.servers.pop(name)
        self.after(LAG_SECONDS, lambda: self.endpoints.discard(name))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self._due.append((self.now + seconds, act))

    def pass_by(self, seconds: float) -> None:
        topology = self._topology()
        for _ in range(round(seconds / TICK_SECONDS)):
            due = [act for at, act in self._due if at <= self.now]
            self._due = [(at, act) for at, act in self._due if at > self.now]
            for act in due:
                act()
            topology = self._topology() if due else topology
            self._model.advance(topology, self.faults)
            self.now = self._model.now
            for name in self.servers:
                calls = self._model.meters[NAMESPACE, name].calls
                if grown := calls - self._seen.get(name, 0):
                    self.sent.setdefault(name, []).append((self.now, grown))
                self._seen[name] = calls

    def handled(self) -> tuple[int, int]:
        """(Calls that callers made so far, those of them that failed.)"""
        counts = [
            (code, count)
            for name in self._callers
            for (_, code), count in self._model.meters[NAMESPACE, name].made.handled.items()
        ]
        return sum(count for _, count in counts), sum(count for code, count in counts if code != "OK")

    def _pod(self, workload: str, number: int) -> Pod:
        calls = workload == CALLER
        container = Container(workload, workload, () if calls else (("grpc", PORT),), running=True)
        proxy = Container("linkerd-proxy", f"proxy:{RELEASE}", (("linkerd-admin", 4191),), True, init=True)
        return Pod(
            key=(NAMESPACE, f"{workload}-{number}"),
            uid=f"{workload}-{number}",
            owner=("Deployment", workload),
            ip=f"10.244.{int(calls)}.{number}",
            containers=(proxy, container) if self._release else (container,),
            release=self._release,
            client=self._client if calls else None,
        )

    def _topology(self) -> Topology:
        services = [
            Service(
                (NAMESPACE, name),
                address,
                self._headless,
                ports={80: "grpc"},
                endpoints={"grpc": tuple(Endpoint((NAMESPACE, pod), pod, PORT) for pod in sorted(behind))},
            )
            for name, address, behind in (
                (SERVER, "10.96.0.1", self.endpoints & {*self.servers}),
                # Called by nobody: it names whom a fault is about.
                (CUT, "10.96.0.2", self.cut),
            )
        ]
        pods = {pod.key: pod for pod in (*self._callers.values(), *self.servers.values())}
        return Topology(pods, {service.key: service for service in services})


def _rolling(play: Play) -> None:
    """One pod after the other, each once its successor is Ready (maxSurge 1, maxUnavailable 0)."""
    for place, name in enumerate(sorted(play.servers)):
        play.after(place * START_SECONDS, lambda: _scale_up(play))
        play.after((place + 1) * START_SECONDS, lambda name=name: play.end(name))  # type: ignore[misc]


def _crash(play: Play) -> None:
    play.kill(_first(play))
    play.start()


def _scale_up(play: Play) -> None:
    play.start()


def _scale_down(play: Play) -> None:
    play.end(_first(play))


def _slow(play: Play) -> None:
    play.faults = (SlowPod(milliseconds=SLOW_MS, pod=f"{NAMESPACE}/{_first(play)}"),)


def _cut(play: Play) -> None:
    """Packets vanish: a call to it fails once its deadline has passed."""
    hit = _first(play)
    play.gone_at[hit] = play.now
    play.cut = {hit}
    play.faults = (
        Errors(service=f"{NAMESPACE}/{CUT}", ratio=1.0),
        SlowPod(milliseconds=DEADLINE_MS, pod=f"{NAMESPACE}/{hit}"),
    )


def _first(play: Play) -> str:
    """The pod that is hit: the busiest, so that a pinned caller is one that notices."""
    return max(sorted(play.servers), key=lambda name: sum(count for _, count in play.sent.get(name, ())))


SCENARIOS: dict[str, Callable[[Play], None]] = {
    "rolling-deploy": _rolling,
    "pod-crash": _crash,
    "scale-up": _scale_up,
    "scale-down": _scale_down,
    "degraded-pod": _slow,
    "partition": _cut,
}


def compare(
    scenarios: tuple[str, ...], approaches: tuple[str, ...], seed: int = 1
) -> Iterator[tuple[str, str, Row]]:
    """(scenario, approach, what the model says) of each; the same for the same seed."""
    for scenario in scenarios:
        for approach in approaches:
            yield scenario, approach, _played(Play(seed, **APPROACHES[approach]), SCENARIOS[scenario])


def _played(play: Play, scenario: Callable[[Play], None]) -> Row:
    play.pass_by(WARM_SECONDS)
    (made, failed), before, began = play.handled(), {*play.servers}, play.now
    scenario(play)
    hit = [*play.gone_at] or [_first(play)]
    play.pass_by(WATCH_SECONDS)
    now_made, now_failed = play.handled()
    new = {name: at for name, at in play.ready_at.items() if name not in before}
    first = {name: min((at for at, _ in play.sent.get(name, ())), default=None) for name in new}
    waits = [max(0.0, at - new[name]) for name, at in first.items() if at is not None]
    late = [
        max([0.0, *(at - gone for at, _ in play.sent.get(name, ()) if at > gone)])
        for name, gone in play.gone_at.items()
    ]
    half = began + WATCH_SECONDS / 2
    shares = {name: sum(count for at, count in sent if at > half) for name, sent in play.sent.items()}
    idle = sum(1 for at in first.values() if at is None)
    slow = scenario in (_slow, _cut)
    return Row(
        requests=now_made - made,
        failed_requests=now_failed - failed,
        new_pods=len(new),
        idle_new_pods=idle,
        new_pod_seconds=max(waits) if waits and not idle else None,
        gone_pod_seconds=max(late) if late else None,
        slow_pod_share=shares.get(hit[0], 0) / max(1, sum(shares.values())) if slow else None,
        fair_share=1 / len(play.servers) if slow else None,
        slow_pod_slower=True if slow else None,
    )
