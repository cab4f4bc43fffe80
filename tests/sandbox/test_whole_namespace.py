"""Slices b and c: the whole namespace, gated wave by wave, its Services and clients, and all the way back."""

from __future__ import annotations

import pytest
from sandbox.support import Estate, Ran, make_estate

from meshroll_sandbox.status import Status

SERVER = "Deployment/voltnet-omnicharge-points"


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    assert sandbox.connection
    return make_estate(sandbox.connection, "whole", tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def rolled_out(estate: Estate) -> Ran:
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    return ran


def test_every_workload_is_meshed_but_those_that_opt_out(estate: Estate, rolled_out: Ran) -> None:
    for workload in (
        "omni",
        "pricing",
        "tariffs",
        "sessions",
        "sessions-gateway",
        "voltnet-omnicharge-points",
    ):
        row = rolled_out.workload(f"Deployment/{workload}")
        assert row["meshed_pods"] == row["pods"] > 0, row
    assert rolled_out.workload("StatefulSet/ledger")["meshed_pods"] == 3
    assert rolled_out.workload("DaemonSet/meter-agent")["meshed_pods"] == 3
    assert rolled_out.workload("Deployment/legacy-terminal")["meshed_pods"] == 0


def test_each_wave_and_each_client_was_judged_successful(rolled_out: Ran) -> None:
    verdicts = rolled_out.cluster["gate"]
    assert len(verdicts) >= 5
    assert {verdict["outcome"] for verdict in verdicts} == {"Successful"}


def test_the_client_holds_its_connection_to_a_clusterip_service(estate: Estate, rolled_out: Ran) -> None:
    assert estate.variable("omni", "DIAL_MODE") == "pooled"
    assert "voltnet-omnicharge-points-clusterip" in estate.variable("omni", "TARGET")


def test_load_on_the_server_is_even(rolled_out: Ran) -> None:
    findings = [
        finding
        for verdict in rolled_out.cluster["gate"]
        for workload in verdict["workloads"]
        if workload["workload"] == SERVER
        for finding in workload["findings"]
        if "busiest" in finding["signal"]
    ]
    assert findings and findings[-1]["outcome"] == "Successful" and findings[-1]["value"] < 1.6


def test_the_clusterip_service_declares_the_service_port_and_the_pod_port(
    estate: Estate, rolled_out: Ran
) -> None:
    service = estate.kube.get("/api/v1/namespaces/whole/services/voltnet-omnicharge-points-clusterip")
    assert service is not None and service["spec"]["clusterIP"] != "None"
    assert {port["port"]: port["targetPort"] for port in service["spec"]["ports"]} == {80: 8080, 8080: 8080}


def test_headless_services_stay_as_they_are(estate: Estate, rolled_out: Ran) -> None:
    for name in ("voltnet-omnicharge-points", "ledger"):
        service = estate.kube.get(f"/api/v1/namespaces/whole/services/{name}")
        assert service is not None and service["spec"]["clusterIP"] == "None"


def test_the_namespace_says_inject_at_the_end(estate: Estate, rolled_out: Ran) -> None:
    home = estate.kube.get("/api/v1/namespaces/whole")
    assert home is not None and home["metadata"]["annotations"]["linkerd.io/inject"] == "enabled"


def test_a_second_identical_rollout_changes_nothing(estate: Estate, rolled_out: Ran) -> None:
    before = estate.fingerprint()
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    assert estate.fingerprint() == before


def test_verify_judges_what_is_meshed(estate: Estate, rolled_out: Ran) -> None:
    ran = estate.run("verify")
    assert ran.code == 0, ran.result["errors"]
    assert ran.cluster["gate"][-1]["outcome"] == "Successful"


def test_rollback_ends_in_the_fallback_state(estate: Estate, rolled_out: Ran) -> None:
    ran = estate.run("rollback")
    assert ran.code == 0, ran.result["errors"]
    assert_fallback(estate)


def assert_fallback(estate: Estate) -> None:
    """No proxy is left, and clients dial once per request to a ClusterIP Service."""
    items, _ = estate.kube.list_all(f"/api/v1/namespaces/{estate.name}/pods")
    names = [container["name"] for item in items if not item["metadata"].get("deletionTimestamp")
             for key in ("containers", "initContainers") for container in item["spec"].get(key) or []]  # fmt: skip
    assert "linkerd-proxy" not in names
    assert estate.variable("omni", "DIAL_MODE") == "per_request"
    assert "voltnet-omnicharge-points-clusterip" in estate.variable("omni", "TARGET")
    assert estate.variable("pricing", "DIAL_MODE") == "per_request"
    config = estate.kube.get(f"/api/v1/namespaces/{estate.name}/configmaps/sessions-gateway")
    assert config is not None and config["data"]["DIAL_MODE"] == "per_request"
    home = estate.kube.get(f"/api/v1/namespaces/{estate.name}")
    assert home is not None and "linkerd.io/inject" not in (home["metadata"].get("annotations") or {})
