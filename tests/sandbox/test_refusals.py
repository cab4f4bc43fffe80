"""Bad input: each its own code, the right exit code, and a cluster that did not change."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.support import Estate, Ran, make_estate

from meshroll.core.errors import Interrupted
from meshroll_sandbox.status import Status


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    assert sandbox.connection
    return make_estate(sandbox.connection, "refused", tmp_path_factory.mktemp("refused"))


@pytest.fixture(autouse=True)
def unchanged(estate: Estate) -> Any:
    before = estate.fingerprint()
    yield
    assert estate.fingerprint() == before
    (estate.folder / "inventory" / "host_vars" / "sandbox" / "test.yml").unlink(missing_ok=True)


def refused(ran: Ran, exit_code: int, code: str) -> None:
    assert (ran.code, ran.result["exit_code"], ran.result["status"]) == (exit_code, exit_code, "refused")
    assert code in ran.codes, ran.result["errors"]
    assert all(error["message"] and error["hint"] for error in ran.result["errors"])


@pytest.mark.parametrize(
    ("variables", "exit_code", "code"),
    [
        ({"gat": {}}, 2, "inventory-unknown-key"),
        ({"gate": {"windw_seconds": 3}}, 2, "inventory-unknown-key"),
        ({"gate": {"window_seconds": "long"}}, 2, "inventory-wrong-value"),
        ({"namespaces": "charging"}, 2, "inventory-wrong-value"),
        ({"cluster": {"kubeconfig": "/nowhere"}}, 2, "kubeconfig-unusable"),
        ({"release": {"channel": "edge-26.6.50"}}, 2, "release-not-found"),
        ({"control_plane": {"chart_source": "http://127.0.0.1:1/charts"}}, 3, "chart-source-unreachable"),
        ({"prometheus": {"url": "http://127.0.0.1:1"}}, 3, "prometheus-unreachable"),
    ],
)
def test_settings(
    estate: Estate, sandbox: Status, variables: dict[str, Any], exit_code: int, code: str
) -> None:
    assert sandbox.connection
    # Charts are looked at only where no control plane is; another file's tests may have installed one.
    absent = {**estate.control_plane, "namespace": "linkerd-absent"}
    estate.settings(**{**variables, "control_plane": {**absent, **variables.get("control_plane", {})}})
    refused(estate.run("rollout"), exit_code, code)


def test_wrong_context(estate: Estate, sandbox: Status) -> None:
    assert sandbox.connection
    estate.settings(cluster={"kubeconfig": str(sandbox.connection.kubeconfig), "context": "production"})
    refused(estate.run("rollout"), 2, "kubeconfig-unusable")


def test_unreachable_api_server(estate: Estate, sandbox: Status) -> None:
    assert sandbox.connection
    copy = estate.folder / "unreachable"
    text = sandbox.connection.kubeconfig.read_text()
    import re

    copy.write_text(re.sub(r"https://127\.0\.0\.1:\d+", "https://127.0.0.1:1", text))
    estate.settings(cluster={"kubeconfig": str(copy), "context": "sandbox"})
    refused(estate.run("rollout"), 3, "api-unreachable")


def test_missing_namespace(estate: Estate) -> None:
    refused(estate.run("rollout", "-n", "nowhere"), 3, "namespace-missing")


def test_kube_system(estate: Estate) -> None:
    refused(estate.run("rollout", "-n", "kube-system"), 3, "namespace-system")
    refused(estate.run("rollback", "-n", "kube-system"), 3, "namespace-system")


def test_missing_inventory(estate: Estate) -> None:
    from sandbox.support import meshroll

    refused(meshroll("rollout", "-i", "/nowhere"), 2, "inventory-missing")


def test_cluster_that_the_inventory_does_not_have(estate: Estate) -> None:
    assert estate.run("rollout", "--limit", "production").code == 2


def test_workload_without_replicas(estate: Estate) -> None:
    image = estate.deployment("legacy-terminal")["spec"]["template"]["spec"]["containers"][0]["image"]
    empty = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "empty", "namespace": estate.name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "empty"}},
            "template": {
                "metadata": {"labels": {"app": "empty"}},
                "spec": {"containers": [{"name": "empty", "image": image}]},
            },
        },
    }  # fmt: skip
    path = f"/apis/apps/v1/namespaces/{estate.name}/deployments/empty"
    estate.kube.apply(path, empty)
    try:
        estate.namespace_settings(
            workloads=["Deployment/empty", "Deployment/legacy-terminal", "Deployment/none"]
        )
        ran = estate.run("rollout")
        refused(ran, 3, "workload-without-replicas")
        assert {"workload-opted-out", "workload-unknown"} <= set(ran.codes), "all reasons at once"
    finally:
        estate.kube.delete(path)


def test_an_unlisted_caller_in_another_namespace_blocks_the_conversion(estate: Estate) -> None:
    estate.namespace_settings(
        services=[{"name": "tariffs"}],
        clients=[
            {
                "workload": "Deployment/pricing",
                "service": "tariffs",
                "dial": [{"env": "DIAL_MODE", "pooled": "pooled", "per_request": "per_request"}],
            }
        ],
    )
    ran = estate.run("rollout")
    refused(ran, 3, "caller-not-listed")
    assert any(
        "refused-reporting/Deployment/tariff-reports" in error["message"] for error in ran.result["errors"]
    )


def test_a_governing_service_is_not_converted(estate: Estate) -> None:
    estate.namespace_settings(services=[{"name": "ledger"}])
    refused(estate.run("rollout"), 3, "service-governs-statefulset")


def test_a_second_run_is_refused_while_one_holds_the_lock(estate: Estate) -> None:
    from meshroll.adapters.kube.lock import Lock

    lock = Lock(estate.kube, "someone@elsewhere", "20260101t000000z-aaaaaa", None)
    lock.acquire()
    try:
        ran = estate.run("rollout")
        assert ran.code == 7 and ran.result["status"] == "refused"
        assert "someone@elsewhere" in ran.result["errors"][0]["message"]
    finally:
        lock.release()


def test_a_renewal_that_arrives_after_the_release_leaves_the_cluster_free(estate: Estate) -> None:
    """The API server makes a Lease anew for a PUT that does not name the uid of the one that is gone."""
    from meshroll.adapters.kube.lock import LEASE, Lock

    class Late:
        """The release overtakes every renewal."""

        def urgent(self) -> Late:
            return self

        def __getattr__(self, name: str) -> Any:
            return getattr(estate.kube, name)

        def replace(self, path: str, body: dict[str, Any]) -> Any:
            estate.kube.delete(path)
            return estate.kube.replace(path, body)

    Lock(estate.kube, "someone@elsewhere", "20260101t000000z-aaaaaa", None).acquire()
    late = Lock(Late(), "someone@elsewhere", "20260101t000000z-aaaaaa", None)  # type: ignore[arg-type]
    with pytest.raises(Interrupted):
        late.renew()
    assert estate.kube.get(LEASE) is None
