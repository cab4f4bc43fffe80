"""Inventories that `meshroll init` writes, and clusters of EKS, against a real API server and a real Helm."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from faults.proxy import Proxy
from sandbox.support import meshroll
from unit.eks.conftest import KEY, REGION, SECRET, Answer, Scripted, ec2_refused, refused, scripted

from meshroll.adapters import cluster_access, helm
from meshroll.core.errors import RollbackFailed
from meshroll.core.settings import Api, Cluster, Eks
from meshroll_sandbox.standins.kubeconfig import read_kubeconfig
from meshroll_sandbox.status import Status

__all__ = ["scripted"]
pytestmark = pytest.mark.exhaustive
ONLY_AWS = [
    word
    for row in ("eks-health", "eks-addon-version", "fargate-profile", "webhook-security-group")
    for word in ("--only", row)
]
PROD = Eks(name="prod", region=REGION)


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of nobody: what AWS says is scripted, and what it would take for a token is not asked."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@pytest.fixture
def inventory(tmp_path: Path) -> str:
    (tmp_path / "hosts.yml").write_text(
        yaml.safe_dump(
            {"all": {"hosts": {"prod": {"meshroll_cluster": {"eks": {"name": "prod", "region": REGION}}}}}}
        )
    )
    return str(tmp_path / "hosts.yml")


def described(sandbox: Status, endpoint: str | None = None) -> Answer:
    """The sandbox as EKS would describe it; ``endpoint`` where it is reached otherwise than by itself."""
    assert sandbox.connection
    (entry,) = yaml.safe_load(sandbox.connection.kubeconfig.read_text())["clusters"]
    there: dict[str, Any] = entry["cluster"]
    authority = (
        there.get("certificate-authority-data")
        or base64.b64encode(Path(there["certificate-authority"]).read_bytes()).decode()
    )
    found = {
        "name": "prod",
        "status": "ACTIVE",
        "endpoint": endpoint or there["server"],
        "certificateAuthority": {"data": authority},
    }
    return Answer(200, {"cluster": found})


def test_an_inventory_from_the_sandboxs_context_tells_how_it_stands(sandbox: Status, tmp_path: Path) -> None:
    assert sandbox.connection
    folder = str(tmp_path / "mine")
    assert meshroll("init", folder, "--kubeconfig", str(sandbox.connection.kubeconfig)).code == 0
    told = meshroll("status", "-i", folder, "-n", "charging")
    assert told.code == 0, told.result["errors"]
    assert told.cluster["name"] == sandbox.connection.context
    assert told.cluster["kubernetes_version"]


def test_a_cluster_of_eks_tells_how_it_stands(sandbox: Status, scripted: Scripted, inventory: str) -> None:
    """The proxy stands for EKS' authenticator, which turns a token into somebody whom the API server knows."""
    assert sandbox.connection
    with Proxy(*read_kubeconfig(sandbox.connection.kubeconfig)) as authenticator:
        scripted.plays(described(sandbox, authenticator.url))
        told = meshroll("status", "-i", inventory, "-n", "charging")
    assert told.code == 0, told.result["errors"]
    assert told.cluster["kubernetes_version"]


def test_what_aws_says_of_a_cluster_weighs_before_a_rollout_and_what_it_hides_is_skipped(
    sandbox: Status, scripted: Scripted, inventory: str
) -> None:
    assert sandbox.connection
    with Proxy(*read_kubeconfig(sandbox.connection.kubeconfig)) as authenticator:
        found = described(sandbox, authenticator.url).body["cluster"]
        profile = {"fargateProfileName": "all", "selectors": [{"namespace": "char*"}]}
        answers = {
            "/clusters/prod": {"cluster": {**found, "version": "1.33", "status": "UPDATING"}},
            "/clusters/prod/addons": {"addons": []},
            "/clusters/prod/fargate-profiles": {"fargateProfileNames": ["all"]},
            "/clusters/prod/fargate-profiles/all": {"fargateProfile": profile},
        }
        no = refused("AccessDeniedException", "You may not", 403)
        of_ec2 = ec2_refused("UnauthorizedOperation", "You may not")

        def script(asked: str) -> Answer:
            path = asked.partition("?")[0]
            return Answer(200, answers[path]) if path in answers else of_ec2 if path.startswith("/ ") else no

        scripted.script = script
        told = meshroll("preflight", "-i", inventory, "-n", "charging", *ONLY_AWS)
    results = {check["id"]: (check["result"], check["reason"]) for check in told.cluster["checks"]}
    denied = "AWS denies {} in eu-central-1: You may not"
    assert results["fargate-profile"] == ("block", None)
    assert results["eks-health"] == ("warn", denied.format("eks:ListNodegroups"))
    assert results["eks-addon-version"] == ("pass", None)
    assert results["webhook-security-group"][0] == "skipped"
    assert "ec2:DescribeInstances" in results["webhook-security-group"][1]
    assert (told.code, told.codes) == (3, ["fargate-profile"])


def test_a_token_that_the_cluster_does_not_know_is_refused_and_never_told(
    sandbox: Status, scripted: Scripted, inventory: str
) -> None:
    scripted.plays(described(sandbox))
    told = meshroll("status", "-i", inventory, "-n", "charging", "--debug")
    assert (told.code, told.codes) == (3, ["api-401"])
    log = Path(told.result["data"]["log_file"]).read_text()
    for text in (str(told.result), told.stderr, log):
        assert "k8s-aws-v1" not in text
        assert SECRET not in text


def test_helm_reaches_it_and_sends_the_token_that_was_written_for_it(
    sandbox: Status, scripted: Scripted, tmp_path: Path
) -> None:
    assert sandbox.connection

    def remove(answer: Answer) -> None:
        scripted.plays(answer)
        cluster = cluster_access.for_child(Cluster(eks=PROD), "run", lambda _: None, 15.0, tmp_path)
        binary = str(sandbox.connection.helm) if sandbox.connection else ""
        helm.uninstall(binary, helm.environment(tmp_path, Api()), cluster, "default", "nothing-of-this-name")

    with Proxy(*read_kubeconfig(sandbox.connection.kubeconfig)) as authenticator:
        remove(described(sandbox, authenticator.url))
        assert any("/secrets" in request.path for request in authenticator.requests)
    # The API server itself knows no token of EKS, and says so of the one that it was sent.
    with pytest.raises(RollbackFailed, match=r"provide credentials|Unauthorized"):
        remove(described(sandbox))
