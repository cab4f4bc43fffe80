"""Who calls a Service, as far as manifests tell."""

from __future__ import annotations

import pytest
from unit.core.factories import Json, cluster, config_map, service, space, workload

from meshroll.core.callers import callers_of, config_maps_used, hosts

TARIFFS = ("tariffs", "charging")
HOST = "tariffs.charging.svc.cluster.local:80"


@pytest.mark.parametrize(
    "text",
    [
        HOST,
        "tariffs.charging",
        "tariffs.charging.svc",
        "tariffs.charging.svc.cluster.local.",
        f"dns:///{HOST}",
        "http://user@tariffs.charging/v1",
        "--upstreams=points:80,tariffs.charging.svc:80",
        '{"url": "grpc://tariffs.charging.svc"}',
        "I call tariffs.charging.",
    ],
)
def test_the_dns_name_is_a_mention_from_any_namespace(text: str) -> None:
    assert TARIFFS in hosts(text, "reporting")
    assert TARIFFS in hosts(text, "charging")


@pytest.mark.parametrize(
    "text",
    ["tariffs", "tariffs:80", "http://tariffs", "http://tariffs/v1", "dns:///tariffs:80", "dns:tariffs:80"],
)
def test_the_bare_name_is_a_mention_at_home_only(text: str) -> None:
    assert TARIFFS in hosts(text, "charging")
    assert TARIFFS not in hosts(text, "reporting")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tariffs-v2:80",
        "old-tariffs:80",
        "tariffs2:80",
        "tariffs_2:80",
        "my.tariffs:80",
        "tariffs-v2.charging.svc",
        "old-tariffs.charging.svc",
        "eu.tariffs.charging.svc",
        "tariffs.charging-eu.svc",
        "tariffs.charging2",
        "tariffs.reporting.svc.cluster.local:80",
        "http://tariffs.example.com",
        "http://tariffs.charging.example.com",
        "https://tariffs-v2/",
        "tariffs:latest",
        "read the tariffs",
        "tariffsXcharging",
    ],
)
def test_names_that_only_look_like_it_are_no_mention(text: str) -> None:
    assert TARIFFS not in hosts(text, "charging")


def names(view_of: Json, *callers: object) -> list[str]:
    return [caller.name for caller in callers_of(cluster(view_of, elsewhere=callers), "charging", "tariffs")]  # type: ignore[arg-type]


def home(*workloads: object, **others: object) -> Json:
    services = (service("tariffs", "tariffs"), *others.pop("services", ()))  # type: ignore[misc]
    return space(*workloads, services=services, **others)  # type: ignore[return-value, arg-type]


def test_callers_are_found_in_every_place_where_a_host_may_stand() -> None:
    env = workload(name="a", env={"TARGET": HOST})
    args = workload("StatefulSet", "b", containers=[{"name": "b", "args": ["--target", HOST]}])
    command = workload("DaemonSet", "c", containers=[{"name": "c", "command": ["call", HOST]}])
    init = workload("CronJob", "d", pod_spec={"initContainers": [{"name": "wait", "args": [HOST]}]})
    mounted = workload(name="e", pod_spec={"volumes": [{"name": "v", "configMap": {"name": "hosts"}}]})
    stranger = workload(name="f", env={"TARGET": "points:80"})
    found = names(
        home(
            env, args, command, init, mounted, stranger, config_maps=(config_map("hosts", file=f"x={HOST}"),)
        )
    )
    assert found == [
        "charging/CronJob/d",
        "charging/DaemonSet/c",
        "charging/Deployment/a",
        "charging/Deployment/e",
        "charging/StatefulSet/b",
    ]


def test_callers_in_other_namespaces_are_found() -> None:
    elsewhere = workload(name="reports", namespace="reporting", env={"TARGET": HOST})
    bare = workload(name="unrelated", namespace="other", env={"TARGET": "tariffs:80"})
    assert names(home(), elsewhere, bare) == ["reporting/Deployment/reports"]


def test_a_server_that_says_its_own_name_is_no_caller() -> None:
    assert names(home(workload(name="tariffs", env={"OTEL_SERVICE_NAME": "tariffs"}))) == []


def test_who_calls_another_service_over_the_same_pods_calls_the_same_servers() -> None:
    alias = service("tariffs-clusterip", "tariffs")
    other = service("points", "points")
    callers = [
        workload(name="a", env={"TARGET": "tariffs-clusterip:80"}),
        workload(name="b", env={"TARGET": "points:80"}),
    ]
    assert names(home(*callers, services=(alias, other))) == ["charging/Deployment/a"]


def test_services_without_a_selector_are_no_aliases() -> None:
    view = space(workload(name="a", env={"T": "other:80"}), services=(service("tariffs"), service("other")))
    assert callers_of(cluster(view), "charging", "tariffs") == []


def test_every_way_to_read_a_config_map_is_known() -> None:
    container = {
        "name": "omni",
        "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "by-key", "key": "a"}}}],
        "envFrom": [{"configMapRef": {"name": "all-keys"}}, {"secretRef": {"name": "no"}}],
    }
    volumes = [
        {"name": "a", "configMap": {"name": "mounted"}},
        {
            "name": "b",
            "projected": {"sources": [{"configMap": {"name": "projected"}}, {"secret": {"name": "no"}}]},
        },
    ]
    reader = workload(containers=[container], pod_spec={"volumes": volumes})
    assert config_maps_used(reader) == {"by-key", "all-keys", "mounted", "projected"}
