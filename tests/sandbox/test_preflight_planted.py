"""Every check that a manifest can set off is set off on a real API server, with Linkerd installed and without."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sandbox.support import Estate, Ran, apply_once_served, crd, object_path, own_estate

pytestmark = pytest.mark.exhaustive
TRAPS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "planted.yml").read_text())
CHECK = """#!/bin/sh
echo '{"success": false, "categories": [{"categoryName": "linkerd-config", "checks": [
  {"description": "control plane ClusterRoles exist", "result": "error", "error": "missing ClusterRoles", "hint": "x"}
]}]}'
exit 1
"""


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with own_estate("planted", tmp_path_factory.mktemp("planted")) as estate:
        estate.namespace_settings()
        yield estate


def named(ran: Ran) -> set[tuple[str, str | None]]:
    return {
        (check["id"], finding["object"]) for check in ran.cluster["checks"] for finding in check["findings"]
    }


def test_each_planted_trap_is_named_and_no_other(estate: Estate) -> None:
    clean = named(estate.run("preflight"))
    defined = crd("SecurityGroupPolicy", "vpcresources.k8s.aws", "v1beta1")
    estate.kube.apply(object_path(defined), defined)
    for trap in TRAPS:
        if "manifest" in trap:
            text = yaml.safe_dump(trap["manifest"]).replace("NAMESPACE", estate.name)
            apply_once_served(estate.kube, yaml.safe_load(text))
    ran = estate.run("preflight")
    assert named(ran) - clean - OF_PODS == {(trap["trap"], trap["object"]) for trap in TRAPS}
    assert ran.code == 3


# The planted pod is not Ready at once, and calls what the others call.
OF_PODS = {("workload-degraded", "Deployment/resolver"), ("client-side-balancing", "Deployment/resolver")}


def test_a_control_plane_that_does_not_stand_well_is_named(estate: Estate, tmp_path: Path) -> None:
    home = "linkerd"
    assert estate.run("preflight", "--only", "kube-proxy-missing").code == 0
    estate.kube.delete("/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy")
    assert named(estate.run("preflight", "--only", "kube-proxy-missing")) == {("kube-proxy-missing", None)}

    accepted = [{"id": each, "reason": "Planted."} for each in ("socket-load-balancer", "workload-degraded")]
    estate.settings(checks={"accept": accepted}, control_plane={**estate.control_plane, "profile": "default"})
    estate.namespace_settings(workloads=["Deployment/pricing"])
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    only = ("control-plane-single", "injector-lets-pods-by", "injector-blocks-pods", "control-plane-not-up")
    asked = [word for each in only for word in ("--only", each)]
    found = named(estate.run("preflight", *asked))
    assert {check for check, _ in found} == {"control-plane-single", "injector-lets-pods-by"}

    webhooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    path = f"{webhooks}/linkerd-proxy-injector-webhook-config"
    estate.kube.json_patch(path, [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}])
    deployments = f"/apis/apps/v1/namespaces/{home}/deployments"
    broken = {"spec": {"template": {"metadata": {"labels": {"sandbox.meshroll.io/fault": "never-ready"}}}}}
    estate.kube.merge_patch(f"{deployments}/linkerd-identity", broken)
    found = named(estate.run("preflight", *asked))
    assert ("injector-blocks-pods", None) in found
    assert ("control-plane-not-up", "Deployment/linkerd-identity") in found

    (record, *_), _ = estate.kube.list_all(f"/api/v1/namespaces/{home}/secrets", labelSelector="owner=helm")
    name = record["metadata"]["name"]
    estate.kube.merge_patch(
        f"/api/v1/namespaces/{home}/secrets/{name}", {"metadata": {"labels": {"status": "pending-upgrade"}}}
    )
    assert named(estate.run("preflight", "--only", "helm-unfinished")) == {("helm-unfinished", None)}

    command = tmp_path / "linkerd"
    command.write_text(CHECK)
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    path_variable = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    ran = estate.run("preflight", "--only", "linkerd-check", environment=path_variable)
    (check,) = ran.cluster["checks"]
    assert check["findings"][0]["message"] == (
        "linkerd-config: control plane ClusterRoles exist: missing ClusterRoles"
    )


def test_networks_and_iptables_go_by_the_values_that_an_install_would_get(estate: Estate) -> None:
    values = {"clusterNetworks": "192.168.0.0/16", "proxyInit": {"iptablesMode": "legacy"}}
    estate.settings(control_plane={**estate.control_plane, "namespace": "linkerd-else", "values": values})
    ran = estate.run("preflight", "--only", "cluster-networks", "--only", "iptables-mode")
    assert {check for check, _ in named(ran)} == {"cluster-networks", "iptables-mode"}
