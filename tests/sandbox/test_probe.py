"""A probe of a Service from inside the mesh: what it proves, what it refuses, and that nothing of it is left."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox.support import MESHROLL, Estate, Ran, answered_by_pod, make_estate

from meshroll_sandbox.status import Status

ONE = {"workloads": ["Deployment/pricing"], "injection": "workloads"}

# A probe of a namespace in use is in test_one_workload.py beside this.
pytestmark = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    assert sandbox.connection
    estate = make_estate(sandbox.connection, "probed", tmp_path_factory.mktemp("probed"))
    estate.namespace_settings(**ONE)
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    return estate


@pytest.fixture(autouse=True)
def nothing_is_left(estate: Estate) -> Iterator[None]:
    before = estate.fingerprint()
    yield
    assert probes(estate, "/apis/batch/v1", "jobs") == []
    for _ in range(40):
        if not probes(estate, "/api/v1", "pods"):
            break
        time.sleep(0.25)
    assert estate.fingerprint() == before


def probes(estate: Estate, group: str, plural: str) -> list[str]:
    items, _ = estate.kube.list_all(
        f"{group}/namespaces/{estate.name}/{plural}", labelSelector="app.kubernetes.io/name=meshroll-probe"
    )
    return [item["metadata"]["name"] for item in items]


def probe(estate: Estate, target: str) -> Ran:
    return estate.run("verify", "-n", estate.name, "--probe", target)


@pytest.mark.parametrize(
    "target",
    ["tariffs", "tariffs:80", "tariffs/live"],
)
def test_a_meshed_caller_reaches_all_pods_over_one_held_connection(estate: Estate, target: str) -> None:
    ran = probe(estate, target)
    assert ran.code == 0, ran.result["errors"]
    (verdict,) = ran.cluster["gate"]
    assert verdict["outcome"] == "Successful"
    counted = answered_by_pod(verdict)
    assert set(counted) == {f"Pod/{pod.name}" for pod in estate.pods("Deployment/tariffs")}
    assert sum(counted.values()) == 100
    assert all(counted.values())
    assert "100 calls on one held connection" in verdict["summary"]


def test_people_read_what_each_pod_answered(estate: Estate) -> None:
    words = ["verify", "-i", estate.inventory, "-n", estate.name, "--probe", "tariffs"]
    done = subprocess.run([str(MESHROLL), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    for pod in estate.pods("Deployment/tariffs"):
        assert pod.name in said


@pytest.mark.parametrize(
    ("target", "exit_code", "code"),
    [
        ("localhost:8080", 2, "probe-target-outside"),
        ("127.0.0.1:8080", 2, "probe-target-outside"),
        ("::1", 2, "probe-target-outside"),
        ("example.com:80", 2, "probe-target-outside"),
        ("absent", 3, "probe-service-unknown"),
        ("voltnet-omnicharge-points", 3, "probe-service-unbalanced"),
        ("http://tariffs/", 2, "probe-target-wrong"),
        ("tariffs:8080", 3, "probe-port-undeclared"),
    ],
)
def test_what_would_prove_nothing_is_refused_with_the_reason(
    estate: Estate, target: str, exit_code: int, code: str
) -> None:
    ran = probe(estate, target)
    assert (ran.code, ran.result["status"], ran.codes) == (exit_code, "refused", [code])
    assert all(error["message"] and error["hint"] for error in ran.result["errors"])


def test_where_linkerd_is_not_installed_no_pod_would_get_a_proxy(estate: Estate) -> None:
    file = Path(estate.inventory) / "host_vars" / "sandbox" / "test.yml"
    before = file.read_text()
    estate.settings(control_plane={"namespace": "linkerd-absent"})
    ran = probe(estate, "tariffs")
    file.write_text(before)
    assert (ran.code, ran.codes) == (3, ["control-plane-missing"])


def test_a_pod_that_a_quota_refuses_is_said_at_once(estate: Estate) -> None:
    quotas = f"/api/v1/namespaces/{estate.name}/resourcequotas"
    quota = {"kind": "ResourceQuota", "metadata": {"name": "full"}, "spec": {"hard": {"pods": "1"}}}
    estate.kube.create(quotas, {"apiVersion": "v1", **quota})
    begun = time.monotonic()
    ran = probe(estate, "tariffs")
    estate.kube.delete(f"{quotas}/full")
    assert (ran.code, ran.codes) == (11, ["gate-error"])
    assert "exceeded quota" in ran.result["errors"][0]["message"]
    assert time.monotonic() - begun < 60


@pytest.fixture
def cordoned(estate: Estate) -> Iterator[None]:
    nodes = [f"/api/v1/nodes/{node['metadata']['name']}" for node in estate.kube.list_all("/api/v1/nodes")[0]]
    for node in nodes:
        estate.kube.merge_patch(node, {"spec": {"unschedulable": True}})
    yield
    for node in nodes:
        estate.kube.merge_patch(node, {"spec": {"unschedulable": None}})


@pytest.mark.usefixtures("cordoned")
def test_a_ctrl_c_removes_the_job_whose_pod_has_no_node_yet(estate: Estate) -> None:
    words = ["verify", "-i", estate.inventory, "-n", estate.name, "--probe", "tariffs"]
    child = subprocess.Popen(
        [str(MESHROLL), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        for _ in range(240):
            if probes(estate, "/api/v1", "pods"):
                break
            time.sleep(0.25)
        else:
            raise AssertionError("no pod was made in 60 s")
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=60)
        assert child.returncode == 130, said
        assert "Stopped, as asked" in said
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
