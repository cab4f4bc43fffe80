"""Nothing that a run puts away for a while outlives it: a kubeconfig's key is somebody's way into a cluster."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from unit.authority import Authority

ROOT = Path(__file__).parents[2]
CLI = [sys.executable, "-c", "from meshroll.app import main; main()", "status", "-n", "charging", "--debug"]
BY_HAND = [
    *(str(Path(sys.executable).with_name("ansible-playbook")), "playbooks/status.yml"),
    *("-e", "meshroll_namespace=charging"),
]


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Path]:
    """A cluster that lets nobody in, reached with a certificate and a key that stand in the kubeconfig."""
    authority = Authority.make(tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.socket = authority.context().wrap_socket(listening.socket, server_side=True)
    threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
    ca, (certificate, key) = authority.file, authority.server("127.0.0.2")
    data = {file: base64.b64encode(file.read_bytes()).decode() for file in (ca, certificate, key)}
    server = f"https://127.0.0.1:{listening.server_port}"
    cluster = {"server": server, "certificate-authority-data": data[ca]}
    user = {"client-certificate-data": data[certificate], "client-key-data": data[key]}
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": cluster}],
        "users": [{"name": "me", "user": user}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    hosts = {"here": {"meshroll_cluster": {"kubeconfig": str(tmp_path / "kubeconfig")}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    yield tmp_path / "hosts.yml"
    listening.shutdown()
    listening.server_close()


@pytest.mark.parametrize("command", [CLI, BY_HAND], ids=["cli with a log that is kept", "by hand"])
def test_no_key_of_a_kubeconfig_is_left(command: list[str], inventory: Path, tmp_path: Path) -> None:
    left = tmp_path / "left"
    left.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MESHROLL_")}
    environment |= {"HOME": str(left), "TMPDIR": str(left), "XDG_STATE_HOME": str(left)}
    done = subprocess.run(
        [*command, "-i", str(inventory)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "403" in done.stdout + done.stderr, "it has asked the cluster"
    files = [file for file in left.rglob("*") if file.is_file()]
    assert not [file for file in files if b"PRIVATE KEY" in file.read_bytes()]
    assert bool([file for file in files if file.name == "log"]) == (command is CLI)
