"""What the traffic model knows of a cluster: pods, Services and the endpoints behind them. Plain values, no I/O."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

Key = tuple[str, str]
"""(namespace, name)."""

CLUSTER_DOMAIN = "cluster.local"


class Endpoint(NamedTuple):
    """A pod that answers on a port. The uid tells a pod of a StatefulSet from its predecessor of the same name."""

    pod: Key
    uid: str
    port: int


@dataclass(frozen=True)
class Client:
    """What a pod asks of others, as its environment and the annotation of its template say.

    `requests_per_second` is that of the whole workload.
    """

    host: str
    port: int
    per_request: bool
    round_robin: bool
    requests_per_second: float


@dataclass(frozen=True)
class Probe:
    """An HTTP probe of the kubelet."""

    port: int
    period_seconds: float


@dataclass(frozen=True)
class Container:
    """A container that runs as long as its pod. `init` says that it is a native sidecar.

    `cpu_cores` is its limit, None without one.
    """

    name: str
    image: str
    ports: tuple[tuple[str, int], ...]
    running: bool
    init: bool = False
    cpu_cores: float | None = None


@dataclass(frozen=True)
class Pod:
    """A pod. `owner` is the kind and name of its workload (a Deployment, not a ReplicaSet).

    `release` is that of its proxy, None without one. `started` is when its proxy (without one: its application)
    started, in seconds since 1970.
    """

    key: Key
    uid: str
    owner: tuple[str, str]
    ip: str = ""
    node: str = ""
    node_ip: str = ""
    phase: str = "Running"
    ready: bool = True
    labels: dict[str, str] = field(default_factory=dict)
    controller: tuple[str, str] = ("", "")
    service_account: str = "default"
    containers: tuple[Container, ...] = ()
    release: str | None = None
    probes: tuple[Probe, ...] = ()
    client: Client | None = None
    started: float = 0.0

    @cached_property
    def applications(self) -> tuple[Container, ...]:
        return tuple(one for one in self.containers if not one.name.startswith("linkerd-"))

    @cached_property
    def proxy(self) -> Container | None:
        return next((one for one in self.containers if one.name == "linkerd-proxy"), None)

    @cached_property
    def alive(self) -> bool:
        """Whether its application runs, Ready or not."""
        return self.phase == "Running" and all(one.running for one in self.applications)

    @cached_property
    def ports(self) -> frozenset[int]:
        """The ports that its application listens on: those it declares."""
        return frozenset(number for one in self.applications for _, number in one.ports)

    @cached_property
    def is_application(self) -> bool:
        """Whether it is one of the estate's: a gRPC server or a client, and not Linkerd's own."""
        if "linkerd.io/control-plane-component" in self.labels:
            return False
        return self.client is not None or self.is_server

    @cached_property
    def is_server(self) -> bool:
        return any(name.startswith("grpc") for one in self.applications for name, _ in one.ports)

    @cached_property
    def identity(self) -> str:
        """The name in its mesh certificate."""
        return f"{self.service_account}.{self.key[0]}.serviceaccount.identity.linkerd.{CLUSTER_DOMAIN}"


@dataclass(frozen=True)
class Service:
    """A Service with its ready endpoints.

    `ports` maps the Service's port numbers to their names; `endpoints` the names to what EndpointSlices say.
    """

    key: Key
    cluster_ip: str = ""
    headless: bool = False
    external_name: str | None = None
    ports: dict[int, str] = field(default_factory=dict)
    endpoints: dict[str, tuple[Endpoint, ...]] = field(default_factory=dict)

    @cached_property
    def pods(self) -> dict[str, Key]:
        """All pods behind it, by uid."""
        return {one.uid: one.pod for every in self.endpoints.values() for one in every}

    @property
    def host(self) -> str:
        return f"{self.key[1]}.{self.key[0]}.svc.{CLUSTER_DOMAIN}"


@dataclass(frozen=True)
class Topology:
    """Everything at one moment. `shut` are the uids of pods that a NetworkPolicy lets nobody reach."""

    pods: dict[Key, Pod] = field(default_factory=dict)
    services: dict[Key, Service] = field(default_factory=dict)
    shut: frozenset[str] = frozenset()

    @cached_property
    def by_uid(self) -> dict[str, Pod]:
        return {pod.uid: pod for pod in self.pods.values()}

    def resolve(self, host: str, namespace: str) -> Service | None:
        """The Service that `host` leads to for a pod in `namespace`, through CNAMEs (type ExternalName)."""
        seen: set[Key] = set()
        while True:
            parts = host.rstrip(".").removesuffix(f".{CLUSTER_DOMAIN}").removesuffix(".svc").split(".")
            if len(parts) > 2:
                return None
            key = (parts[1] if len(parts) == 2 else namespace, parts[0])
            service = self.services.get(key)
            if service is None or service.external_name is None:
                return service
            if key in seen:
                return None
            seen.add(key)
            host = service.external_name
