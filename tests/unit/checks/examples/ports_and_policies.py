"""Ports, and who is let through to them."""

from __future__ import annotations

from typing import Any

from unit.checks.example import Example, with_facts
from unit.core.check_cases import case
from unit.core.factories import pods, service, workload

from meshroll.core.checks import Case
from meshroll.core.model import annotations_of

Json = dict[str, Any]
POINTS = workload(name="points")


def port(**said: Any) -> Json:
    return {"name": "grpc", "port": 80, "targetPort": 8080, "protocol": "TCP", **said}


def serving(*, annotations: Json | None = None, **said: Any) -> Case:
    found = service("points", "points", ports=[port(**said)])
    if annotations:
        found["metadata"]["annotations"] = annotations
        assert annotations_of(found)
    return case(POINTS, services=(found,))


def policy(
    *, ingress: list[Json] | None = None, egress: list[Json] | None = None, app: str = "points"
) -> Json:
    spec: Json = {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": []}
    for way, rules in (("ingress", ingress), ("egress", egress)):
        if rules is not None:
            spec[way] = rules
            spec["policyTypes"].append(way.capitalize())
    return {"metadata": {"name": "strict", "namespace": "charging"}, "spec": spec}


def ports(*numbers: int, protocol: str = "TCP") -> Json:
    return {"ports": [{"port": number, "protocol": protocol} for number in numbers]}


def behind(*policies: Json, values: Json | None = None) -> Case:
    omni = workload()
    seen = [*pods(omni), *pods(POINTS)]
    return with_facts(
        case(omni, POINTS, pods_seen=seen, values=values), listed={"network_policies": policies}
    )


def grouped(app: str) -> Case:
    group = {
        "metadata": {"name": "database", "namespace": "charging"},
        "spec": {"podSelector": {"matchLabels": {"app": app}}},
    }
    return with_facts(case(POINTS), listed={"security_group_policies": (group,)})


EXAMPLES = [
    Example(
        "app-protocol-unknown",
        lambda: serving(appProtocol="kubernetes.io/h2c"),
        lambda: serving(appProtocol="grpc"),
        "Port 80 of Service/points has appProtocol grpc, which Linkerd does not know: it is treated as opaque.",
    ),
    Example(
        "server-speaks-first",
        lambda: serving(name="mysql", port=3307, annotations={"config.linkerd.io/opaque-ports": "3300-3310"}),
        lambda: serving(name="mysql", port=3307, targetPort=3307),
        "Port 3307 of points is called mysql, and is not opaque.",
    ),
    Example(
        "server-speaks-first",
        lambda: serving(name="mysql", port=3306, targetPort=3306),
        lambda: serving(name="redis-tls", port=6380, targetPort=6380),
        "Port 6380 of points is called redis-tls, and is not opaque.",
    ),
    Example(
        "target-port-missing",
        lambda: serving(targetPort=8080),
        lambda: serving(targetPort="grpc"),
        "Port 80 of points leads to the port grpc, which Deployment/points does not have.",
    ),
    Example(
        "network-policy-between-proxies",
        lambda: behind(policy(ingress=[ports(8080, 4143)])),
        lambda: behind(policy(ingress=[ports(8080)])),
        "NetworkPolicy/strict lets charging/Deployment/omni, charging/Deployment/points reach "
        "charging/Deployment/points on port 8080 and not on 4143, which proxies use.",
    ),
    Example(
        "network-policy-to-control-plane",
        lambda: behind(policy(egress=[ports(8086, 8090, 8080)])),
        lambda: behind(policy(egress=[ports(8080), ports(53, protocol="UDP")])),
        "Behind NetworkPolicy/strict the proxies of Deployment/points do not reach the control plane "
        "(port 8086, 8090).",
    ),
    Example(
        "network-policy-to-admin-port",
        lambda: behind(policy(ingress=[ports(8080, 4143)]), policy(ingress=[ports(4191)])),
        lambda: behind(policy(ingress=[ports(8080, 4143)])),
        "Behind NetworkPolicy/strict the proxies of Deployment/points cannot be scraped (port 4191).",
    ),
    Example(
        "security-groups-for-pods",
        lambda: grouped("ledger"),
        lambda: grouped("points"),
        "SecurityGroupPolicy/database puts Deployment/points into security groups of their own.",
    ),
]
