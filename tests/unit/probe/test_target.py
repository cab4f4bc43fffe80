"""What a probe calls, and what it refuses because it would prove nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.factories import Json, pods, service, space, workload

from meshroll.core.errors import Refused, UsageError
from meshroll.core.model import NamespaceView
from meshroll.core.probe.target import Aim, Target, aim, parse

TARIFFS = workload(name="tariffs", replicas=3)


def charging(**spec: Any) -> NamespaceView:
    """Three Ready pods behind a Service whose spec has these fields over the usual ones."""
    found = service("tariffs", "tariffs")
    return space(TARIFFS, services=({**found, "spec": {**found["spec"], **spec}},))


def ports(*given: tuple[str, int], **fields: str) -> list[Json]:
    return [{"name": name, "port": number, "targetPort": 8080, **fields} for name, number in given]


def code_of(text: str, view: NamespaceView) -> str:
    with pytest.raises(Refused) as caught:
        aim(parse(text), view)
    (problem,) = caught.value.problems
    assert problem.hint
    return problem.code


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("tariffs", Target("tariffs")),
        ("tariffs:80", Target("tariffs", 80)),
        ("tariffs/live?deep=no", Target("tariffs", None, "/live?deep=no")),
        ("tariffs:80/", Target("tariffs", 80, "/")),
    ],
)
def test_a_service_is_named_with_or_without_its_port_and_a_path(text: str, target: Target) -> None:
    assert parse(text) == target


@pytest.mark.parametrize(
    "text",
    [
        *("localhost", "localhost:8080", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:8080", "10.244.0.7", "::1"),
        *("[::1]:80", "fd00::7", "http://localhost:80/", "localhost/live"),
    ],
)
def test_an_address_is_refused_because_it_goes_past_the_sidecar(text: str) -> None:
    with pytest.raises(UsageError, match="goes past the sidecar") as caught:
        parse(text)
    assert caught.value.problems[0].code == "probe-target-outside"


@pytest.mark.parametrize(
    "text",
    ["example.com", "tariffs.charging/live", "https://example.com/", "tariffs.charging.svc.cluster.local:80"],
)
def test_a_host_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is a host name"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "Tariffs",
            "tariffs:",
            "tariffs:http",
            "tariffs:0",
            "tariffs:70000",
            "a b",
            "http://tariffs:80",
        ),
        *("tariffs/[1-9]", "tariffs/{a,b}", "tariffs/a#b", "tariffs/a b"),
    ],
)
def test_what_is_no_service_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.problems[0].code == "probe-target-wrong"


@given(st.text(max_size=80) | st.from_regex(r"[a-z]{1,3}(:[0-9]{1,6})?/[ -~]{0,9}", fullmatch=True))
def test_whatever_is_parsed_is_safe_in_a_url_that_curl_expands(text: str) -> None:
    try:
        target = parse(text)
    except UsageError:
        return
    assert set(target.service) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert target.port is None or 0 < target.port < 65536
    assert not set(target.path) & set("[]{}# \\\n")


def test_the_only_port_is_called_by_grpcs_health_check() -> None:
    found = aim(parse("tariffs"), charging())
    assert found == Aim("charging", "tariffs", 80, True, ("tariffs-0", "tariffs-1", "tariffs-2"))
    assert found.url == "http://tariffs.charging.svc:80/grpc.health.v1.Health/Check"


@pytest.mark.parametrize(
    ("port", "grpc"),
    [
        (ports(("http", 80)), False),
        (ports(("http-api", 80)), False),
        (ports(("web", 80), appProtocol="http"), False),
        (ports(("http", 80), appProtocol="kubernetes.io/h2c"), True),
        (ports(("api", 80)), True),
        (ports(("grpc", 80)), True),
    ],
)
def test_a_port_that_says_http_is_called_by_http(port: list[Json], grpc: bool) -> None:
    assert aim(parse("tariffs"), charging(ports=port)).grpc is grpc


def test_a_path_is_got_by_plain_http_whatever_the_port_is_called() -> None:
    found = aim(parse("tariffs/live"), charging(ports=ports(("grpc", 80))))
    assert not found.grpc
    assert found.url == "http://tariffs.charging.svc:80/live"


def test_of_several_ports_the_one_of_grpc_is_taken() -> None:
    assert aim(parse("tariffs"), charging(ports=ports(("metrics", 9090), ("grpc", 80)))).port == 80


@pytest.mark.parametrize("given", [(("a", 1), ("b", 2)), (("grpc", 1), ("grpc-admin", 2))])
def test_of_ports_that_are_alike_one_has_to_be_named(given: tuple[tuple[str, int], ...]) -> None:
    view = charging(ports=ports(*given))
    assert code_of("tariffs", view) == "probe-port-unclear"
    assert aim(parse("tariffs:2"), view).port == 2


def test_a_pods_port_that_the_service_does_not_declare_is_refused() -> None:
    assert code_of("tariffs:8080", charging()) == "probe-port-undeclared"
    assert (
        code_of("tariffs:53", charging(ports=ports(("dns", 53), protocol="UDP"))) == "probe-port-undeclared"
    )


def test_services_that_linkerd_does_not_balance_are_refused() -> None:
    assert code_of("tariffs", charging(clusterIP="None")) == "probe-service-unbalanced"
    external = charging(type="ExternalName", externalName="tariffs.example")
    assert code_of("tariffs", external) == "probe-service-unbalanced"


def test_an_unknown_service_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(Refused) as caught:
        aim(parse("tarifs"), charging())
    (problem,) = caught.value.problems
    assert (problem.code, problem.hint) == ("probe-service-unknown", "It has tariffs.")


@pytest.mark.parametrize(
    "view",
    [
        charging(selector={}),
        charging(selector={"app": "another"}),
        space(TARIFFS, services=(service("tariffs", "tariffs"),), pods_seen=pods(TARIFFS, ready=False)),
        space(TARIFFS, services=(service("tariffs", "tariffs"),), pods_seen=pods(TARIFFS, ending=True)),
    ],
)
def test_a_service_without_ready_pods_is_refused(view: NamespaceView) -> None:
    assert code_of("tariffs", view) == "probe-service-without-pods"


@pytest.mark.parametrize(
    ("spec", "near"),
    [
        ({}, ""),
        ({"trafficDistribution": "PreferClose"}, "trafficDistribution: PreferClose"),
        ({"internalTrafficPolicy": "Local"}, "internalTrafficPolicy: Local"),
        ({"internalTrafficPolicy": "Cluster"}, ""),
    ],
)
def test_what_keeps_calls_near_is_known(spec: Json, near: str) -> None:
    assert aim(parse("tariffs"), charging(**spec)).near == near
