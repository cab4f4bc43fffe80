"""Drills on a real API server: what they tell, whom they refuse, and that no fault is left however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3
from faults.tree import descendants, kill_tree
from sandbox.support import MESHROLL, STATE, Estate, Ran, make_estate, wait_for_past
from sandbox.test_runs import take_lease

from meshroll.core.drill.faults import LABEL
from meshroll.core.drill.model import HYPOTHESES
from meshroll.core.issuer_update import RESTARTED_AT
from meshroll.core.model import Workload
from meshroll_sandbox.status import Status

SESSIONS = "Deployment/sessions"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/meshroll/leases/meshroll"
# Killed and stopped while their fault is there: one of a workload, one of a pod, one of an object of its own.
LASTING = ("scale-up", "degraded-pod", "partition")


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    assert sandbox.connection
    made = make_estate(sandbox.connection, "drilled", tmp_path_factory.mktemp("drilled"))
    # A drill begins only where it has seen requests for some seconds, and its pods have only just become Ready.
    asked = f'sum(grpc_server_handled_total{{namespace="{made.name}"}} offset 15s) > 0'
    wait_for_past(sandbox.connection, made.kube, asked)
    return made


@pytest.fixture(autouse=True)
def nothing_is_left(estate: Estate) -> Iterator[None]:
    yield
    assert left(estate) == []
    (estate.folder / "inventory/host_vars/sandbox/test.yml").unlink(missing_ok=True)


def left(estate: Estate) -> list[str]:
    """What of faults is there."""
    home = f"/apis/networking.k8s.io/v1/namespaces/{estate.name}/networkpolicies"
    found = [item["metadata"]["name"] for item in estate.kube.list_all(home)[0]]
    if (replicas := estate.deployment("sessions")["spec"]["replicas"]) != 3:
        found.append(f"{replicas} replicas")
    for pod in estate.pods(SESSIONS):
        if LABEL in pod.manifest["metadata"]["labels"]:
            found.append(f"label of {pod.name}")
        if pod.manifest["spec"]["containers"][-1]["resources"]["limits"]["cpu"] != "200m":
            found.append(f"limit of {pod.name}")
    return found


def drill(estate: Estate, *words: str) -> Ran:
    return estate.run("drill", *words, "-n", estate.name)


@contextmanager
def drilling(
    estate: Estate, *words: str, there: Callable[[], bool] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The command at work, with one of its faults there."""
    child = subprocess.Popen(
        [str(MESHROLL), "drill", *words, "-i", estate.inventory, "-n", estate.name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": STATE},
    )
    try:
        wait_until(there or (lambda: bool(left(estate))), "no fault was made")
        yield child
    finally:
        if child.poll() is None:
            kill_tree(child.pid)
        child.wait()


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    for _ in range(240):
        if holds():
            return
        time.sleep(0.25)
    raise AssertionError(f"{otherwise} in 60 s")


def test_all_drills_of_a_namespace_are_told_in_a_table_and_leave_nothing(estate: Estate) -> None:
    ran = drill(estate, "all")
    drills = {each["scenario"]: each for each in ran.cluster["drills"]}
    assert list(drills) == list(HYPOTHESES)
    assert {each["workload"] for each in drills.values()} == {SESSIONS}
    assert all(each["measures"]["requests"] > 0 for each in drills.values()), drills
    # Dialled anew for each request, a new pod takes traffic at once; a slow one goes on getting its share.
    assert drills["scale-up"]["outcome"] == "held"
    assert drills["rolling-deploy"]["outcome"] == "held"
    # Without a proxy nobody has counted who still called the lost pod, and nothing is made up.
    assert drills["partition"]["measures"]["failed_requests"] == 0
    assert ran.code == 9, ran.result["errors"]
    assert {*ran.codes} == {"drill-inconclusive"}
    newest = estate.run("runs").cluster["runs"][0]
    assert (newest["command"], newest["state"]) == ("drill", "succeeded")


def test_a_namespace_that_nobody_has_marked_is_refused(estate: Estate) -> None:
    other = f"{estate.name}-reporting"
    before = estate.kube.list_all(f"/api/v1/namespaces/{other}/pods")[0]
    for scenario in ("all", "rollback"):
        ran = estate.run("drill", scenario, "-n", other)
        assert (ran.code, ran.codes) == (3, ["namespace-not-drillable"])
        assert f"kubectl label namespace {other}" in ran.result["errors"][0]["hint"]
    after = estate.kube.list_all(f"/api/v1/namespaces/{other}/pods")[0]
    assert [each["metadata"]["uid"] for each in after] == [each["metadata"]["uid"] for each in before]


@pytest.mark.exhaustive
@pytest.mark.parametrize("scenario", LASTING)
def test_what_a_killed_drill_has_left_is_named_and_the_next_one_takes_it_back(
    estate: Estate, scenario: str
) -> None:
    with drilling(estate, scenario) as child:
        kill_tree(child.pid)
    assert left(estate)
    resumed = estate.run("resume", "-n", estate.name)
    assert (resumed.code, resumed.codes) == (9, ["run-unfinished"])
    assert f"meshroll drill undo -n {estate.name}" in resumed.result["errors"][0]["hint"]
    rollout = estate.run("rollout", "-n", estate.name)
    assert rollout.code == 3
    assert "drill-unfinished" in rollout.codes
    undone = drill(estate, "undo")
    assert undone.code == 0, undone.result["errors"]
    assert left(estate) == []
    again = drill(estate, "undo")
    assert again.code == 0
    assert again.cluster["changes"] == []


@pytest.mark.exhaustive
def test_each_drill_first_takes_back_what_another_one_has_left(estate: Estate) -> None:
    with drilling(estate, "partition") as child:
        kill_tree(child.pid)
    ran = drill(estate, "scale-up")
    assert ran.code == 0, ran.result["errors"]
    assert left(estate) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("scenario", LASTING)
def test_a_ctrl_c_takes_the_fault_back(estate: Estate, scenario: str) -> None:
    with drilling(estate, scenario) as child:
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=60)
    assert child.returncode == 130, said
    assert left(estate) == []
    assert estate.run("resume", "-n", estate.name).code == 0


