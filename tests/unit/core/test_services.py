"""The ClusterIP Service beside a headless one."""

from __future__ import annotations

import pytest
from unit.core.api_server import patched
from unit.core.factories import Json, service, space, workload

from meshroll.core.model import NamespaceView
from meshroll.core.services import MANAGED_BY, alongside, service_problems
from meshroll.core.settings import Service

POINTS = Service(name="points")
GRPC = {
    "name": "grpc",
    "port": 80,
    "targetPort": "grpc",
    "protocol": "TCP",
    "appProtocol": "kubernetes.io/h2c",
}
SERVER = workload(
    name="points", containers=[{"name": "points", "ports": [{"name": "grpc", "containerPort": 8080}]}]
)


def view(*ports: Json, beside: Json | None = None, headless: bool = True) -> NamespaceView:
    services = [
        service("points", "points", headless=headless, ports=ports or [GRPC]),
        *([beside] if beside else []),
    ]
    return space(SERVER, services=tuple(services))


def ports_of(*ports: Json) -> dict[str, tuple[int, int, str]]:
    change = alongside(POINTS, view(*ports))
    assert change is not None
    assert change.body is not None
    made = change.body["spec"]["ports"]
    result = {port["name"]: (port["port"], port["targetPort"], port.get("protocol", "TCP")) for port in made}
    assert len(result) == len(made), "port names must differ"
    return result


def codes(seen: NamespaceView, setting: Service = POINTS) -> list[str]:
    return [problem.code for problem in service_problems(setting, seen)]


def test_the_new_service_declares_the_service_port_and_the_pod_port() -> None:
    change = alongside(POINTS, view())
    assert change is not None
    assert change.body is not None
    assert change.path == "/api/v1/namespaces/charging/services/points-clusterip"
    common = {"targetPort": 8080, "protocol": "TCP", "appProtocol": "kubernetes.io/h2c"}
    assert change.body["spec"] == {
        "type": "ClusterIP",
        "selector": {"app": "points"},
        "ports": [{"name": "grpc", "port": 80, **common}, {"name": "grpc-pod", "port": 8080, **common}],
    }
    assert "clusterIP" not in change.body["spec"]


def test_a_pod_port_that_the_service_declares_already_is_declared_once() -> None:
    same = {"name": "grpc", "port": 8080, "targetPort": 8080}
    assert ports_of(same) == {"grpc": (8080, 8080, "TCP")}


def test_ports_keep_names_apart() -> None:
    first, second = "grpc-internal-a", "grpc-internal-b"
    assert ports_of(
        {"name": first, "port": 80, "targetPort": 8080}, {"name": second, "port": 81, "targetPort": 8081}
    ) == {
        first: (80, 8080, "TCP"),
        f"{first}-pod": (8080, 8080, "TCP"),
        second: (81, 8081, "TCP"),
        f"{second}-pod": (8081, 8081, "TCP"),
    }


def test_tcp_and_udp_of_one_number_are_two_ports() -> None:
    tcp, udp = ({"name": p.lower(), "port": 53, "targetPort": 53, "protocol": p} for p in ("TCP", "UDP"))
    assert ports_of(tcp, udp) == {"tcp": (53, 53, "TCP"), "udp": (53, 53, "UDP")}


def test_a_service_that_balances_already_is_left_alone() -> None:
    assert alongside(POINTS, view(headless=False)) is None
    assert codes(view(headless=False)) == []


def test_what_is_there_is_not_made_again() -> None:
    made = alongside(POINTS, view())
    assert made is not None
    assert alongside(POINTS, view(beside=made.body)) is None


def test_somebodys_service_that_has_all_ports_is_used_as_it_is() -> None:
    ports = [{"port": 80, "targetPort": "grpc"}, {"port": 8080, "targetPort": 8080}]
    beside = service("points-clusterip", "points", ports=ports)
    assert codes(view(beside=beside)) == []
    assert alongside(POINTS, view(beside=beside)) is None


def test_our_service_gets_the_ports_that_it_lacks_as_a_patch_that_can_be_undone() -> None:
    beside = service("points-clusterip", "points", labels={MANAGED_BY: "meshroll"})
    change = alongside(POINTS, view(beside=beside))
    assert change is not None
    assert change.action == "patch"
    after = patched(beside, change.json_patch())
    assert [port["port"] for port in after["spec"]["ports"]] == [80, 8080]
    assert patched(after, change.undone("back").json_patch()) == beside


OTHER = {"name": "other", "port": 8080, "targetPort": 9090}


@pytest.mark.parametrize(
    ("seen", "setting", "code"),
    [
        (view(), Service(name="absent"), "service-unknown"),
        (view({**GRPC, "targetPort": "nobody"}), POINTS, "service-port-unmapped"),
        (view({**GRPC, "targetPort": 8080}, OTHER), POINTS, "service-port-unmapped"),
        (view(beside=service("points-clusterip", "points")), POINTS, "service-name-taken"),
        (view(beside=service("points-clusterip", "tariffs")), POINTS, "service-name-taken"),
        (view(beside=service("points-clusterip", "points", headless=True)), POINTS, "service-name-taken"),
        (view(), Service(name="points", alongside_name="p" * 64), "service-name-too-long"),
        (view(), Service(name="points", alongside_name="points"), "service-name-taken"),
        (space(services=(service("points", "points", headless=True),)), POINTS, "service-without-workload"),
        (space(services=(service("points", headless=True),)), POINTS, "service-without-workload"),
    ],
)
def test_what_cannot_be_converted_is_refused(seen: NamespaceView, setting: Service, code: str) -> None:
    assert codes(seen, setting) == [code]


def test_the_service_that_names_a_statefulsets_pods_stays_headless() -> None:
    ledger = workload("StatefulSet", "ledger", spec={"serviceName": "points"}, labels={"app": "points"})
    seen = space(ledger, services=(service("points", "points", headless=True),))
    assert codes(seen) == ["service-governs-statefulset"]


def test_servers_that_disagree_about_a_named_port_are_refused() -> None:
    other = workload(
        name="canary",
        labels={"app": "points"},
        containers=[{"name": "canary", "ports": [{"name": "grpc", "containerPort": 9090}]}],
    )
    seen = space(SERVER, other, services=(service("points", "points", headless=True, ports=[GRPC]),))
    assert codes(seen) == ["service-port-unmapped"]
