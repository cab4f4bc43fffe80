"""Installing the control plane on a real API server, from nothing; in a sandbox of its own, as it begins without."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshroll.adapters import install
from meshroll.adapters.kube.client import Kube
from meshroll.core import settings as inventory
from meshroll.core.control_plane import INSTALLING
from meshroll.core.errors import Refused
from meshroll.core.identity import secret_value
from meshroll.core.releases import Edge
from meshroll_sandbox.cluster import down, up
from meshroll_sandbox.status import Connection

pytestmark = pytest.mark.exhaustive

REPOSITORY = Path(__file__).parents[2]
EDGE = Edge(26, 6, 3)
PLAYBOOK = """
- hosts: all
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: meshroll.linkerd.control_plane}
      vars: {control_plane_release: edge-26.6.3}
"""


@dataclass(frozen=True)
class Cluster:
    """A sandbox without a control plane, and its inventory."""

    connection: Connection
    kube: Kube
    folder: Path

    def variables(self, **over: Any) -> dict[str, Any]:
        """The inventory's ``meshroll_*`` variables, with ``over`` laid on them."""
        file = self.folder / "inventory" / "host_vars" / "sandbox" / "connection.yml"
        return {
            **yaml.safe_load(file.read_text()),
            **{f"meshroll_{key}": value for key, value in over.items()},
        }

    def role(self, *arguments: str, **over: Any) -> tuple[int, dict[str, Any]]:
        """Runs the role by itself; ansible's exit code, and each task's last result by name."""
        playbook = self.folder / "play.yml"
        playbook.write_text(PLAYBOOK)
        ran = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "ansible-playbook"), str(playbook), "-i", self.inventory),
                *("-e", json.dumps(self.variables(**over)), *arguments),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env={**_ENVIRONMENT, "HOME": str(self.folder)},
        )
        (self.folder / "output.txt").write_text(ran.stdout + ran.stderr)
        document = json.loads(ran.stdout[ran.stdout.index("{\n") :])
        tasks = document["plays"][0]["tasks"]
        return ran.returncode, {task["task"]["name"]: task["hosts"]["sandbox"] for task in tasks}

    @property
    def inventory(self) -> str:
        return str(self.folder / "inventory")

    def plan(self, **over: Any) -> install.Install:
        settings = inventory.parse(self.variables(**over))
        target = self.folder / "plan"
        target.mkdir(exist_ok=True)
        return install.plan(install.see(self.kube, "linkerd"), settings, EDGE, target, datetime.now(UTC))

    def everything(self) -> dict[str, str]:
        """The resourceVersion of every object that an install may touch (leases and the estate move on their own)."""
        paths = ["/api/v1/namespaces", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"]
        paths += [f"/api/v1/namespaces/linkerd/{kind}" for kind in ("secrets", "configmaps", "services")]
        paths += ["/apis/apps/v1/namespaces/linkerd/deployments"]
        paths += ["/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"]
        return {
            f"{path}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
            for path in paths
            for item in self.kube.list_all(path)[0]
        }


_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"),
}
_PREPARE = (
    "meshroll.linkerd.control_plane : Prepare namespace, Gateway API and identity, and fetch the charts"
)
_EXPLAIN = "meshroll.linkerd.control_plane : Say what failed, what is there, and how to go on"
_PROVE = "meshroll.linkerd.control_plane : Prove that it is up and that its webhook answers"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("absent")
    try:
        connection = up(folder / "sandbox", lambda _: None).connection
        assert connection
        shutil.copytree(connection.inventory, folder / "inventory")
        yield Cluster(connection, Kube.connect(str(connection.kubeconfig), connection.context), folder)
    finally:
        down(folder / "sandbox", lambda _: None)


def key_file(cluster: Cluster) -> Path:
    return Path(cluster.variables()["meshroll_certificates"]["anchor_key_file"])


def test_all_that_stands_in_the_way_is_told_at_once_and_nothing_changes(cluster: Cluster) -> None:
    before = cluster.everything()
    with pytest.raises(Refused) as refused:
        cluster.plan(
            gateway_api={},
            certificates={},
            control_plane={
                "chart_source": "http://127.0.0.1:1/charts",
                "helm_binary": "/nowhere/helm",
                "values": {"identity": {"issuer": {"tls": {"keyPEM": "k"}}}},
            },
        )
    assert {problem.code for problem in refused.value.problems} == {
        "helm-missing",
        "chart-source-unreachable",
        "gateway-api-absent",
        "anchor-key-file-not-given",
        "values-key",
    }
    assert cluster.everything() == before


def test_a_refusal_reaches_the_playbook_as_a_result(cluster: Cluster) -> None:
    before = cluster.everything()
    code, tasks = cluster.role(gateway_api={"file": "/nowhere/standard-install.yaml"})
    assert code != 0
    assert tasks[_PREPARE]["meshroll"]["exit_code"] == 3
    assert tasks[_PREPARE]["meshroll"]["problems"][0]["code"] == "gateway-api-file"
    assert cluster.everything() == before
    assert not key_file(cluster).exists()


def test_check_mode_says_all_and_changes_nothing(cluster: Cluster) -> None:
    before = cluster.everything()
    code, tasks = cluster.role("--check")
    assert code == 0
    made = [row["object"] for row in tasks[_PREPARE]["changes"]]
    assert made[0] == "Namespace/linkerd"
    assert made[-2:] == ["linkerd/HelmRelease/linkerd-crds", "linkerd/HelmRelease/linkerd-control-plane"]
    assert cluster.everything() == before
    assert not key_file(cluster).exists()