@pytest.mark.exhaustive
def test_when_its_process_dies_the_playbook_takes_the_fault_back(estate: Estate) -> None:
    with drilling(estate, "partition") as child:
        (worker,) = [pid for pid in descendants(child.pid) if is_worker(pid)]
        os.kill(worker, signal.SIGKILL)
        said, _ = child.communicate(timeout=120)
    assert child.returncode == 4, said
    assert left(estate) == []
    newest = estate.run("runs").cluster["runs"][0]
    assert (newest["state"], newest["pending"]) == ("rolled_back", [])


def is_worker(pid: int) -> bool:
    """Ansible's, which has a group of its own and the command line of its parent."""
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    there = [Path(f"/proc/{each}/cmdline").read_text() for each in (pid, parent)]
    return "playbook" in there[0] and there[0] == there[1]


@pytest.mark.exhaustive
def test_a_rolling_deploy_that_is_broken_off_goes_back_to_the_pods_of_before(estate: Estate) -> None:
    path = f"/apis/apps/v1/namespaces/{estate.name}/deployments/sessions"

    def each_pod_takes(seconds: int) -> None:
        estate.kube.merge_patch(path, {"spec": {"minReadySeconds": seconds}})
        wait_until(lambda: at_rest(estate), "sessions is not at rest")

    each_pod_takes(15)
    try:
        before, pods = restarted_at(estate), {pod.uid for pod in estate.pods(SESSIONS)}
        with drilling(estate, "rolling-deploy", there=lambda: restarted_at(estate) != before) as child:
            kill_tree(child.pid)
        undone = drill(estate, "undo")
        assert undone.code == 0, undone.result["errors"]
        assert restarted_at(estate) == before
    finally:
        each_pod_takes(0)
    assert pods & {pod.uid for pod in estate.pods(SESSIONS)}


def at_rest(estate: Estate) -> bool:
    return Workload(estate.deployment("sessions")).rolled


def restarted_at(estate: Estate) -> str | None:
    annotations = estate.deployment("sessions")["spec"]["template"]["metadata"].get("annotations") or {}
    found: str | None = annotations.get(RESTARTED_AT)
    return found


