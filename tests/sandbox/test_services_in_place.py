"""A headless Service that becomes a ClusterIP Service under its clients, and back, with every field it had."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from sandbox.support import GATE, Estate, Ran, wait_for_pods

from meshroll.adapters.kube.client import Kube
from meshroll.core.conversion import CONVERTING, state_of, to_clusterip, to_headless
from meshroll.core.model import NamespaceView, Workload
from meshroll.core.settings import Service
from meshroll.core.taking_back import beside
from meshroll_sandbox.status import Connection, Status

NAME = "converted"
SETTING = Service(name="points", method="in_place")
PATH = f"/api/v1/namespaces/{NAME}/services/points"
Json = dict[str, Any]


def deployment(
    name: str, replicas: int, port: Json, environment: dict[str, str], annotations: dict[str, str]
) -> Json:
    container = {
        "name": name,
        "image": f"registry.example/{name}:1.0",
        "ports": [port, {"name": "health", "containerPort": 8081}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "env": [{"name": key, "value": value} for key, value in environment.items()],
    }
    template = {
        "metadata": {"labels": {"app": name}, "annotations": annotations},
        "spec": {"containers": [container]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    meta = {"name": name, "namespace": NAME}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


def headless(owner: str) -> Json:
    """Every field that a headless Service may have, none at its default."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "points",
            "namespace": NAME,
            "labels": {"team": "roaming"},
            "annotations": {"example.com/a.b": "kept"},
            "finalizers": ["example.com/kept"],
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner, "controller": True}
            ],
        },
        "spec": {
            "clusterIP": "None",
            "selector": {"app": "points"},
            "ports": [
                {"name": "grpc", "port": 80, "targetPort": "grpc", "appProtocol": "kubernetes.io/h2c"},
                {"name": "health", "port": 8081, "targetPort": 8081, "protocol": "TCP"},
            ],
            "publishNotReadyAddresses": True,
            "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 100}},
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "PreferDualStack",
            "internalTrafficPolicy": "Local",
            "trafficDistribution": "PreferClose",
            "externalIPs": ["192.0.2.7"],
            "externalTrafficPolicy": "Local",
        },
    }


def make(connection: Connection, folder: Path) -> Estate:
    kube = Kube.connect(str(connection.kubeconfig), connection.context)
    kube.create("/api/v1/namespaces", {"metadata": {"name": NAME}})
    owner = kube.create(f"/api/v1/namespaces/{NAME}/configmaps", {"metadata": {"name": "owner"}})
    kube.create(PATH.rpartition("/")[0], headless(owner["metadata"]["uid"]))
    apps = f"/apis/apps/v1/namespaces/{NAME}/deployments"
    kube.create(apps, deployment("points", 3, {"name": "grpc", "containerPort": 8080}, {}, {}))
    wait_for_pods(kube, NAME, 3)
    environment = {
        "TARGET": f"dns:///points.{NAME}.svc.cluster.local:8080",
        "DIAL_MODE": "pooled",
    }
    calls = {"sandbox.meshroll.io/requests-per-second": "60"}
    kube.create(apps, deployment("omni", 2, {"name": "http", "containerPort": 8082}, environment, calls))
    wait_for_pods(kube, NAME, 5)
    shutil.copytree(connection.inventory, folder / "inventory")
    variables = {"meshroll_gate": GATE, "meshroll_waves": [{"share": 1.0}]}
    (folder / "inventory/group_vars/all/gate.yml").write_text(yaml.safe_dump(variables))
    estate = Estate(NAME, kube, folder)
    dial = [{"env": "DIAL_MODE", "pooled": "pooled", "per_request": "per_request"}]
    estate.namespace_settings(
        services=[{"name": "points", "method": "in_place"}],
        clients=[{"workload": "Deployment/omni", "service": "points", "dial": dial}],
    )
    return estate


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    assert sandbox.connection
    return make(sandbox.connection, tmp_path_factory.mktemp("converted"))


@pytest.fixture(scope="module")
def before(estate: Estate) -> Json:
    return service(estate)


@pytest.fixture(scope="module")
def rolled_out(estate: Estate, before: Json) -> Ran:
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    return ran


@pytest.fixture(scope="module")
def rolled_back(estate: Estate, rolled_out: Ran) -> Ran:
    ran = estate.run("rollback", "--to", "previous")
    assert ran.code == 0, ran.result["errors"]
    return ran


def service(estate: Estate) -> Json:
    found = estate.kube.get(PATH)
    assert found is not None
    return found