def test_an_install_that_fails_midway_says_what_is_there(cluster: Cluster, tmp_path: Path) -> None:
    code, tasks = cluster.role(control_plane=broken_charts(cluster, tmp_path))
    assert code != 0
    (problem,) = tasks[_EXPLAIN]["meshroll"]["problems"]
    assert problem["code"] == "helm-failed"
    assert "chart linkerd-control-plane (failed)" in problem["hint"]
    assert key_file(cluster).exists()


def test_the_same_command_goes_on_from_there(cluster: Cluster) -> None:
    anchor_key = key_file(cluster).read_bytes()
    issuer = cluster.kube.get("/api/v1/namespaces/linkerd/secrets/linkerd-identity-issuer")
    code, tasks = cluster.role()
    assert code == 0, (cluster.folder / "output.txt").read_text()
    assert tasks[_PROVE]["webhook"] == "answers"
    assert tasks[_PROVE]["injectors_ready"] == 3
    assert key_file(cluster).read_bytes() == anchor_key
    kept = cluster.kube.get("/api/v1/namespaces/linkerd/secrets/linkerd-identity-issuer")
    assert kept == issuer
    seen = install.see(cluster.kube, "linkerd")
    assert seen.installed
    assert {release.status for release in seen.helm.values()} == {"deployed"}


def test_the_namespace_and_the_webhook_are_as_linkerd_and_the_profile_want_them(cluster: Cluster) -> None:
    namespace = cluster.kube.get("/api/v1/namespaces/linkerd")
    assert namespace
    assert namespace["metadata"]["labels"]["config.linkerd.io/admission-webhooks"] == "disabled"
    assert namespace["metadata"]["labels"]["linkerd.io/is-control-plane"] == "true"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert INSTALLING not in namespace["metadata"]["annotations"]
    webhook = cluster.kube.get(
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/"
        "linkerd-proxy-injector-webhook-config"
    )
    assert webhook
    assert webhook["webhooks"][0]["failurePolicy"] == "Fail"


def test_the_anchor_key_is_in_its_file_only(cluster: Cluster) -> None:
    file = key_file(cluster)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (line, *_) = [line for line in file.read_text().splitlines() if "-----" not in line]
    assert line not in _all_text(cluster)
    assert line not in (cluster.folder / "output.txt").read_text()


def test_the_issuers_key_is_in_its_secret_only(cluster: Cluster) -> None:
    secret = cluster.kube.get("/api/v1/namespaces/linkerd/secrets/linkerd-identity-issuer")
    assert secret
    key = secret_value(secret, "tls.key") or ""
    (line, *_) = [line for line in key.splitlines() if "-----" not in line]
    assert line not in _all_text(cluster, but="linkerd-identity-issuer")
    assert line not in (cluster.folder / "output.txt").read_text()
    assert b"PRIVATE KEY" not in helm_values(cluster.connection)


def test_a_control_plane_that_is_there_is_left_alone(cluster: Cluster) -> None:
    before = cluster.everything()
    code, tasks = cluster.role()
    assert code == 0
    assert tasks[_PREPARE]["changed"] is False
    assert tasks[_PREPARE]["install"] is False
    assert cluster.everything() == before


def test_an_issuer_that_does_not_fit_is_refused_and_not_replaced(cluster: Cluster) -> None:
    with pytest.raises(Refused) as refused:
        cluster.plan(control_plane={**_own(cluster), "values": {"identityTrustDomain": "other.example"}})
    assert "certificates-unusable" in {problem.code for problem in refused.value.problems}


def broken_charts(cluster: Cluster, folder: Path) -> dict[str, Any]:
    """The sandbox's charts as a folder, with an object in the control plane's that the API server refuses."""
    helm = str(cluster.connection.helm)
    for chart in ("linkerd-crds", "linkerd-control-plane"):
        pull = [
            helm,
            "pull",
            chart,
            "--repo",
            cluster.connection.chart_source,
            "--version",
            EDGE.chart_version,
        ]
        subprocess.run([*pull, "--untar", "--untardir", str(folder)], check=True, capture_output=True)
        bad = folder / chart / "templates" / "zz-broken.yaml"
        if chart == "linkerd-control-plane":
            bad.write_text("apiVersion: v1\nkind: Service\nmetadata: {name: NotAName}\nspec: {}\n")
        subprocess.run(
            [helm, "package", str(folder / chart), "-d", str(folder)], check=True, capture_output=True
        )
        shutil.rmtree(folder / chart)
    subprocess.run([helm, "repo", "index", str(folder)], check=True, capture_output=True)
    return {**_own(cluster), "chart_source": str(folder)}


def _own(cluster: Cluster) -> dict[str, Any]:
    return dict(cluster.variables()["meshroll_control_plane"])


def helm_values(connection: Connection) -> bytes:
    """Helm's values of the control plane, as `helm get values` gives them."""
    return subprocess.run(
        [str(connection.helm), "get", "values", "linkerd-control-plane", "-n", "linkerd", "-o", "yaml"],
        check=True,
        capture_output=True,
        env={"KUBECONFIG": str(connection.kubeconfig), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    ).stdout


def _all_text(cluster: Cluster, but: str = "") -> str:
    """Every Secret and ConfigMap of the cluster, decoded, Helm's records unpacked."""
    found = []
    for kind in ("secrets", "configmaps"):
        for item in cluster.kube.list_all(f"/api/v1/{kind}")[0]:
            if item["metadata"]["name"] == but:
                continue
            found.append(json.dumps(item))
            for value in (item.get("data") or {}).values():
                if kind == "secrets":
                    decoded = base64.b64decode(value)
                    if item["type"] == "helm.sh/release.v1":
                        decoded = gzip.decompress(base64.b64decode(decoded))
                    found.append(decoded.decode(errors="replace"))
    return "\n".join(found)