@pytest.mark.exhaustive
def test_a_cpu_limit_of_whole_cores_comes_back(estate: Estate) -> None:
    """The API server writes a tenth of 10 cores as ``1``, whatever it is told."""
    path = f"/apis/apps/v1/namespaces/{estate.name}/deployments/sessions"

    def limit(cpu: str) -> None:
        (container,) = estate.deployment("sessions")["spec"]["template"]["spec"]["containers"]
        container["resources"]["limits"]["cpu"] = cpu
        estate.kube.merge_patch(path, {"spec": {"template": {"spec": {"containers": [container]}}}})
        wait_until(lambda: at_rest(estate) and limits(estate) == {cpu}, f"not every pod has {cpu}")

    limit("10")
    try:
        ran = drill(estate, "degraded-pod")
        assert ran.code in (0, 9), ran.result["errors"]
        assert ran.cluster["drills"][0]["seconds"] > 0
        assert limits(estate) == {"10"}
    finally:
        limit("200m")


def limits(estate: Estate) -> set[str]:
    return {
        pod.manifest["spec"]["containers"][-1]["resources"]["limits"]["cpu"] for pod in estate.pods(SESSIONS)
    }


@pytest.mark.exhaustive
def test_a_fault_that_a_policy_of_the_cluster_forbids_ends_its_scenario_and_not_the_run(
    estate: Estate,
) -> None:
    policies = "/apis/admissionregistration.k8s.io/v1"
    name = f"{estate.name}-no-policies"
    rule = {
        "apiGroups": ["networking.k8s.io"],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["networkpolicies"],
    }
    estate.kube.create(
        f"{policies}/validatingadmissionpolicies",
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [rule]},
                "validations": [{"expression": "false", "message": "no policies here"}],
            },
        },
    )
    estate.kube.create(
        f"{policies}/validatingadmissionpolicybindings",
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {
                "policyName": name,
                "validationActions": ["Deny"],
                "matchResources": {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": estate.name}}
                },
            },
        },
    )
    try:
        time.sleep(5)  # the API server takes it up by and by
        ran = drill(estate, "partition")
    finally:
        estate.kube.delete(f"{policies}/validatingadmissionpolicybindings/{name}")
        estate.kube.delete(f"{policies}/validatingadmissionpolicies/{name}")
    (told,) = ran.cluster["drills"]
    assert (ran.code, told["outcome"]) == (9, "inconclusive"), ran.result["errors"]
    assert "the fault was refused" in told["why"]


@pytest.mark.exhaustive
def test_with_callers_in_a_namespace_that_nobody_has_marked_it_is_refused(estate: Estate) -> None:
    ran = drill(estate, "pod-crash", "--workload", "Deployment/tariffs")
    assert (ran.code, ran.codes) == (3, ["caller-not-drillable"])
    assert f"{estate.name}-reporting/" in ran.result["errors"][0]["message"]


@pytest.mark.exhaustive
def test_several_clusters_are_refused(estate: Estate) -> None:
    hosts = estate.folder / "inventory/hosts.yml"
    one = hosts.read_text()
    hosts.write_text("all: {hosts: {sandbox: {}, other: {}}}\n")
    try:
        for scenario in ("pod-crash", "rollback", "undo"):
            ran = drill(estate, scenario)
            assert ran.code == 2
            assert "cluster-not-given" in ran.codes
    finally:
        hosts.write_text(one)


