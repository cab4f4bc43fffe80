"""The look for the scanners: what it asks for, how little of it, and what it makes of a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from unit.core.factories import cluster, config_map, space, workload
from unit.kube.conftest import Answer, Asked, Connect, Server

from meshroll.adapters.kube import facts, look
from meshroll.adapters.kube.client import ApiError
from meshroll.core.model import ClusterView, Workload
from meshroll.core.scan import Hidden, MeshedPod

GROUPS = ("networking.k8s.io", "policy.linkerd.io", "linkerd.io", "monitoring.coreos.com", "cilium.io")
COLUMNS = [{"name": name} for name in ("Name", "Ready", "Status", "IP")]
Json = dict[str, Any]


def row(name: str, namespace: str, address: str | None = "10.0.0.7", **meta: Any) -> Json:
    metadata = {"name": name, "namespace": namespace, "uid": "u", "labels": {"app": name}, **meta}
    return {
        "cells": [name, "2/2", "Running", address],
        "object": {"kind": "PartialObjectMetadata", "metadata": metadata},
    }


def page(*items: Any, key: str = "items", token: str = "") -> Json:
    return {
        "metadata": {"resourceVersion": "1", "continue": token},
        key: list(items),
        "columnDefinitions": COLUMNS,
    }


def plays(server: Server, answers: Mapping[str, Any]) -> None:
    """``answers`` by path: a body, an Answer, or pages one after the other; anything else is an empty list."""

    def answer(asked: Asked) -> Answer:
        path = urlsplit(asked.path).path
        if path == "/apis":
            return Answer(body={"groups": [{"name": name} for name in GROUPS]})
        found = answers.get(path, page())
        if isinstance(found, list):
            token = parse_qs(urlsplit(asked.path).query).get("continue", ["0"])[0]
            found = found[int(token)]
        if isinstance(found, Answer):
            return found
        return Answer(404) if found is None else Answer(body=found)

    server.script = answer


def view(*namespaces: Any, elsewhere: Any = ()) -> ClusterView:
    return cluster(*namespaces, elsewhere=elsewhere)


def paths(server: Server) -> set[str]:
    return {urlsplit(asked.path).path for asked in server.asked}


def test_pods_are_read_as_a_table_page_by_page(server: Server, connect: Connect) -> None:
    owner = [{"kind": "ReplicaSet", "name": "omni-6d4", "controller": True}]
    pages = [
        page(
            row("omni-1", "charging", labels={"pod-template-hash": "6d4"}, ownerReferences=owner),
            row("alone", "charging", "<none>"),
            key="rows",
            token="1",
        ),
        page(
            row("linkerd-destination-1", "linkerd"),
            row("going", "charging", deletionTimestamp="2026-01-01T00:00:00Z"),
            row("new", "charging", None),
            key="rows",
        ),
    ]
    plays(server, {facts.PODS: pages})
    found = facts.see(connect().kube, view(), facts.SCANNED)
    assert found.meshed_pods == (
        MeshedPod("charging", "omni-1", "Deployment/omni", {"pod-template-hash": "6d4"}, "10.0.0.7"),
        MeshedPod("charging", "alone", "Pod/alone", {"app": "alone"}),
        MeshedPod("charging", "new", "Pod/new", {"app": "new"}),
    )
    (asked, _) = [each for each in server.asked if urlsplit(each.path).path == facts.PODS]
    query = parse_qs(urlsplit(asked.path).query)
    assert query["labelSelector"] == ["linkerd.io/control-plane-ns=linkerd"]
    assert query["fieldSelector"] == ["status.phase!=Succeeded,status.phase!=Failed"]


def test_what_a_reading_does_not_need_is_not_kept(server: Server, connect: Connect) -> None:
    bulk = {
        "managedFields": [{}] * 9,
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"},
    }
    plays(server, {facts.ONLY_METADATA["namespaces"]: page({"metadata": {"name": "charging", **bulk}})})
    (namespace,) = facts.see(connect().kube, view(), facts.SCANNED).objects("namespaces")
    assert namespace == {"metadata": {"name": "charging", "annotations": {"a": "b"}}}


def test_everything_but_one_request_is_a_list_or_a_crd_by_name(server: Server, connect: Connect) -> None:
    plays(server, {})
    facts.see(connect().kube, view(), facts.SCANNED)
    assert {asked.method for asked in server.asked} == {"GET"}
    everywhere = {
        facts.PODS,
        *facts.EVERYWHERE.values(),
        *facts.ONLY_METADATA.values(),
        *facts.OTHER_POLICIES.values(),
    }
    wanted = {path for path in everywhere if path.startswith("/api/") or path.split("/")[2] in GROUPS}
    assert paths(server) == {"/apis", *facts.GATEWAY_CRDS, *wanted}


@pytest.mark.parametrize("status", [401, 422])
def test_another_refusal_than_403_ends_the_look(server: Server, connect: Connect, status: int) -> None:
    plays(server, {facts.EVERYWHERE["services"]: Answer(status, {"message": "no"})})
    with pytest.raises(ApiError) as raised:
        facts.see(connect().kube, view(), facts.SCANNED)
    assert raised.value.status == status


def test_what_the_account_may_not_read_is_hidden_and_the_rest_is_seen(
    server: Server, connect: Connect
) -> None:
    no = Answer(403, {"message": "forbidden"})
    plays(
        server,
        {
            facts.PODS: no,
            facts.EVERYWHERE["network_policies"]: no,
            facts.OTHER_POLICIES["CiliumNetworkPolicy"]: no,
            facts.GATEWAY_CRDS[0]: no,
            facts.EVERYWHERE["services"]: page({"metadata": {"name": "tariffs"}}),
        },
    )
    found = facts.see(connect().kube, view(), facts.SCANNED)
    assert found.pods == Hidden("this account may not read pods")
    assert found.listed["network_policies"] == Hidden("this account may not read networkpolicies")
    assert found.listed["other_policies"] == Hidden("this account may not read policies of the CNI")
    assert found.listed["gateway_crds"] == Hidden("this account may not read customresourcedefinitions")
    assert found.objects("services") == ({"metadata": {"name": "tariffs"}},)


def test_a_kind_that_is_not_served_has_no_objects(server: Server, connect: Connect) -> None:
    plays(server, {facts.EVERYWHERE["servers"]: None, facts.GATEWAY_CRDS[1]: None})
    found = facts.see(connect().kube, view(), facts.SCANNED)
    assert found.objects("servers") == ()
    assert found.objects("links") == ()
    assert len(found.objects("gateway_crds")) == len(facts.GATEWAY_CRDS) - 1


def test_other_policies_are_counted_by_their_kinds(server: Server, connect: Connect) -> None:
    cilium = facts.OTHER_POLICIES["CiliumNetworkPolicy"]
    plays(server, {cilium: page({"metadata": {"name": "l7", "namespace": "charging"}})})
    (found,) = facts.see(connect().kube, view(), facts.SCANNED).objects("other_policies")
    assert found["kind"] == "CiliumNetworkPolicy"


def test_config_maps_are_read_where_a_meshed_workload_or_a_prometheus_reads_them(
    server: Server, connect: Connect
) -> None:
    reads = {"volumes": [{"name": "c", "configMap": {"name": "config"}}]}
    inject = {"linkerd.io/inject": "enabled"}
    prometheus = {**reads, "containers": [{"name": "p", "image": "mirror.example:5000/prometheus:v3"}]}
    elsewhere = [
        workload(name="meshed", namespace="one", annotations=inject, pod_spec=reads),
        workload(name="unmeshed", namespace="two", pod_spec=reads),
        workload("StatefulSet", "prometheus", namespace="three", pod_spec=prometheus),
        workload(name="without", namespace="four", annotations=inject),
    ]
    in_hand = space(workload(annotations=inject, pod_spec=reads), config_maps=(config_map("config", A="1"),))
    maps = page(*({"metadata": {"name": name}, "data": {}} for name in ("config", "other")))
    plays(server, {facts.CONFIG_MAPS.format(namespace=each): maps for each in ("one", "three")})
    found = facts.see(connect().kube, view(in_hand, elsewhere=elsewhere), facts.SCANNED)
    assert {
        home: [each["metadata"]["name"] for each in maps] for home, maps in found.config_maps.items()
    } == {  # type: ignore[union-attr]
        "one": ["config"],
        "three": ["config"],
    }
    omni = next(each for each in found.view.all_workloads if each.name == "omni")
    assert "1" in list(found.texts(omni))


def test_the_config_of_linkerd_cni_is_read_where_its_daemon_set_is(server: Server, connect: Connect) -> None:
    facts.see(connect().kube, view(), {"cni_config"})
    assert not any("linkerd-cni-config" in path for path in paths(server))
    cni = workload("DaemonSet", "linkerd-cni", namespace="network")
    labelled = Workload({**cni.manifest, "metadata": {**cni.manifest["metadata"], "labels": CNI_LABEL}})
    path = facts.CNI_CONFIG.format(namespace="network")
    plays(server, {path: {"metadata": {"name": "linkerd-cni-config"}, "data": {"a": "b"}}})
    (found,) = facts.see(connect().kube, view(elsewhere=(labelled,)), {"cni_config"}).objects("cni_config")
    assert found["data"] == {"a": "b"}


CNI_LABEL = {"k8s-app": "linkerd-cni"}


def test_of_who_wrote_a_workload_the_names_alone_are_kept() -> None:
    entries = [
        {"manager": name, "fieldsV1": {"f:spec": {}}} for name in ("argocd-controller", "helm", "helm")
    ]
    unsigned: Json = {"metadata": {"name": "a"}}
    signed: Json = {"metadata": {"name": "b", "managedFields": entries}}
    found = look._workloads({"items": [signed, unsigned]})
    assert [each["metadata"]["managedFields"] for each in found] == [
        [{"manager": "argocd-controller"}, {"manager": "helm"}],
        [],
    ]