def kept(manifest: Json) -> Json:
    """All but what differs between headless and ClusterIP, and what the API server counts; the uid is in it."""
    meta = {k: v for k, v in manifest["metadata"].items() if k not in ("resourceVersion", "managedFields")}
    server = ("clusterIP", "clusterIPs", "ports")
    return {"metadata": meta, "spec": {k: v for k, v in manifest["spec"].items() if k not in server}}


def seen(estate: Estate) -> NamespaceView:
    workloads = tuple(Workload({"kind": "Deployment", **estate.deployment(n)}) for n in ("omni", "points"))
    services = tuple(estate.kube.list_all(f"/api/v1/namespaces/{NAME}/services")[0])
    return NamespaceView(NAME, {"metadata": {"name": NAME}}, workloads, services=services)


def left_half_way(estate: Estate) -> None:
    """As a process that dies between the two updates leaves it, on its way to the state that it is not in."""
    for change in beside(SETTING, seen(estate))[0]:
        assert change.body is not None
        estate.kube.apply(change.path, change.body)
    view, domain = seen(estate), "cluster.local"
    begun, _ = (
        to_clusterip(SETTING, view, domain)
        if headless_now(estate)
        else to_headless(SETTING, view, domain, None)
    )
    assert state_of(estate.kube.json_patch(PATH, begun.json_patch())) == "halfway"


def headless_now(estate: Estate) -> bool:
    return state_of(service(estate)) == "headless"


def test_one_that_helm_owns_is_refused_with_the_manifest_to_commit(
    estate: Estate, before: Json, tmp_path: Path
) -> None:
    estate.kube.merge_patch(PATH, {"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}})
    try:
        ran = estate.run("plan", "--emit-patches", str(tmp_path))
    finally:
        estate.kube.merge_patch(PATH, {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}})
    assert (ran.code, ran.codes) == (3, ["service-owned"])
    (file,) = tmp_path.rglob("*.yaml")
    assert file.relative_to(tmp_path) == Path(f"sandbox/{NAME}-service-points.yaml")
    text = file.read_text()
    assert text.startswith("# Service points of converted, owned by Helm")
    manifest = yaml.safe_load(text)
    applied = estate.kube.apply(PATH + "?dryRun=All", manifest)
    assert kept({**applied, "spec": {**applied["spec"]}})["spec"] == kept(before)["spec"]
    assert {port["port"] for port in applied["spec"]["ports"]} == {80, 8080, 8081}


def test_a_rollout_converts_it_with_the_same_uid_and_every_field(
    estate: Estate, before: Json, rolled_out: Ran
) -> None:
    after = service(estate)
    assert state_of(after) == "clusterip"
    assert kept(after) == kept(before)
    declared = {port["name"]: (port["port"], port["targetPort"]) for port in after["spec"]["ports"]}
    assert declared == {"grpc": (80, "grpc"), "grpc-pod": (8080, "grpc"), "health": (8081, 8081)}
    (conversion,) = rolled_out.cluster["conversions"]
    assert conversion["object"] == f"{NAME}/Service/points"
    assert 0 < conversion["gap_seconds"] < 5 and 0 < conversion["serving_seconds"] < 5
    judged = [verdict for verdict in rolled_out.cluster["gate"] if "headless" in verdict["wave"]]
    assert [verdict["outcome"] for verdict in judged] == ["Successful"]


@pytest.mark.exhaustive
def test_previous_makes_it_headless_again_with_every_field(
    estate: Estate, before: Json, rolled_back: Ran
) -> None:
    after = service(estate)
    assert kept(after) == kept(before)
    assert after["spec"]["ports"] == before["spec"]["ports"]
    assert after["spec"]["clusterIP"] == "None"
    assert estate.kube.get(f"{PATH}-clusterip") is None


@pytest.mark.exhaustive
def test_a_rollback_finishes_one_that_was_left_half_way(
    estate: Estate, before: Json, rolled_back: Ran
) -> None:
    """Also with no run to undo: what it was on its way to stands in its annotation."""
    left_half_way(estate)
    ran = estate.run("rollback")
    assert ran.code == 0, ran.result["errors"]
    after = service(estate)
    assert state_of(after) == "clusterip" and CONVERTING not in after["metadata"]["annotations"]
    assert kept(after) == kept(before)


@pytest.mark.exhaustive
def test_a_rollout_finishes_one_that_was_left_half_way_back(
    estate: Estate, before: Json, rolled_back: Ran
) -> None:
    left_half_way(estate)
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    after = service(estate)
    assert state_of(after) == "clusterip" and CONVERTING not in after["metadata"]["annotations"]
    assert kept(after) == kept(before)
    assert {port["port"] for port in after["spec"]["ports"]} == {80, 8080, 8081}
