"""Slice a: a workload that cannot get meshed fails in seconds, with its reason, and is freed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sandbox.support import Estate, make_estate

from meshroll_sandbox.status import Status


@pytest.fixture
def estate(sandbox: Status, tmp_path: Path, request: pytest.FixtureRequest) -> Estate:
    assert sandbox.connection
    return make_estate(sandbox.connection, "fail-" + str(abs(hash(request.node.name)) % 10_000_000), tmp_path)


def quota(estate: Estate, pods: int) -> None:
    """Pods beyond the quota are refused by the API server: FailedCreate, as a webhook or Pod Security would do it."""
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "pods", "namespace": estate.name},
        "spec": {"hard": {"pods": str(pods)}},
    }
    estate.kube.apply(f"/api/v1/namespaces/{estate.name}/resourcequotas/pods", body)


def test_pods_that_are_refused_fail_the_run_in_seconds_and_it_is_taken_back(estate: Estate) -> None:
    estate.namespace_settings(workloads=["Deployment/sessions"], injection="workloads")
    items, _ = estate.kube.list_all(f"/api/v1/namespaces/{estate.name}/pods")
    quota(estate, len(items))
    ran = estate.run("rollout")
    assert (ran.code, ran.codes) == (3, ["quota-without-room"]), "it is seen beforehand"
    ran = estate.run("rollout", "--accept", "quota-without-room")
    assert ran.code == 4, ran.result["errors"]
    assert "exceeded quota" in ran.result["errors"][0]["message"]
    assert all(pod.proxy is None for pod in estate.pods("Deployment/sessions"))


def test_a_statefulset_stuck_on_a_failed_revision_is_freed(estate: Estate) -> None:
    path = f"/apis/apps/v1/namespaces/{estate.name}/statefulsets/ledger"
    broken = {"spec": {"template": {"metadata": {
        "labels": {"sandbox.meshroll.io/fault": "crash-loop"},
        "annotations": {"linkerd.io/inject": "enabled"}}}}}  # fmt: skip
    estate.kube.merge_patch(path, broken)
    wait_for_broken(estate)
    mended = {"spec": {"template": {"metadata": {"labels": {"sandbox.meshroll.io/fault": None}}}}}
    estate.kube.merge_patch(path, mended)
    ran = estate.run("rollback")
    assert ran.code == 0, ran.result["errors"]
    assert len([pod for pod in estate.pods("StatefulSet/ledger") if pod.ready and pod.proxy is None]) == 3


def wait_for_broken(estate: Estate) -> None:
    import time

    for _ in range(60):
        if any(not pod.ready and list(pod.waiting_reasons()) for pod in estate.pods("StatefulSet/ledger")):
            return
        time.sleep(0.5)
    raise AssertionError("no pod of the StatefulSet crashed")
