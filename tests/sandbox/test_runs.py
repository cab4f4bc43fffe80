"""What runs leave in the journal, going back to one of them, somebody else's change, and the lock."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
import yaml
from sandbox.support import STATE, Estate, make_estate, wait_for_past

from meshroll.adapters.kube.client import Kube
from meshroll_sandbox.status import Status

ONE = {"workloads": ["Deployment/sessions-gateway"], "injection": "workloads"}
INJECT = "linkerd.io/inject"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/meshroll/leases"


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    assert sandbox.connection
    estate = make_estate(sandbox.connection, "runs", tmp_path_factory.mktemp("runs"))
    estate.namespace_settings(**ONE)
    # A report shows the load of each pod before, which is told from some seconds of it.
    asked = f'container_network_receive_bytes_total{{namespace="{estate.name}",pod=~"sessions-gateway.*"}} offset 15s'
    wait_for_past(sandbox.connection, estate.kube, f"count({asked}) >= 2")
    return estate


@pytest.fixture(scope="module")
def rolled_out(estate: Estate) -> str:
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    return str(ran.result["run_id"])


def test_a_run_is_shown_with_each_change_and_the_versions_around_it(estate: Estate, rolled_out: str) -> None:
    ran = estate.run("runs", "show", rolled_out)
    assert ran.code == 0
    run = ran.cluster["run"]
    assert (run["run_id"], run["state"], run["namespaces"]) == (rolled_out, "succeeded", ["runs"])
    change = next(row for row in run["changes"] if row["field"].endswith("linkerd.io~1inject"))
    assert (change["object"], change["before"], change["after"]) == (
        "runs/Deployment/sessions-gateway",
        None,
        "enabled",
    )
    assert int(change["resource_version_before"]) < int(change["resource_version_after"])
    assert estate.run("runs", "show", "1999").codes == ["run-unknown"]


def test_a_report_of_a_run_is_one_file_that_says_how_to_undo_it(
    estate: Estate, rolled_out: str, tmp_path: Path
) -> None:
    before = estate.fingerprint()
    page = tmp_path / "page.html"
    ran = estate.run("report", rolled_out[:20], "--output-file", str(page))
    assert (ran.code, ran.result["data"]["report_file"]) == (0, str(page)), ran.result["errors"]
    report = ran.cluster["report"]
    assert (report["verdict"], report["good"], report["undo"]) == ("Kept", True, "meshroll rollback -n runs")
    (gateway,) = report["workloads"]
    assert (gateway["workload"], gateway["proxies"]["pods"]) == ("Deployment/sessions-gateway", 2)
    assert gateway["plots"] and gateway["load_before"] and gateway["load_after"]
    assert {"restarting", "settling", "gate"} == {span["kind"] for span in report["spans"]}
    text = page.read_text()
    assert "✓ Kept" in text and "</svg>" in text and "What the proxies cost" in text
    assert f"meshroll rollback -i {estate.inventory} -n runs" in text
    assert estate.run("report", "1999", "--output-file", str(page)).codes == ["run-unknown"]
    assert estate.fingerprint() == before


def test_a_bundle_of_a_run_has_what_a_colleague_needs_and_none_of_the_secrets_that_are_about(
    estate: Estate, rolled_out: str, tmp_path: Path
) -> None:
    path, log = tmp_path / "bundle.tar.gz", tmp_path / "log"
    log.write_text("fatal: [sandbox] password=PLANTED in a task\n")
    estate.settings(
        notifications=[{"url": "https://hooks.slack.com/services/T0/B0/PLANTED", "events": ["overdue"]}],
        control_plane={**estate.control_plane, "values": {"registrySecret": "PLANTED"}},
    )
    before = estate.fingerprint()
    ran = estate.run("bundle", rolled_out[:20], "--output-file", str(path), "--log", str(log))
    assert (ran.code, ran.result["data"]["bundle_file"]) == (0, str(path)), ran.result["errors"]
    with tarfile.open(path) as archive:
        names = [member.name.split("/") for member in archive.getmembers()]
        texts = {
            name: read.read().decode()
            for _, name in names
            if (read := archive.extractfile(f"meshroll-{rolled_out}/{name}"))
        }
    assert {folder for folder, _ in names} == {f"meshroll-{rolled_out}"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(texts["run.json"])["data"]["clusters"][0]["run"]["run_id"] == rolled_out
    assert json.loads(texts["status.json"])["data"]["clusters"][0]["namespaces"][0]["name"] == "runs"
    assert "meshroll_control_plane.values.registrySecret" in texts["settings.json"]
    assert "</svg>" in texts["report.html"] and json.loads(texts["versions.json"])["meshroll"]
    assert not [name for name, text in texts.items() if "PLANTED" in text or "PRIVATE KEY" in text]
    assert estate.fingerprint() == before


def test_a_run_is_judged_again_by_another_policy(estate: Estate, rolled_out: str, tmp_path: Path) -> None:
    before = estate.fingerprint()
    same = estate.run("verify", "--replay", rolled_out)
    assert (same.code, same.cluster["gate"][0]["was"]) == (0, "Successful"), same.result["errors"]
    stricter = tmp_path / "stricter.yml"
    stricter.write_text("meshroll_gate: {requests_min: 10000000}\n")
    again = estate.run("verify", "--replay", rolled_out, "--policy", str(stricter))
    assert (again.code, again.codes) == (9, ["gate-inconclusive"])
    assert {verdict["was"] for verdict in again.cluster["gate"]} == {"Successful"}
    assert estate.run("verify", "--replay", "1999").codes == ["run-unknown"]
    assert estate.fingerprint() == before


def test_kubectl_shows_a_run_line_by_line_and_no_value_of_a_variable(estate: Estate, rolled_out: str) -> None:
    item = estate.kube.get(f"/api/v1/namespaces/meshroll/configmaps/run-{rolled_out}")
    assert item
    assert yaml.safe_dump(item).count("\n") > 30, "indented JSON is a block of lines in YAML"
    written = json.dumps(item["data"])
    for container in estate.deployment("sessions-gateway")["spec"]["template"]["spec"]["containers"]:
        for variable in container.get("env", []):
            assert "value" not in variable or variable["value"] not in written


def test_this_machine_has_a_copy_that_kubectl_can_put_back(estate: Estate, rolled_out: str) -> None:
    file = Path(STATE) / "meshroll" / "runs" / "sandbox" / f"{rolled_out}.json"
    assert file.stat().st_mode & 0o077 == 0
    (copy,) = json.loads(file.read_text())["items"]
    path = f"/api/v1/namespaces/meshroll/configmaps/run-{rolled_out}"
    estate.kube.delete(path)
    assert rolled_out not in [run["run_id"] for run in estate.run("runs").cluster["runs"]]
    estate.kube.apply(path, copy)
    assert rolled_out in [run["run_id"] for run in estate.run("runs").cluster["runs"]]


def test_what_somebody_else_changed_is_left_and_named_until_it_is_taken_by_name(
    estate: Estate, rolled_out: str
) -> None:
    path = f"/apis/apps/v1/namespaces/{estate.name}/deployments/sessions-gateway"
    theirs = {"spec": {"template": {"metadata": {"annotations": {INJECT: "ingress"}}}}}
    estate.kube.merge_patch(path, theirs)
    ran = estate.run("rollback", "--to", "previous")
    assert ran.code == 8 and ran.codes == ["drift"], ran.result["errors"]
    assert "--take Deployment/sessions-gateway" in ran.result["errors"][0]["hint"]
    assert annotations(estate)[INJECT] == "ingress"
    ran = estate.run("rollback", "--to", "previous", "--take", "Deployment/sessions-gateway")
    assert ran.code == 0, ran.result["errors"]
    assert INJECT not in annotations(estate)
    assert not [pod for pod in estate.pods("Deployment/sessions-gateway") if pod.proxy]


@pytest.mark.exhaustive
def test_going_back_to_a_run_is_as_that_run_left_it(estate: Estate, rolled_out: str) -> None:
    # A run of its own: what changed nothing is not remembered.
    assert estate.run("rollback").code == 0
    first = str(estate.run("rollout").result["run_id"])
    left = annotations(estate)
    estate.namespace_settings(**ONE, sidecar="wait", wait_before_exit_seconds=5)
    assert estate.run("rollout").code == 0
    assert annotations(estate) != left
    ran = estate.run("rollback", "--to", first)
    assert ran.code == 0, ran.result["errors"]
    assert annotations(estate) == left
    assert all(pod.proxy and pod.proxy.native for pod in estate.pods("Deployment/sessions-gateway"))


def test_a_second_run_is_told_who_holds_the_lock_and_a_stolen_one_stops_the_first(estate: Estate) -> None:
    before = estate.fingerprint()
    take_lease(estate.kube, "ann@laptop/20260101t000000z-abc123")
    ran = estate.run("rollback")
    assert ran.code == 7, ran.result["errors"]
    assert "ann@laptop" in ran.result["errors"][0]["message"]
    assert "20260101t000000z-abc123" in ran.result["errors"][0]["message"]
    assert estate.run("lock", "steal", "--reason", "it hangs").code == 0
    ran = estate.run("rollback")
    assert ran.code == 7, "whatever the first one had begun may still end"
    assert "ann@laptop" not in ran.result["errors"][0]["message"]
    assert estate.fingerprint() == before
    estate.kube.delete(f"{LEASE}/meshroll")
    assert estate.run("lock", "steal", "--reason", "again").code == 7, "nobody holds it"


def annotations(estate: Estate) -> dict[str, str]:
    template = estate.deployment("sessions-gateway")["spec"]["template"]["metadata"]
    return dict(template.get("annotations") or {})


def take_lease(kube: Kube, holder: str) -> None:
    """As a run on another machine holds it."""
    now = kube.server_now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 60, "acquireTime": now, "renewTime": now}
    metadata = {"name": "meshroll", "namespace": "meshroll"}
    kube.create(
        LEASE, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
    )
