"""Leaving Linkerd: refused while it is needed, then gone but for what is said; in a sandbox whose Linkerd nobody else
needs, because each test file of a worker finds it installed or installs it.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import time
from collections.abc import Iterator

import pytest
from faults.tree import kill_tree
from sandbox.support import MESHROLL, STATE, Estate, Ran, own_estate

from meshroll.adapters.certificate_dates import ADMISSION
from meshroll.adapters.kube.client import Kube
from meshroll.core.certificate_dates import WEBHOOKS

HOME = "/api/v1/namespaces/linkerd"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/servers.policy.linkerd.io"
CONTROL_PLANE, CRDS = "linkerd-control-plane", "linkerd-crds"

# It takes a sandbox of its own, from install to install, which is minutes.
pytestmark = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with own_estate("leaving", tmp_path_factory.mktemp("uninstall")) as made:
        made.namespace_settings(workloads=["Deployment/sessions-gateway"], injection="workloads")
        yield made


def releases(kube: Kube) -> set[str]:
    secrets, _ = kube.list_all(f"{HOME}/secrets", labelSelector="owner=helm")
    return {secret["metadata"]["labels"]["name"] for secret in secrets}


def webhooks(kube: Kube) -> list[str]:
    return [name for name, kind in WEBHOOKS.items() if kube.get(f"{ADMISSION}/{kind}/{name}")]


def linkerd(kube: Kube) -> set[str]:
    """All of Linkerd and of the journal that an uninstall may touch, with what tells a change of it."""
    found = {*releases(kube), *webhooks(kube)}
    for path in (
        f"{HOME}/pods",
        f"{HOME}/secrets",
        f"{HOME}/configmaps",
        "/api/v1/namespaces/meshroll/configmaps",
    ):
        found |= {f"{path}/{item['metadata']['uid']}" for item in kube.list_all(path)[0]}
    return found


def refused(estate: Estate, *codes: str) -> Ran:
    before = linkerd(estate.kube)
    ran = estate.run("uninstall")
    assert (ran.code, tuple(ran.codes)) == (3, codes), ran.result["errors"]
    assert linkerd(estate.kube) == before
    return ran


def test_it_is_refused_while_a_pod_has_a_proxy_and_says_where_and_what_to_do(estate: Estate) -> None:
    assert estate.run("rollout").code == 0
    ran = refused(estate, "still-meshed")
    (error,) = ran.result["errors"]
    assert "Deployment/sessions-gateway (2)" in error["message"]
    assert "meshroll rollback -n leaving" in error["hint"]


def test_a_namespace_is_refused_because_the_cluster_is_meant(estate: Estate) -> None:
    ran = estate.run("uninstall", "-n", estate.name)
    assert (ran.code, ran.codes) == (2, ["namespace-given"])


def test_a_check_says_what_would_go_and_changes_nothing(estate: Estate) -> None:
    assert estate.run("rollback").code == 0
    before = linkerd(estate.kube)
    ran = estate.run("uninstall", "--check")
    assert ran.code == 0, ran.result["errors"]
    removal = ran.cluster["removal"]
    assert removal["webhooks"] == list(WEBHOOKS)
    assert removal["helm_releases"] == [CONTROL_PLANE]
    assert any("Would remove" in line for line in ran.cluster["summary"])
    assert linkerd(estate.kube) == before


def test_it_removes_the_control_plane_and_leaves_what_it_names(estate: Estate) -> None:
    before = estate.fingerprint()
    ran = estate.run("uninstall")
    assert ran.code == 0, ran.result["errors"]
    assert webhooks(estate.kube) == []
    assert releases(estate.kube) == {CRDS}
    assert estate.kube.list_all(f"{HOME}/pods")[0] == []
    assert estate.kube.get(f"{HOME}/secrets/linkerd-identity-issuer") is not None
    assert estate.kube.get(CRD) is not None
    kept = " ".join(line for line in ran.cluster["summary"] if line.startswith("Left: "))
    for command in ("meshroll uninstall --crds", "kubectl delete namespace linkerd"):
        assert command in kept
    assert ran.cluster["control_plane"]["installed"] is False
    assert estate.fingerprint() == before
    assert estate.run("runs").cluster["runs"][0]["state"] == "succeeded"


def test_a_second_one_has_nothing_to_do(estate: Estate) -> None:
    before = linkerd(estate.kube)
    ran = estate.run("uninstall")
    assert ran.code == 0
    assert any("Nothing to do" in line for line in ran.cluster["summary"])
    assert linkerd(estate.kube) == before


def test_a_rollout_afterwards_installs_it_anew(estate: Estate) -> None:
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    assert ran.workload("Deployment/sessions-gateway")["meshed_pods"] == 2
    assert estate.run("rollback").code == 0


def test_killed_once_the_webhooks_are_gone_it_goes_on_and_nothing_else_begins(estate: Estate) -> None:
    estate.run("rollout")
    estate.run("rollback")
    process = subprocess.Popen(
        [str(MESHROLL), "uninstall", "-i", estate.inventory, "--output", "json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "XDG_STATE_HOME": STATE},
    )
    while webhooks(estate.kube):
        assert process.poll() is None, "it ended before its webhooks were gone"
        time.sleep(0.02)
    kill_tree(process.pid)
    process.wait()
    resumed = estate.run("resume")
    assert (resumed.code, resumed.codes) == (9, ["uninstall-unfinished"])
    assert "meshroll uninstall" in resumed.result["errors"][0]["hint"]
    assert estate.run("rollout").codes == ["uninstall-unfinished"]
    as_a_killed_helm_leaves_it(estate.kube)
    ran = estate.run("uninstall")
    assert ran.code == 0, ran.result["errors"]
    assert releases(estate.kube) == {CRDS}
    assert estate.kube.list_all(f"{HOME}/pods")[0] == []
    assert estate.run("resume").code == 0


def as_a_killed_helm_leaves_it(kube: Kube) -> None:
    """Its record says "uninstalling", and most of what it was to remove is there."""
    (secret,) = kube.list_all(f"{HOME}/secrets", labelSelector=f"owner=helm,name={CONTROL_PLANE}")[0]
    record = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    record["info"]["status"] = secret["metadata"]["labels"]["status"] = "uninstalling"
    written = base64.b64encode(gzip.compress(json.dumps(record).encode()))
    secret["data"]["release"] = base64.b64encode(written).decode()
    kube.replace(f"{HOME}/secrets/{secret['metadata']['name']}", secret)


def test_with_crds_their_resources_are_counted_and_go(estate: Estate) -> None:
    server = {
        "apiVersion": "policy.linkerd.io/v1beta3",
        "kind": "Server",
        "metadata": {"name": "all", "namespace": estate.name},
        "spec": {"podSelector": {"matchLabels": {"app": "nobody"}}, "port": 80},
    }
    path = f"/apis/policy.linkerd.io/v1beta3/namespaces/{estate.name}/servers"
    estate.kube.create(path, server)
    assert estate.run("uninstall", "--crds", "--check").cluster["removal"]["custom_resources"] == {
        "Server.policy.linkerd.io": 1
    }
    ran = estate.run("uninstall", "--crds")
    assert ran.code == 0, ran.result["errors"]
    assert any("1 Server.policy.linkerd.io" in line for line in ran.cluster["summary"])
    assert releases(estate.kube) == set()
    for _ in range(100):
        if estate.kube.get(CRD) is None:
            break
        time.sleep(0.1)
    assert estate.kube.get(CRD) is None