@contextmanager
def prometheus_that_fails(target: str, fails: Callable[[], bool]) -> Iterator[str]:
    """A way to the real one that answers 503 once ``fails``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if fails():
                self.send_error(503)
                return
            body = urllib3.request("GET", f"{target}{self.path}").data
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.exhaustive
def test_a_prometheus_that_fails_midway_ends_the_drill_and_not_its_cleaning_up(
    estate: Estate, sandbox: Status
) -> None:
    assert sandbox.connection
    with prometheus_that_fails(sandbox.connection.prometheus_url, lambda: bool(left(estate))) as url:
        estate.settings(prometheus={"url": url, "scrape": "existing", "scrape_interval_seconds": 1})
        ran = drill(estate, "partition")
    (told,) = ran.cluster["drills"]
    assert (ran.code, told["outcome"]) == (10, "aborted")
    assert "could not be measured any more" in told["why"]


@pytest.mark.exhaustive
def test_what_somebody_else_changed_meanwhile_is_shown_and_left(estate: Estate) -> None:
    path = f"/apis/apps/v1/namespaces/{estate.name}/deployments/sessions"
    with drilling(estate, "scale-up") as child:
        estate.kube.merge_patch(path, {"spec": {"replicas": 5}})
        said, _ = child.communicate(timeout=120)
    assert child.returncode == 8, said
    assert left(estate) == ["5 replicas"]
    estate.kube.merge_patch(path, {"spec": {"replicas": 3}})
    wait_until(lambda: len(estate.pods(SESSIONS)) == 3, "sessions has not three pods")


@pytest.mark.exhaustive
def test_while_another_run_is_at_work_nothing_is_drilled(estate: Estate) -> None:
    take_lease(estate.kube, "ann@laptop/20260101t000000z-abc123")
    try:
        ran = drill(estate, "pod-crash")
    finally:
        estate.kube.delete(LEASE)
    assert (ran.code, ran.codes) == (7, ["locked"])


@pytest.mark.exhaustive
def test_a_workload_that_cannot_be_drilled_is_refused_with_the_reason(estate: Estate) -> None:
    for workload, reason in {
        "Deployment/pricing": "has 1 pods",
        "Deployment/omni": "is behind no Service",
        "StatefulSet/ledger": "is no Deployment",
        "Deployment/absent": "There is no",
    }.items():
        ran = drill(estate, "pod-crash", "--workload", workload)
        assert (ran.code, ran.codes) == (3, ["workload-not-drillable"])
        assert reason in ran.result["errors"][0]["message"]


@pytest.mark.exhaustive
def test_where_nothing_enforces_policies_a_partition_is_skipped(estate: Estate) -> None:
    path = "/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node"
    found: Any = estate.kube.get(path)
    containers = found["spec"]["template"]["spec"]["containers"]

    def enforce(whether: str) -> None:
        containers[1]["args"] = [f"--enable-network-policy={whether}"]
        estate.kube.merge_patch(path, {"spec": {"template": {"spec": {"containers": containers}}}})

    enforce("false")
    try:
        ran = drill(estate, "partition")
    finally:
        enforce("true")
    (told,) = ran.cluster["drills"]
    assert (ran.code, told["outcome"]) == (0, "skipped")
    assert "enforce NetworkPolicies" in told["why"]


# The last ones: from here on the namespace is on the mesh, but for what balances over a headless Service, whose client
# is blind for a while once the servers restart.
TAKEN = [SESSIONS, *(f"Deployment/{name}" for name in ("sessions-gateway", "pricing", "tariffs"))]
ON_THE_MESH = {"workloads": TAKEN, "injection": "workloads", "waves": [{"share": 1.0}]}


@pytest.mark.exhaustive
def test_a_rollback_is_rehearsed_and_leaves_the_namespace_as_it_was(estate: Estate) -> None:
    estate.namespace_settings(**ON_THE_MESH)
    ran = drill(estate, "rollback")
    assert ran.code == 0, ran.result["errors"]
    assert [part["command"] for part in ran.cluster["rehearsal"]] == ["rollout", "rollback"]
    assert not any(pod.proxy for pod in estate.pods(SESSIONS))
    assert estate.run("rollout").code == 0
    ran = drill(estate, "rollback")
    assert ran.code == 0, ran.result["errors"]
    assert [part["command"] for part in ran.cluster["rehearsal"]] == ["rollback", "rollout"]
    assert all(part["seconds"] > 0 for part in ran.cluster["rehearsal"])
    assert all(pod.proxy for pod in estate.pods(SESSIONS))


@pytest.mark.exhaustive
def test_on_the_mesh_every_hypothesis_holds(estate: Estate) -> None:
    estate.namespace_settings(**ON_THE_MESH)
    assert estate.run("rollout").code == 0
    ran = drill(estate, "all")
    assert ran.code == 0, ran.result["errors"]
    assert {each["outcome"] for each in ran.cluster["drills"]} == {"held"}
