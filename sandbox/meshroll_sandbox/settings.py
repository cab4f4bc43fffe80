"""The files that `up` writes for others to read: configurations, kubeconfig and the Ansible inventory."""

import json
import shutil
from pathlib import Path

import yaml

from meshroll_sandbox.parts import SERVICE_RANGE, audit_policy_file, egress_selector_file, prometheus_file
from meshroll_sandbox.paths import SandboxFolder, content_root, inventory_source
from meshroll_sandbox.pki import ADMIN, CONTEXT, Pki, write_private
from meshroll_sandbox.state import State

HOST = "sandbox"
"""The cluster's name as an Ansible host."""

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "None", "users": [ADMIN, "system:apiserver"]}, {"level": "Metadata"}],
}


def write_settings(layout: SandboxFolder, state: State) -> None:
    """Write everything that follows from ports and paths. What a person may have edited is left alone."""
    pki = Pki(layout.pki)
    pki.ensure()
    write_private(layout.kubeconfig, pki.kubeconfig(state.ports["apiserver"]).encode())
    _write(egress_selector_file(layout), json.dumps(egress_selector(layout), indent=2) + "\n")
    _write(audit_policy_file(layout), json.dumps(AUDIT_POLICY, indent=2) + "\n")
    template = (content_root() / "prometheus.yml").read_text()
    address = f"127.0.0.1:{state.ports['standins']}"
    _write(prometheus_file(layout), template.replace("__STANDINS_ADDRESS__", address))
    if not layout.inventory.is_dir():
        staging = layout.root / "inventory.new"
        shutil.rmtree(staging, ignore_errors=True)
        shutil.copytree(inventory_source(), staging)
        staging.rename(layout.inventory)
    connection_file = layout.inventory / "host_vars" / HOST / "connection.yml"
    connection_file.parent.mkdir(parents=True, exist_ok=True)
    head = "---\n# Written by `meshroll sandbox up`, anew each time.\n"
    _write(connection_file, head + yaml.safe_dump(connection(layout, state), sort_keys=False))


def egress_selector(layout: SandboxFolder) -> dict[str, object]:
    """Sends what the API server dials inside "the cluster" to the stand-ins' Unix socket, as HTTP CONNECT."""
    transport = {"uds": {"udsName": str(layout.egress_socket)}}
    connection = {"proxyProtocol": "HTTPConnect", "transport": transport}
    return {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{"name": "cluster", "connection": connection}],
    }


def connection(layout: SandboxFolder, state: State) -> dict[str, object]:
    """The host's variables that say where things are. All paths are absolute."""
    return {
        "meshroll_cluster": {"kubeconfig": str(layout.kubeconfig), "context": CONTEXT},
        "meshroll_prometheus": {
            "url": prometheus_url(state),
            "scrape": "existing",
            "scrape_interval_seconds": 1,
        },
        "meshroll_control_plane": {
            "chart_source": chart_source(state),
            "helm_binary": state.helm,
            "values": {"clusterNetworks": f"10.0.0.0/8,{SERVICE_RANGE}"},
        },
        "meshroll_gateway_api": {"file": state.gateway_api},
        "meshroll_certificates": {"anchor_key_file": str(layout.root / "anchor.key")},
    }


def prometheus_url(state: State) -> str:
    return f"http://127.0.0.1:{state.ports['prometheus']}"


def chart_source(state: State) -> str:
    return f"http://127.0.0.1:{state.ports['standins']}/charts"


def _write(path: Path, content: str) -> None:
    write_private(path, content.encode())
