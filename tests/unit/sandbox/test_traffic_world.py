"""From objects of the API server to the model's topology, and to Prometheus' targets."""

from typing import Any

import pytest

from meshroll_sandbox.standins.traffic import targets
from meshroll_sandbox.standins.traffic.topology import Client, Pod, Probe, Topology
from meshroll_sandbox.standins.traffic.world import World

Object = dict[str, Any]


def pod(name: str = "omni-6d5f-x1", native: bool | None = None, **settings: Any) -> Object:
    """A pod as KWOK leaves it. `native` tells how its proxy runs, None for none."""
    app = {
        "name": "omni",
        "image": "registry.example/omni:1.0",
        "ports": [{"name": "grpc", "containerPort": 8080}, {"name": "health", "containerPort": 8081}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "health"}, "periodSeconds": 5},
        "env": settings.get("env", []),
    }
    proxy = {
        "name": "linkerd-proxy",
        "image": settings.get("image", "cr.l5d.io/linkerd/proxy:edge-26.6.3"),
        "ports": [
            {"name": "linkerd-proxy", "containerPort": 4143},
            {"name": "linkerd-admin", "containerPort": 4191},
        ],
        "livenessProbe": {"httpGet": {"path": "/live", "port": 4191}},
    }
    started = {"state": {"running": {"startedAt": "2026-11-24T12:00:00Z"}}}
    spec: Object = {"containers": [app], "initContainers": [{"name": "linkerd-init", "image": "init"}]}
    labels = {"pod-template-hash": "6d5f", "app.kubernetes.io/name": "omni"}
    status: Object = {
        "phase": settings.get("phase", "Running"),
        "podIP": "10.244.0.9",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "omni", **started}],
        "initContainerStatuses": [],
    }
    if native is not None:
        labels |= {"linkerd.io/control-plane-ns": "linkerd", "linkerd.io/proxy-deployment": "omni"}
        if native:
            spec["initContainers"].append({**proxy, "restartPolicy": "Always"})
        else:
            spec["containers"].insert(0, proxy)
        status["initContainerStatuses" if native else "containerStatuses"].append(
            {"name": "linkerd-proxy", **started}
        )
    return {
        "metadata": {
            "namespace": "charging",
            "name": name,
            "uid": f"uid-{name}",
            "labels": labels,
            "annotations": {
                "sandbox.meshroll.io/requests-per-second": "60",
                "linkerd.io/proxy-version": "edge-1.2.3",
            },
            "ownerReferences": [{"kind": "ReplicaSet", "name": "omni-6d5f", "controller": True}],
        },
        "spec": spec,
        "status": status,
    }


def read(item: Object, *config_maps: Object) -> Pod:
    world = World()
    for config_map in config_maps:
        world.config_map("ADDED", config_map)
    world.pod("ADDED", item)
    return world.topology().pods["charging", item["metadata"]["name"]]


def env(**values: str) -> list[Object]:
    return [{"name": name, "value": value} for name, value in values.items()]


def test_the_owner_is_the_deployment() -> None:
    assert read(pod()).owner == ("Deployment", "omni")


@pytest.mark.parametrize("native", [True, False])
def test_the_proxy_is_found_in_both_places(native: bool) -> None:
    found = read(pod(native=native))
    assert found.release == "edge-26.6.3"
    assert found.proxy
    assert (found.proxy.init, found.proxy.running) == (native, True)
    assert set(found.probes) == {Probe(8081, 5.0), Probe(4191, 10.0)}
    assert found.ports == {8080, 8081}


def test_without_a_tag_the_annotation_names_the_release() -> None:
    assert read(pod(native=True, image="registry.example:5000/proxy@sha256:00")).release == "edge-1.2.3"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"TARGET": "dns:///points.charging.svc.cluster.local:8080", "LB_POLICY": "round_robin"},
            Client("points.charging.svc.cluster.local", 8080, False, True, 60.0),
        ),
        ({"TARGET": "sessions:80", "DIAL_MODE": "per_request"}, Client("sessions", 80, True, False, 60.0)),
        ({"TARGET": "sessions"}, None),
        ({}, None),
    ],
)
def test_the_environment_says_whom_it_calls(variables: dict[str, str], expected: Client | None) -> None:
    assert read(pod(env=env(**variables))).client == expected


def test_a_running_pod_keeps_the_config_map_that_it_started_with() -> None:
    reference = {"configMapKeyRef": {"name": "gateway", "key": "DIAL_MODE"}}
    variables = [*env(TARGET="sessions:80"), {"name": "DIAL_MODE", "valueFrom": reference}]
    world = World()
    world.pod("ADDED", pod("before", env=variables))
    assert world.topology().pods["charging", "before"].client is None, "it cannot start without the ConfigMap"
    for mode in ("per_request", "pooled"):
        metadata = {"namespace": "charging", "name": "gateway"}
        world.config_map("MODIFIED", {"metadata": metadata, "data": {"DIAL_MODE": mode}})
    world.pod("MODIFIED", pod("before", env=variables))
    world.pod("ADDED", pod("after", env=variables))
    clients = {name: found.client for (_, name), found in world.topology().pods.items()}
    assert clients["before"]
    assert clients["after"]
    assert (clients["before"].per_request, clients["after"].per_request) == (True, False)


def service(name: str, **spec: Any) -> Object:
    return {"metadata": {"namespace": "charging", "name": name}, "spec": spec}


