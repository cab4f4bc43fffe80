"""A Service from every state to every state, with no field lost."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.api_server import PatchRefusedError, made
from unit.core.factories import EDGE, Json, cluster, service, space, workload

from meshroll.core.changes import Change, Field, lookup
from meshroll.core.conversion import (
    CONVERTING,
    state_of,
    to_clusterip,
    to_convert,
    to_headless,
)
from meshroll.core.model import NamespaceView
from meshroll.core.recreation import PORTS, recreated
from meshroll.core.services import alongside
from meshroll.core.settings import Namespace, Service
from meshroll.core.taking_back import beside, state_before

DOMAIN = "cluster.local"
SERVER = workload(
    name="points",
    containers=[
        {
            "name": "points",
            "ports": [{"name": "grpc", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}],
        }
    ],
)
GRPC = {
    "name": "grpc",
    "port": 80,
    "targetPort": "grpc",
    "protocol": "TCP",
    "appProtocol": "kubernetes.io/h2c",
}
METRICS = {"name": "metrics", "port": 9090, "targetPort": "metrics", "protocol": "TCP"}
UNNAMED = {"port": 80, "targetPort": 8080, "protocol": "TCP"}
SPECS = st.fixed_dictionaries(
    {
        "clusterIP": st.just("None"),
        "clusterIPs": st.just(["None"]),
        "type": st.just("ClusterIP"),
        "selector": st.just({"app": "points"}),
        "ports": st.sampled_from([[GRPC], [GRPC, METRICS], [METRICS], [UNNAMED]]),
        "ipFamilies": st.sampled_from([["IPv4"], ["IPv6"], ["IPv4", "IPv6"]]),
        "ipFamilyPolicy": st.sampled_from(["SingleStack", "PreferDualStack", "RequireDualStack"]),
        "internalTrafficPolicy": st.sampled_from(["Cluster", "Local"]),
        "sessionAffinity": st.sampled_from(["None", "ClientIP"]),
    },
    optional={
        "sessionAffinityConfig": st.just({"clientIP": {"timeoutSeconds": 100}}),
        "publishNotReadyAddresses": st.just(True),
        "trafficDistribution": st.just("PreferClose"),
        "externalIPs": st.just(["10.1.1.1"]),
        "externalTrafficPolicy": st.just("Local"),
    },
)
METAS = st.fixed_dictionaries(
    {"name": st.just("points"), "namespace": st.just("charging"), "uid": st.just("u-1")},
    optional={
        "labels": st.just({"team": "roaming"}),
        "annotations": st.sampled_from([{"a/b": "c~/d"}, {"x": "y", "z": ""}]),
        "ownerReferences": st.just([{"kind": "ConfigMap", "name": "owner", "uid": "o-1"}]),
        "finalizers": st.just(["example.com/kept"]),
        "resourceVersion": st.just("7"),
    },
)
SERVICES = st.builds(lambda meta, spec: {"metadata": meta, "spec": spec}, METAS, SPECS)
METHODS = st.sampled_from(["in_place", "recreate"])


def setting(method: str = "in_place", **others: Any) -> Service:
    return Service(name="points", method=method, **others)  # type: ignore[arg-type]


def seen(*services: Json) -> NamespaceView:
    return space(SERVER, services=services)


def after(view: NamespaceView, *changes: Change) -> NamespaceView:
    whole = cluster(view)
    for change in changes:
        whole = made(whole, change, EDGE)
    return whole.namespaces["charging"]


def points(view: NamespaceView) -> Json:
    found = view.service("points")
    assert found is not None
    return dict(found)


def kept(manifest: Json) -> Json:
    """All that a conversion has to keep: everything but addresses and ports."""
    spec = {k: v for k, v in manifest["spec"].items() if k not in ("clusterIP", "clusterIPs", "ports")}
    return {"metadata": manifest["metadata"], "spec": spec}


def remade(manifest: Json) -> Json:
    meta = {k: v for k, v in manifest["metadata"].items() if k not in ("uid", "resourceVersion")}
    return {**kept(manifest), "metadata": meta}


def there(method: str, view: NamespaceView) -> list[Change]:
    return to_clusterip(setting(method), view, DOMAIN)


def written(changes: list[Change]) -> Field | None:
    """The ports as the journal remembers them: before the first change, after the last."""
    found = [field for change in changes for field in change.fields if field.path == PORTS]
    return Field(PORTS, found[0].before, found[-1].after) if found else None


@given(SERVICES, METHODS)
def test_headless_to_clusterip_and_back_loses_nothing(before: Json, method: str) -> None:
    view = seen(before)
    changes = there(method, view)
    view = after(view, *changes)
    converted = points(view)
    assert state_of(converted) == "clusterip"
    compare = kept if method == "in_place" else remade
    assert compare(converted) == compare(before)
    declared = {port["port"]: port["targetPort"] for port in converted["spec"]["ports"]}
    assert {port["port"] for port in before["spec"]["ports"]} <= set(declared)
    assert {
        8080 if port["targetPort"] in ("grpc", 8080) else 9090 for port in before["spec"]["ports"]
    } <= set(declared)
    assert there(method, view) == []
    back = points(after(view, *to_headless(setting(method), view, DOMAIN, written(changes))))
    assert state_of(back) == "headless"
    assert compare(back) == compare(before)
    assert back["spec"]["ports"] == before["spec"]["ports"]


@given(SERVICES)
def test_half_way_in_is_finished_either_way(before: Json) -> None:
    changes = there("in_place", seen(before))
    halfway = after(seen(before), changes[0])
    assert state_of(points(halfway)) == "halfway"
    done = points(after(halfway, *there("in_place", halfway)))
    assert done == points(after(seen(before), *changes))
    back = points(after(halfway, *to_headless(setting(), halfway, DOMAIN, None)))
    assert back == before


@given(SERVICES)
def test_half_way_back_is_finished_either_way(before: Json) -> None:
    changes = there("in_place", seen(before))
    converted = after(seen(before), *changes)
    halfway = after(converted, to_headless(setting(), converted, DOMAIN, written(changes))[0])
    assert state_of(points(halfway)) == "halfway"
    assert points(after(halfway, *to_headless(setting(), halfway, DOMAIN, None))) == before
    again = points(after(halfway, *there("in_place", halfway)))
    assert kept(again) == kept(before)
    assert again["spec"]["ports"] == points(converted)["spec"]["ports"]


@given(SERVICES)
def test_what_a_delete_left_is_made_again_as_it_was(before: Json) -> None:
    change = recreated(before, headless=True)
    assert change.path == "/api/v1/namespaces/charging/services/points"
    again = points(after(seen(), change))
    assert remade(again) == remade(before)
    assert again["spec"]["ports"] == before["spec"]["ports"]
    assert change.state_in(again) == "made"
    assert change.state_in(None) == "planned"


def test_dns_answers_with_the_service_beside_it_meanwhile() -> None:
    begun, _ = to_clusterip(setting(alongside_name="both"), seen(headless()), "mesh.example")
    fields = {field.path: field.after for field in begun.fields}
    assert fields["/spec/externalName"] == "both.charging.svc.mesh.example"


def headless(**spec: Any) -> Json:
    made = service("points", "points", headless=True, ports=[GRPC])
    return {**made, "spec": {**made["spec"], "type": "ClusterIP", "clusterIPs": ["None"], **spec}}


def test_a_list_of_ports_that_is_refused_is_refused_before_the_service_is_another() -> None:
    begun, finished = there("in_place", seen(headless()))
    assert PORTS in {field.path for field in begun.fields}
    assert PORTS not in {field.path for field in finished.fields}


def test_ports_that_somebody_changed_since_are_drift_before_anything_is_changed() -> None:
    changes = there("in_place", seen(headless()))
    view = after(seen(headless()), *changes)
    theirs = points(view)
    theirs = {**theirs, "spec": {**theirs["spec"], "ports": [*theirs["spec"]["ports"], METRICS]}}
    begun = to_headless(setting(), seen(theirs), DOMAIN, written(changes))[0]
    with pytest.raises(PatchRefusedError):
        after(seen(theirs), begun)


def test_no_port_name_is_used_twice() -> None:
    taken = {"name": "grpc-pod", "port": 81, "targetPort": 9090, "protocol": "TCP"}
    view = after(seen(headless(ports=[GRPC, taken])), *there("in_place", seen(headless(ports=[GRPC, taken]))))
    names = [port["name"] for port in points(view)["spec"]["ports"]]
    assert len(names) == len(set(names)) == 4


def test_an_external_name_of_somebody_else_is_left_alone() -> None:
    theirs = {"metadata": {"name": "points", "namespace": "charging"}, "spec": {"type": "ExternalName"}}
    for mark in ({}, {CONVERTING: "not ours"}):
        view = seen({**theirs, "metadata": {**theirs["metadata"], "annotations": mark}})
        assert state_of(points(view)) == "other"
        assert there("in_place", view) == []
        assert to_headless(setting(), view, DOMAIN, None) == []


def test_a_service_that_is_open_to_the_outside_gets_no_port() -> None:
    outside = service("points", "points", ports=[GRPC])
    assert there("in_place", seen(outside)) != []
    assert there("in_place", seen({**outside, "spec": {**outside["spec"], "type": "LoadBalancer"}})) == []


def test_one_that_no_inventory_lists_any_more_is_finished_too() -> None:
    halfway = after(seen(headless()), there("in_place", seen(headless()))[0])
    assert [each.name for each in to_convert(Namespace(name="charging"), halfway)] == ["points"]
    alongside_now = Service(name="points")
    assert state_of(points(after(halfway, *to_clusterip(alongside_now, halfway, DOMAIN)))) == "clusterip"
    assert alongside(alongside_now, halfway) is None


def test_the_way_back_makes_the_service_beside_it_where_it_is_gone() -> None:
    changes = there("in_place", seen(headless()))
    converted = after(seen(headless()), *changes)
    made_first, removed_last = beside(setting(), converted)
    assert [change.action for change in (*made_first, *removed_last)] == ["apply", "delete"]
    assert beside(setting(), after(converted, *made_first)) == ([], [])
    assert beside(setting("recreate"), converted) == ([], [])


def test_the_journal_says_that_it_was_headless_also_where_a_run_only_finished_it() -> None:
    changes = there("in_place", seen(headless()))
    both = msgspec.structs.replace(changes[0], fields=[*changes[0].fields, *changes[1].fields])
    was, ports = state_before(both)
    assert was == "headless" and ports is not None and ports.before == [GRPC]
    was, ports = state_before(changes[1])
    assert was == "headless"
    assert state_before(Change("Service", "charging", "points", "patch", "ports")) == (None, None)
    view = after(seen(headless()), *changes)
    back = points(after(view, *to_headless(setting(), view, DOMAIN, ports)))
    assert lookup(back, "/spec/clusterIP") == "None"
    assert lookup(back, "/spec/ports") == [GRPC]


def test_a_delete_is_of_exactly_what_was_seen() -> None:
    manifest = headless()
    manifest = {**manifest, "metadata": {**manifest["metadata"], "uid": "u-1", "resourceVersion": "7"}}
    removed, again = there("recreate", seen(manifest))
    assert {field.path: field.before for field in removed.fields} == {
        "/metadata/uid": "u-1",
        "/metadata/resourceVersion": "7",
    }
    assert again.body is not None and "uid" not in again.body["metadata"]
