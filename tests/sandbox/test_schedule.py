"""The printed CronJob is one to a real API server, and its account may do what the job does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from sandbox.support import Estate, make_estate, object_path

from meshroll_sandbox.status import Status

ACCOUNT = "upgrader"


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    assert sandbox.connection
    estate = make_estate(sandbox.connection, "schedule", tmp_path_factory.mktemp("schedule"))
    estate.namespace_settings(workloads=["Deployment/sessions-gateway"])
    return estate


def test_the_api_server_takes_every_object_and_the_account_looks_whether_an_upgrade_is_due(
    sandbox: Status, estate: Estate, tmp_path: Path
) -> None:
    assert sandbox.connection
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    estate.settings(cluster={})
    words = ("--as", "cronjob", "--image", "meshroll", "--job-namespace", estate.name, "--account", ACCOUNT)
    ran = estate.run("schedule", *words)
    assert ran.code == 0, ran.result["errors"]
    objects: list[dict[str, Any]] = list(yaml.safe_load_all(ran.result["data"]["job"]))
    (cronjob,) = [each for each in objects if each["kind"] == "CronJob"]
    home = f"/apis/batch/v1/namespaces/{estate.name}/cronjobs"
    taken = estate.kube.create(home, cronjob, dryRun="All")
    assert taken["spec"]["timeZone"] == "UTC"
    for each in objects:
        if each is not cronjob:
            estate.kube.apply(object_path(each), each)

    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    accounts = f"/api/v1/namespaces/{estate.name}/serviceaccounts"
    token = estate.kube.create(f"{accounts}/{ACCOUNT}/token", request)["status"]["token"]
    config = yaml.safe_load(Path(sandbox.connection.kubeconfig).read_text())
    config["users"][0]["user"] = {"token": token}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    estate.settings(cluster={"kubeconfig": str(tmp_path / "kubeconfig"), "context": "sandbox"})
    before = estate.fingerprint()
    ran = estate.run("upgrade", "--scheduled")
    assert (ran.code, ran.result["errors"]) == (0, [])
    assert ran.cluster["upgrade"]["hops"] == []
    assert estate.fingerprint() == before
