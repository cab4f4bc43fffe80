"""A small cluster to drive the traffic model with: workloads and Services in, a topology out."""

from dataclasses import dataclass, field, replace

from meshroll_sandbox.faults import Fault
from meshroll_sandbox.standins.traffic.meters import PodMeter
from meshroll_sandbox.standins.traffic.model import TICK_SECONDS, Model
from meshroll_sandbox.standins.traffic.topology import (
    Client,
    Container,
    Endpoint,
    Key,
    Pod,
    Probe,
    Service,
    Topology,
)

GOOD = "edge-26.6.3"
NAMESPACE = "charging"
PORT = 8080


def client(
    service: str, rate: float, per_request: bool = False, round_robin: bool = False, port: int = 80
) -> Client:
    return Client(f"{service}.{NAMESPACE}.svc.cluster.local", port, per_request, round_robin, rate)


@dataclass
class Cluster:
    """Pods by name; `services` are (workload behind, headless, ports)."""

    seed: int = 1
    pods: dict[str, Pod] = field(default_factory=dict)
    services: dict[str, tuple[str, bool, dict[int, str]]] = field(default_factory=dict)
    model: Model = field(init=False)
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        self.model = Model(self.seed, epoch=1_700_000_000.0)

    def run(
        self, workload: str, replicas: int, calls: Client | None = None, release: str | None = None
    ) -> None:
        for number in range(replicas):
            self.start(workload, f"{workload}-{number}", calls, release)

    def start(
        self, workload: str, name: str, calls: Client | None = None, release: str | None = None
    ) -> None:
        ports = (("health", 8081),) if calls else (("grpc", PORT), ("health", 8081))
        containers = [Container(workload, f"registry.example/{workload}:1.0", ports, running=True)]
        if release:
            image = f"cr.l5d.io/linkerd/proxy:{release}"
            admin = (("linkerd-admin", 4191),)
            containers.insert(0, Container("linkerd-proxy", image, admin, running=True, init=True))
        self.pods[name] = Pod(
            key=(NAMESPACE, name),
            uid=f"uid-{name}",
            owner=("Deployment", workload),
            ip=f"10.244.0.{len(self.pods) + 1}",
            labels={"linkerd.io/control-plane-ns": "linkerd"} if release else {},
            containers=tuple(containers),
            release=release,
            probes=(Probe(8081, 10.0), *((Probe(4191, 10.0),) if release else ())),
            client=calls,
        )

    def stop(self, name: str) -> None:
        del self.pods[name]

    def unready(self, name: str) -> None:
        self.pods[name] = replace(self.pods[name], ready=False)

    def expose(self, service: str, workload: str, headless: bool = False, port: int = 80) -> None:
        self.services[service] = (workload, headless, {port: "grpc"})

    def topology(self) -> Topology:
        services: dict[Key, Service] = {}
        for name, (workload, headless, ports) in self.services.items():
            ready = tuple(
                Endpoint(pod.key, pod.uid, PORT)
                for pod in sorted(self.pods.values(), key=lambda pod: pod.key)
                if pod.ready and pod.owner[1] == workload
            )
            key = (NAMESPACE, name)
            services[key] = Service(key, "127.96.0.10", headless, None, ports, {"grpc": ready})
        return Topology({pod.key: pod for pod in self.pods.values()}, services)

    def play(self, seconds: float) -> None:
        topology = self.topology()
        for _ in range(round(seconds / TICK_SECONDS)):
            self.model.advance(topology, self.faults)

    def meter(self, name: str) -> PodMeter:
        return self.model.meters[NAMESPACE, name]

    def of(self, workload: str) -> list[PodMeter]:
        return [meter for meter in self.model.meters.values() if meter.pod.owner[1] == workload]

    def served(self, workload: str) -> dict[str, int]:
        """Pod -> calls that its application has answered."""
        return {meter.pod.key[1]: sum(meter.served.handled.values()) for meter in self.of(workload)}

    def served_during(self, workload: str, seconds: float) -> dict[str, int]:
        before = self.served(workload)
        self.play(seconds)
        return {pod: count - before.get(pod, 0) for pod, count in self.served(workload).items()}


def requests(meter: PodMeter, *having: str) -> int:
    """Requests that its proxy has counted under labels that hold all of these."""
    flows = meter.proxy.flows.items() if meter.proxy else ()
    return sum(flow.requests for text, flow in flows if all(part in text for part in having))


def responses(meter: PodMeter, *having: str) -> int:
    """Responses that its proxy has counted under labels that hold all of these."""
    flows = meter.proxy.flows.items() if meter.proxy else ()
    return sum(
        count
        for text, flow in flows
        for response, count in flow.responses.items()
        if all(part in f"{text},{response}" for part in having)
    )
