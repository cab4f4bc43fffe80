"""Kubernetes objects to the model's topology: takes in what watches say, keeps nothing but what the model needs."""

from collections import defaultdict
from typing import Any

from meshroll_sandbox.standins.traffic.podreader import Environment, environment, read_pod, runs
from meshroll_sandbox.standins.traffic.topology import Endpoint, Key, Pod, Service, Topology

Object = dict[str, Any]


class World:
    """The cluster as the watches tell it."""

    def __init__(self) -> None:
        self._pods: dict[Key, Pod] = {}
        self._services: dict[Key, Object] = {}
        self._slices: dict[Key, Object] = {}
        self._policies: dict[Key, Object] = {}
        self._config_maps: dict[Key, dict[str, str]] = {}
        self._environments: dict[str, Environment] = {}
        self._waiting: dict[Key, Object] = {}
        self._topology: Topology | None = None

    def pod(self, change: str, item: Object) -> None:
        key = _key(item)
        self._topology = None
        self._waiting.pop(key, None)
        if change == "DELETED":
            self._pods.pop(key, None)
            self._environments.pop(item["metadata"]["uid"], None)
        else:
            self._take_pod(key, item)

    def service(self, change: str, item: Object) -> None:
        self._keep(self._services, change, item)

    def endpoint_slice(self, change: str, item: Object) -> None:
        self._keep(self._slices, change, item)

    def network_policy(self, change: str, item: Object) -> None:
        self._keep(self._policies, change, item)

    def config_map(self, change: str, item: Object) -> None:
        """Pods see a ConfigMap as it was when they started, so those that wait for one look again."""
        key = _key(item)
        if change == "DELETED":
            self._config_maps.pop(key, None)
            return
        self._config_maps[key] = item.get("data") or {}
        for waiting, pod in list(self._waiting.items()):
            if waiting[0] == key[0]:
                self.pod("MODIFIED", pod)

    def topology(self) -> Topology:
        """The same value until something changes."""
        if self._topology is None:
            self._topology = Topology(dict(self._pods), self._read_services(), self._shut())
        return self._topology

    def _take_pod(self, key: Key, item: Object) -> None:
        uid = item["metadata"]["uid"]
        if uid not in self._environments and runs(item):
            found = environment(item, self._config_maps)
            if found is None:
                self._waiting[key] = item
            else:
                self._environments[uid] = found
        self._pods[key] = read_pod(item, self._environments.get(uid, {}))

    def _keep(self, kept: dict[Key, Object], change: str, item: Object) -> None:
        self._topology = None
        if change == "DELETED":
            kept.pop(_key(item), None)
        else:
            kept[_key(item)] = item

    def _shut(self) -> frozenset[str]:
        """Pods that a NetworkPolicy picks and lets nobody in to; one with rules is taken to let callers in."""
        closed = [
            (key[0], (item["spec"].get("podSelector") or {}).get("matchLabels") or {})
            for key, item in self._policies.items()
            if "Ingress" in item["spec"].get("policyTypes", ()) and not item["spec"].get("ingress")
        ]
        return frozenset(
            pod.uid
            for namespace, labels in closed
            for (home, _), pod in self._pods.items()
            if home == namespace and labels.items() <= pod.labels.items()
        )

    def _read_services(self) -> dict[Key, Service]:
        slices: dict[Key, list[Object]] = defaultdict(list)
        for (namespace, _), item in self._slices.items():
            name = (item["metadata"].get("labels") or {}).get("kubernetes.io/service-name")
            if name:
                slices[namespace, name].append(item)
        return {key: read_service(item, slices[key]) for key, item in self._services.items()}


def read_service(item: Object, slices: list[Object]) -> Service:
    """A Service with the endpoints that its EndpointSlices hold, in the order of pods' names."""
    spec = item["spec"]
    found: dict[str, set[Endpoint]] = defaultdict(set)
    for one in slices:
        for port in one.get("ports") or ():
            found[port.get("name") or ""].update(_endpoints(one, port.get("port")))
    external = spec.get("type") == "ExternalName"
    return Service(
        key=_key(item),
        cluster_ip=spec.get("clusterIP") or "",
        headless=not external and spec.get("clusterIP") == "None",
        external_name=spec.get("externalName") if external else None,
        ports={port["port"]: port.get("name") or "" for port in spec.get("ports") or ()},
        endpoints={name: tuple(sorted(every)) for name, every in found.items()},
    )


def _endpoints(item: Object, port: int | None) -> set[Endpoint]:
    """The ready endpoints of one slice on one of its ports."""
    found = set()
    for one in item.get("endpoints") or ():
        target = one.get("targetRef") or {}
        # A condition that is not there means ready.
        ready = (one.get("conditions") or {}).get("ready") is not False
        if ready and port is not None and target.get("kind") == "Pod":
            found.add(Endpoint((target["namespace"], target["name"]), target["uid"], port))
    return found


def _key(item: Object) -> Key:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]
