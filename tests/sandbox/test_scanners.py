"""Every trap of traps.yml, on a real API server, is named by `meshroll releases --for`, and nothing is changed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from sandbox.support import REPOSITORY, Estate, apply_once_served, crd, make_estate, object_path

from meshroll.adapters.catalogue import breaking_changes, shipped
from meshroll.adapters.kube.client import Kube
from meshroll.adapters.kube.look import HTTP_ROUTE_CRD
from meshroll.core.roles import roles
from meshroll.core.scan import SCANNERS
from meshroll.core.settings import parse
from meshroll_sandbox.status import Status

TRAPS = [each for each in yaml.safe_load_all((Path(__file__).parent / "traps.yml").read_text()) if each]
SPACES = ("linkerd-scanned", "scanned", "scanned-callers")
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GATEWAY = "tcproutes.gateway.networking.k8s.io"
# Kinds of Linkerd's charts and of the Prometheus Operator: made where the cluster has none, with a schema of anything.
KINDS = {
    "ServiceProfile": ("linkerd.io", "v1alpha2"),
    "Server": ("policy.linkerd.io", "v1beta3"),
    "ExternalWorkload": ("workload.linkerd.io", "v1beta1"),
    "Link": ("multicluster.linkerd.io", "v1alpha1"),
    "PodMonitor": ("monitoring.coreos.com", "v1"),
    "TCPRoute": ("gateway.networking.k8s.io", "v1alpha2"),
}
# The cluster is too new for it.
NOT_PLANTED = {"kubernetes-1-31"}


def apply(kube: Kube, trap: dict[str, Any]) -> None:
    apply_once_served(kube, trap)
    if "status" in trap:
        kube.merge_patch(f"{object_path(trap)}/status", {"status": trap["status"]})


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    assert sandbox.connection
    folder = tmp_path_factory.mktemp("scanners")
    made = make_estate(sandbox.connection, "scanners", folder)
    kube, defined = made.kube, []
    for kind in KINDS:
        helm = {"meta.helm.sh/release-name": "linkerd-crds"} if kind == "TCPRoute" else {}
        wanted = crd(kind, *KINDS[kind], **helm)
        if kube.get(f"{CRDS}/{wanted['metadata']['name']}") is None:
            kube.apply(f"{CRDS}/{wanted['metadata']['name']}", wanted)
            defined.append(wanted["metadata"]["name"])
    for trap in TRAPS:
        apply(kube, trap)
    wait_for_addresses(kube)
    charts = folder / "charts"
    charts.mkdir()
    charts.joinpath("index.yaml").write_text(yaml.safe_dump(index()))
    # Releases of those days were not made for this Kubernetes.
    known = (REPOSITORY / "cli/meshroll/data/releases.yml").read_text()
    catalogue = folder / "releases.yml"
    catalogue.write_text(re.sub(r"^ +kubernetes_max: .*\n", "", known, flags=re.MULTILINE))
    made.settings(
        catalogue=str(catalogue),
        control_plane={"namespace": "linkerd-scanned", "chart_source": str(charts)},
    )
    try:
        yield made
    finally:
        for name in defined:
            kube.delete(f"{CRDS}/{name}")
        for trap in TRAPS:
            if trap["kind"] in ("Namespace", "Node"):
                kube.delete(object_path(trap))


def index() -> dict[str, Any]:
    """A Helm repository that has every release; archives are not asked for."""
    versions = [release.chart_version for release in shipped().releases if release.chart_version]
    return {
        "entries": {
            chart: [{"version": each, "urls": [f"{chart}-{each}.tgz"]} for each in versions]
            for chart in ("linkerd-crds", "linkerd-control-plane")
        }
    }


def wait_for_addresses(kube: Kube) -> None:
    for _ in range(120):
        pods = [pod for space in SPACES for pod in kube.list_all(f"/api/v1/namespaces/{space}/pods")[0]]
        if len(pods) == 3 and all((pod.get("status") or {}).get("podIP") for pod in pods):
            return
        time.sleep(0.25)
    raise AssertionError("the pods have no addresses after 30 s")


def hops(estate: Estate, to: str) -> list[dict[str, Any]]:
    """What is said of the way to that release, which is another one for each."""
    estate.settings(release={"channel": to})
    ran = estate.run("releases", "--for", "sandbox", "--as-of", "2026-08-24")
    assert ran.code == 0, ran.result["errors"]
    return list(ran.cluster["releases"]["hops"])


def changes(way: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for hop in way for each in hop["breaking_changes"]}


def versions(kube: Kube) -> dict[str, str]:
    """What tells a change of what was planted."""
    found = {}
    for trap in TRAPS:
        present = kube.get(object_path(trap))
        assert present is not None
        found[object_path(trap)] = f"{present['metadata']['uid']} {present['metadata'].get('generation')}"
    return found


def test_every_trap_is_named_where_it_is_and_nothing_is_changed(estate: Estate) -> None:
    before = versions(estate.kube)
    direct, far = hops(estate, "edge-25.9.4"), hops(estate, "edge-26.8.3")
    assert versions(estate.kube) == before
    # A cluster that comes past edge-25.4.4 keeps its CRDs, so only the direct way meets that change.
    found = {**changes(far), **changes(direct)}
    assert set(found) == {change.id for change in breaking_changes()}
    # The Gateway API is there once another file's tests have installed Linkerd.
    clear = NOT_PLANTED | ({"gateway-api-mandatory"} if estate.kube.get(HTTP_ROUTE_CRD) else set())
    assert {name for name in found if found[name]["state"] == "clear"} == clear
    assert {name for name in found if found[name]["state"] == "hit"} == set(SCANNERS) - clear
    assert all(hop["refused"] for hop in direct)
    # What other namespaces have is not this control plane's.
    assert {hit["namespace"] for each in found.values() for hit in each["hits"]} == {None, *SPACES}
    (cut,) = found["transport-header"]["hits"]
    assert "lets scanned-callers/Deployment/omni, scanned/Deployment/tariffs reach" in cut["message"]
    assert "reach scanned/Deployment/tariffs on 8080 and not on 4143" in cut["message"]
    (undeclared,) = found["undeclared-service-ports"]["hits"]
    assert "omni dial port 8080 of Service/tariffs, which declares 80" in undeclared["message"]
    (profiled,) = found["undeclared-service-ports-with-profiles"]["hits"]
    assert profiled["object"] == "Service/profiled", "as the ConfigMap says that omni reads"
    (deleted,) = found["gateway-api-crds-left-out"]["hits"]
    assert deleted["object"] == f"CustomResourceDefinition/{GATEWAY}"
    assert [(each["extension"], each["when"], each["command"]) for each in far[-1]["extensions"]] == [
        ("cni", "before", "linkerd install-cni | kubectl apply -f -   # with the linkerd of edge-26.8.3"),
        ("jaeger", "before", "helm uninstall jaeger -n scanned-callers"),
    ]


def test_what_is_accepted_is_told_with_its_reason_and_an_unknown_id_is_refused(estate: Estate) -> None:
    blocking = (
        "transport-header",
        "undeclared-service-ports",
        "gateway-api-crds-left-out",
        "gateway-api-mandatory",
        "kubernetes-1-31",
    )
    estate.settings(upgrade={"accept": [{"id": each, "reason": "Tried on staging."} for each in blocking]})
    (hop,) = hops(estate, "edge-25.9.4")
    assert not hop["refused"]
    told = changes([hop])["transport-header"]
    assert (told["state"], told["accepted"]) == ("accepted", "Tried on staging.")
    estate.settings(upgrade={"accept": [{"id": "transport-heder", "reason": "-"}]})
    refused = estate.run("releases", "--for", "sandbox")
    assert (refused.code, refused.codes) == (2, ["acceptance-unknown"])
    assert refused.result["errors"][0]["hint"] == "Did you mean transport-header?"
    estate.settings(upgrade={})


@pytest.mark.exhaustive
def test_the_printed_roles_are_enough_and_without_them_nothing_is_called_clear(
    estate: Estate, sandbox: Status, tmp_path: Path
) -> None:
    everything = changes(hops(estate, "edge-25.9.4"))
    assert sandbox.connection
    account = account_of(estate.kube, sandbox.connection.kubeconfig, tmp_path / "kubeconfig")
    own = {"kubeconfig": str(sandbox.connection.kubeconfig), "context": sandbox.connection.context}
    estate.settings(cluster={**own, "kubeconfig": str(account)})
    try:
        with bound(estate.kube, "runs"):
            without = changes(hops(estate, "edge-25.9.4"))
        with bound(estate.kube, "releases --for"):
            printed = changes(hops(estate, "edge-25.9.4"))
    finally:
        estate.settings(cluster=own)
    assert printed == everything
    assert without["transport-header"]["unseen"] == "this account may not read networkpolicies"
    assert without["app-protocol"]["unseen"] == "this account may not read services"
    hit = {name for name, each in everything.items() if each["state"] == "hit"}
    assert {without[name]["state"] for name in hit} == {"hit", "unseen"}


def account_of(kube: Kube, kubeconfig: Path, file: Path) -> Path:
    """A kubeconfig of a ServiceAccount that may nothing yet."""
    home = "/api/v1/namespaces/scanned/serviceaccounts"
    meta = {"name": "looker", "namespace": "scanned"}
    kube.apply(f"{home}/looker", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = kube.create(f"{home}/looker/token", request)["status"]["token"]
    config = yaml.safe_load(kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": token}
    file.write_text(yaml.safe_dump(config))
    return file


@contextmanager
def bound(kube: Kube, command: str) -> Iterator[None]:
    """The roles that `meshroll rbac` prints for ``command`` on this cluster, for the account."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    subject = {"kind": "ServiceAccount", "name": "looker", "namespace": "scanned"}
    made = []
    for item in roles(command, parse({"meshroll_control_plane": {"namespace": "linkerd-scanned"}}), subject):
        if "rbac" not in item["apiVersion"]:
            kube.apply(f"/api/v1/namespaces/{item['metadata']['name']}", item)
            continue
        home = f"/namespaces/{item['metadata']['namespace']}" if "namespace" in item["metadata"] else ""
        made.append(f"{rbac}{home}/{item['kind'].lower()}s/{item['metadata']['name']}")
        kube.apply(made[-1], item)
    assert made
    try:
        yield
    finally:
        for path in made:
            kube.delete(path)