def endpoint_slice(name: str, *names: str) -> Object:
    return {
        "metadata": {
            "namespace": "charging",
            "name": f"{name}-abc",
            "labels": {"kubernetes.io/service-name": name},
        },
        "ports": [{"name": "grpc", "port": 8080}],
        "endpoints": [
            {
                "conditions": {"ready": not pod_name.startswith("unready")},
                "targetRef": {
                    "kind": "Pod",
                    "namespace": "charging",
                    "name": pod_name,
                    "uid": f"uid-{pod_name}",
                },
            }
            for pod_name in names
        ],
    }


def test_services_and_their_ready_endpoints() -> None:
    world = World()
    port = {"name": "grpc", "port": 80, "targetPort": "grpc"}
    world.service("ADDED", service("points", clusterIP="None", ports=[port]))
    world.service(
        "ADDED", service("alias", type="ExternalName", externalName="points.charging.svc.cluster.local")
    )
    world.endpoint_slice("ADDED", endpoint_slice("points", "b", "unready", "a"))
    topology = world.topology()
    found = topology.resolve("alias", "charging")
    assert found is topology.services["charging", "points"]
    assert found.headless
    assert found.ports == {80: "grpc"}
    assert [(one.pod[1], one.port) for one in found.endpoints["grpc"]] == [("a", 8080), ("b", 8080)]
    assert topology is world.topology(), "the same until something changes"
    world.service("DELETED", service("points"))
    assert world.topology().resolve("alias", "charging") is None


@pytest.mark.parametrize(
    "host", ["points", "points.charging", "points.charging.svc", "points.charging.svc.cluster.local."]
)
def test_names_that_lead_to_a_service(host: str) -> None:
    world = World()
    world.service("ADDED", service("points", clusterIP="127.96.0.1"))
    assert world.topology().resolve(host, "charging") is not None
    assert world.topology().resolve("points", "reporting") is None
    assert world.topology().resolve("points.example.com", "charging") is None


def test_names_that_lead_in_circles() -> None:
    world = World()
    world.service("ADDED", service("a", type="ExternalName", externalName="b.charging.svc.cluster.local"))
    world.service("ADDED", service("b", type="ExternalName", externalName="a.charging.svc.cluster.local"))
    assert world.topology().resolve("a", "charging") is None


def test_targets_are_those_of_kubernetes_service_discovery() -> None:
    world = World()
    world.pod("ADDED", pod("native", native=True))
    world.pod("ADDED", pod("plain"))
    (proxy,) = targets.proxies(world.topology())
    assert proxy["targets"] == ["10.244.0.9:4191"]
    prefix = "__meta_kubernetes_"
    wanted = {
        "namespace": "charging",
        "pod_name": "native",
        "pod_phase": "Running",
        "pod_container_name": "linkerd-proxy",
        "pod_container_port_name": "linkerd-admin",
        "pod_container_init": "true",
        "pod_label_linkerd_io_proxy_deployment": "omni",
        "pod_label_linkerd_io_control_plane_ns": "linkerd",
        "pod_controller_kind": "ReplicaSet",
    }
    assert wanted == {key: proxy["labels"][prefix + key] for key in wanted}
    applications = targets.applications(world.topology())
    assert [one["targets"] for one in applications] == [["10.244.0.9:8081"]] * 2


def test_a_large_estate_is_scraped_more_slowly() -> None:
    pods = {}
    for number in range(1001):
        found = read(pod(native=True))
        pods["charging", str(number)] = found
        paces = {201: "5s", 1001: "15s", 200: None}
        if number + 1 in paces:
            target = targets.proxies(Topology(dict(pods)))[0]
            assert target["labels"].get("__scrape_interval__") == paces[number + 1]


def policy(ingress: list[Object] | None, namespace: str = "charging", **labels: str) -> Object:
    spec: Object = {"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress"]}
    if ingress is not None:
        spec["ingress"] = ingress
    return {"metadata": {"namespace": namespace, "name": "shut"}, "spec": spec}


@pytest.mark.parametrize(
    ("item", "shut"),
    [
        (policy(None, **{"pod-template-hash": "6d5f"}), True),
        (policy([], **{"pod-template-hash": "6d5f"}), True),
        (policy(None), True),
        (policy([{}], **{"pod-template-hash": "6d5f"}), False),
        (policy(None, **{"pod-template-hash": "other"}), False),
        (policy(None, namespace="parking"), False),
    ],
)
def test_a_policy_that_lets_nobody_in_shuts_the_pods_that_it_picks_while_it_is_there(
    item: Object, shut: bool
) -> None:
    world = World()
    world.pod("ADDED", pod())
    world.network_policy("ADDED", item)
    assert world.topology().shut == (frozenset({"uid-omni-6d5f-x1"}) if shut else frozenset())
    world.network_policy("DELETED", item)
    assert world.topology().shut == frozenset()


@pytest.mark.parametrize(("limit", "cores"), [("200m", 0.2), ("2", 2.0), (None, None)])
def test_a_cpu_limit_is_read_in_cores(limit: str | None, cores: float | None) -> None:
    item = pod()
    if limit:
        item["spec"]["containers"][0]["resources"] = {"limits": {"cpu": limit}}
    world = World()
    world.pod("ADDED", item)
    (found,) = world.topology().pods.values()
    assert found.applications[0].cpu_cores == cores
