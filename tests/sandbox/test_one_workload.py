"""Slice a: one workload onto the mesh, looked at, and taken back."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sandbox.support import Estate, answered_by_pod, make_estate

from meshroll.adapters.certificates import make
from meshroll.core.certificates import issuer_spec
from meshroll_sandbox.status import Status

ONE = {"workloads": ["Deployment/sessions-gateway"], "injection": "workloads"}


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    assert sandbox.connection
    estate = make_estate(sandbox.connection, "one-workload", tmp_path_factory.mktemp("one"))
    estate.namespace_settings(**ONE)
    return estate


def test_check_mode_says_what_would_change_and_changes_nothing(estate: Estate) -> None:
    before = estate.fingerprint()
    ran = estate.run("rollout", "--check")
    assert ran.code == 0, ran.result["errors"]
    assert [step["stage"] for step in ran.cluster["plan"]["steps"]] == ["wave"]
    assert estate.fingerprint() == before


def test_plan_lists_the_changes_that_the_rollout_makes(estate: Estate) -> None:
    planned = estate.run("plan").cluster["plan"]["steps"][0]["changes"]
    made = estate.run("rollout").cluster["changes"]
    assert [(row["object"], row["field"], row["after"]) for row in planned] == [
        (row["object"], row["field"], row["after"]) for row in made
    ]


def test_every_pod_of_the_workload_has_a_native_proxy_of_the_release_and_no_other_pod_has(
    estate: Estate,
) -> None:
    ran = estate.run("status")
    row = ran.workload("Deployment/sessions-gateway")
    assert (row["pods"], row["meshed_pods"], row["sidecar"]) == (2, 2, "native")
    assert row["release"] == ran.cluster["release"] == "edge-26.6.3"
    assert ran.workload("Deployment/sessions")["meshed_pods"] == 0


def test_status_says_how_long_each_certificate_of_the_mesh_lasts(estate: Estate) -> None:
    found = {row["what"]: row for row in estate.run("status").cluster["certificates"]}
    assert {what: row["state"] for what, row in found.items()} == dict.fromkeys(
        [
            "trust anchor",
            "issuer",
            "webhook linkerd-proxy-injector",
            "webhook linkerd-sp-validator",
            "webhook linkerd-policy-validator",
        ],
        "valid",
    )
    assert found["trust anchor"]["days_left"] > 3600
    assert 300 < found["issuer"]["days_left"] <= 365


def test_a_rollout_is_refused_while_the_certificate_of_a_webhook_is_over(estate: Estate) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/linkerd-sp-validator-webhook-config"
    hook = estate.kube.get(path)
    assert hook is not None
    trusted = hook["webhooks"][0]["clientConfig"]["caBundle"]
    over = make(issuer_spec("linkerd", "cluster.local"), datetime.now(UTC) - timedelta(days=400))
    bundle = base64.b64encode(over.certificate_pem.encode()).decode()
    before = estate.fingerprint()
    trust(estate, path, bundle)
    try:
        ran = estate.run("rollout")
    finally:
        trust(estate, path, trusted)
    assert (ran.code, ran.codes) == (3, ["certificate-not-valid"])
    assert "webhook linkerd-sp-validator" in ran.result["errors"][0]["message"]
    assert estate.fingerprint() == before


def test_a_probe_reaches_every_pod_of_a_service_over_one_held_connection(estate: Estate) -> None:
    before = estate.fingerprint()
    ran = estate.run("verify", "-n", estate.name, "--probe", "tariffs")
    assert ran.code == 0, ran.result["errors"]
    (verdict,) = ran.cluster["gate"]
    counted = answered_by_pod(verdict)
    assert set(counted) == {f"Pod/{pod.name}" for pod in estate.pods("Deployment/tariffs")}
    assert sum(counted.values()) == 100 and all(counted.values())
    jobs, _ = estate.kube.list_all(f"/apis/batch/v1/namespaces/{estate.name}/jobs")
    assert not [job for job in jobs if "probe" in job["metadata"]["name"]]
    assert {key for key in estate.fingerprint() if "/pods/" not in key} == {
        key for key in before if "/pods/" not in key
    }


def trust(estate: Estate, path: str, bundle: str) -> None:
    place = "/webhooks/0/clientConfig/caBundle"
    estate.kube.json_patch(path, [{"op": "replace", "path": place, "value": bundle}])


def test_the_modes_are_written_explicitly_with_equal_values(estate: Estate) -> None:
    annotations = estate.deployment("sessions-gateway")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["linkerd.io/inject"] == "enabled"
    assert annotations["config.alpha.linkerd.io/proxy-enable-native-sidecar"] == "true"
    assert annotations["config.linkerd.io/proxy-enable-native-sidecar"] == "true"
    assert "config.alpha.linkerd.io/proxy-wait-before-exit-seconds" not in annotations


def test_a_second_rollout_changes_nothing_and_says_so(estate: Estate) -> None:
    before = estate.fingerprint()
    ran = estate.run("rollout")
    assert ran.code == 0
    assert any("Nothing to do" in line for line in ran.cluster["summary"])
    assert estate.fingerprint() == before


def test_rollback_takes_the_proxy_out_and_a_second_one_changes_nothing(estate: Estate) -> None:
    ran = estate.run("rollback")
    assert ran.code == 0, ran.result["errors"]
    assert all(pod.proxy is None for pod in estate.pods("Deployment/sessions-gateway"))
    before = estate.fingerprint()
    assert estate.run("rollback").code == 0
    assert estate.fingerprint() == before


@pytest.mark.exhaustive
def test_wait_before_exit_puts_the_proxy_among_the_containers(estate: Estate) -> None:
    estate.namespace_settings(**ONE, sidecar="wait", wait_before_exit_seconds=5)
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    assert ran.workload("Deployment/sessions-gateway")["sidecar"] == "wait"
    (proxy,) = [
        container
        for container in estate.pods("Deployment/sessions-gateway")[0].manifest["spec"]["containers"]
        if container["name"] == "linkerd-proxy"
    ]
    assert proxy["lifecycle"]["preStop"]["exec"]["command"] == ["/bin/sleep", "5"]


def test_previous_puts_back_what_the_run_found(estate: Estate) -> None:
    ran = estate.run("rollback", "--to", "previous")
    assert ran.code == 0, ran.result["errors"]
    assert estate.run("status").workload("Deployment/sessions-gateway")["meshed_pods"] == 0
    annotations = estate.deployment("sessions-gateway")["spec"]["template"]["metadata"]["annotations"]
    assert not [key for key in annotations if "linkerd.io" in key]


def test_a_namespace_that_meshroll_never_touched_can_be_taken_out(sandbox: Status, tmp_path: Path) -> None:
    assert sandbox.connection
    estate = make_estate(sandbox.connection, "by-hand", tmp_path)
    inject = {"spec": {"template": {"metadata": {"annotations": {"linkerd.io/inject": "enabled"}}}}}
    estate.kube.merge_patch("/apis/apps/v1/namespaces/by-hand/deployments/sessions", inject)
    home = {"metadata": {"annotations": {"linkerd.io/inject": "enabled"}}}
    estate.kube.merge_patch("/api/v1/namespaces/by-hand", home)
    ran = estate.run("rollback")
    assert ran.code == 0, ran.result["errors"]
    assert not [pod for pod in estate.pods("Deployment/sessions") if pod.proxy]
    assert estate.variable("omni", "DIAL_MODE") == "per_request"
