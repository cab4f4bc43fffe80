"""What lies in a sandbox's folder, and which folders are none of ours."""

import json
from pathlib import Path

import pytest
import yaml

from meshroll_sandbox import cluster, estate, settings
from meshroll_sandbox.errors import SandboxError
from meshroll_sandbox.paths import SandboxFolder, content_root
from meshroll_sandbox.ports import PORT_NAMES
from meshroll_sandbox.processes import ProcessRecord
from meshroll_sandbox.state import State
from meshroll_sandbox.status import status

PORTS = {name: 20000 + index for index, name in enumerate(PORT_NAMES)}


def some_state() -> State:
    state = State(PORTS, "/tools/helm", "/tools/gateway-api.yaml", seed=7, kubernetes_version="v1.35.4")
    state.processes["etcd"] = ProcessRecord(2**22 + 1, 5, "/tools/etcd")
    return state


def test_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    some_state().write(tmp_path / "state.json")
    assert State.read(tmp_path / "state.json") == some_state()
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    content = json.loads((tmp_path / "state.json").read_text())
    assert content["schema"] == 1
    assert content["processes"]["etcd"] == {"pid": 2**22 + 1, "started": 5, "argv0": "/tools/etcd"}


@pytest.mark.parametrize("keep", [0, 1, 10, 200])
def test_half_a_state_is_none(tmp_path: Path, keep: int) -> None:
    file = tmp_path / "state.json"
    some_state().write(file)
    file.write_text(file.read_text()[:keep])
    assert State.read(file) is None


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"schema": 2}', '{"schema": 1, "ports": {}, "processes": {}}']
)
def test_state_of_another_shape_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    assert State.read(tmp_path / "state.json") is None


def test_folder_with_somebodys_files_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for command in (cluster.up, cluster.down):
        with pytest.raises(SandboxError, match="not a sandbox's folder"):
            command(tmp_path, lambda _: None)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_folder_too_deep_for_a_unix_socket_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    with pytest.raises(SandboxError, match="too long a path"):
        cluster.up(deep, lambda _: None)
    assert not deep.exists()


def test_down_where_nothing_is_does_nothing(tmp_path: Path) -> None:
    result = cluster.down(tmp_path / "none", lambda _: None)
    assert (result.stopped, result.removed) == (0, False)
    assert status(tmp_path / "none").condition == "down"


def test_folder_whose_processes_are_gone_is_broken_and_can_be_taken_down(tmp_path: Path) -> None:
    layout = SandboxFolder.of(tmp_path / "sandbox")
    layout.create()
    some_state().write(layout.state)
    found = status(layout.root)
    assert found.condition == "broken"
    assert found.connection
    assert found.connection.prometheus_url == f"http://127.0.0.1:{PORTS['prometheus']}"
    assert cluster.down(layout.root, lambda _: None).removed
    assert not layout.root.exists()


def test_inventory_says_where_everything_is(tmp_path: Path) -> None:
    layout = SandboxFolder.of(tmp_path / "sandbox")
    layout.create()
    settings.write_settings(layout, some_state())
    written = yaml.safe_load((layout.inventory / "host_vars" / "sandbox" / "connection.yml").read_text())
    assert written == {
        "meshroll_cluster": {"kubeconfig": str(layout.kubeconfig), "context": "sandbox"},
        "meshroll_prometheus": {
            "url": f"http://127.0.0.1:{PORTS['prometheus']}",
            "scrape": "existing",
            "scrape_interval_seconds": 1,
        },
        "meshroll_control_plane": {
            "chart_source": f"http://127.0.0.1:{PORTS['standins']}/charts",
            "helm_binary": "/tools/helm",
            "values": {"clusterNetworks": "10.0.0.0/8,127.96.0.0/16"},
        },
        "meshroll_gateway_api": {"file": "/tools/gateway-api.yaml"},
        "meshroll_certificates": {"anchor_key_file": str(layout.root / "anchor.key")},
    }
    assert f"127.0.0.1:{PORTS['standins']}" in (layout.config / "prometheus.yml").read_text()
    assert "__STANDINS" not in (layout.config / "prometheus.yml").read_text()


def test_what_a_person_wrote_into_the_inventory_stays(tmp_path: Path) -> None:
    layout = SandboxFolder.of(tmp_path / "sandbox")
    layout.create()
    settings.write_settings(layout, some_state())
    (layout.inventory / "own.yml").write_text("mine: true\n")
    settings.write_settings(layout, some_state())
    assert (layout.inventory / "own.yml").exists()


def test_every_key_is_private_and_stays_the_same(tmp_path: Path) -> None:
    layout = SandboxFolder.of(tmp_path / "sandbox")
    layout.create()
    settings.write_settings(layout, some_state())
    keys = {file: file.read_bytes() for file in layout.pki.iterdir()}
    assert all(file.stat().st_mode & 0o077 == 0 for file in [*keys, layout.kubeconfig])
    settings.write_settings(layout, some_state())
    assert keys == {file: file.read_bytes() for file in layout.pki.iterdir()}


def test_nodes_look_like_those_of_eks() -> None:
    zones = [
        node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in estate.nodes("v1.35.4-eks-1")
    ]
    assert zones == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    for node in estate.nodes("v1.35.4-eks-1"):
        assert node["spec"]["providerID"].startswith("aws:///eu-central-1")
        assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.35.4-eks-1"
        assert node["status"]["nodeInfo"]["osImage"].startswith("Amazon Linux 2023")


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        ({"kind": "Deployment", "spec": {"replicas": 2}}, (0, None)),
        ({"kind": "Deployment", "spec": {"replicas": 2}, "status": {"observedGeneration": 1}}, (0, None)),
        ({"kind": "Deployment", "spec": {"replicas": 2}, "status": {"observedGeneration": 2}}, (0, 2)),
        (
            {
                "kind": "DaemonSet",
                "status": {"observedGeneration": 2, "numberReady": 3, "desiredNumberScheduled": 3},
            },
            (3, 3),
        ),
    ],
)
def test_readiness_waits_for_the_controller_to_have_seen_the_workload(
    workload: dict[str, object], expected: tuple[int, int | None]
) -> None:
    assert estate.readiness({"metadata": {"generation": 2}, **workload}) == expected


def test_estate_says_how_each_client_dials() -> None:
    clients = {}
    for manifest in estate.manifests(content_root() / "estate.yml"):
        if manifest["kind"] == "Deployment":
            container = manifest["spec"]["template"]["spec"]["containers"][0]
            variables = {one["name"]: one.get("value") for one in container.get("env", [])}
            if "TARGET" in variables:
                clients[manifest["metadata"]["name"]] = (variables["DIAL_MODE"], variables.get("LB_POLICY"))
    assert clients == {
        "omni": ("pooled", "round_robin"),
        "pricing": ("pooled", "pick_first"),
        "sessions-gateway": (None, None),
        "tariff-reports": ("per_request", "pick_first"),
    }
