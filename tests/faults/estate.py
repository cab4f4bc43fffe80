"""A small namespace to roll out in some ten seconds, and meshroll started on it through the proxies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from faults.proxy import Proxy
from faults.state import State
from faults.tree import kill_tree
from sandbox.support import MESHROLL, Ran, document_path, wait_for_pods

from meshroll.adapters.kube.client import Kube
from meshroll_sandbox.status import Connection

Method = Literal["alongside", "in_place"]
PODS = 3
# Traffic of the pods' first seconds is what a run's first look measures.
WARM_SECONDS = 3.0
GATE = {
    "settle_seconds": 2,
    "window_seconds": 4,
    "window_max_seconds": 30,
    "interval_seconds": 2,
    "requests_min": 10,
    # A balancer that met its pods three seconds ago is uneven, and nothing here is about evenness.
    "limits": {"growth_ratio_max": 1.0, "busiest_pod_to_mean_max": 3.0},
}
RUN_SECONDS = 600
LOOKS = 3


@dataclass
class Through:
    """The proxies between meshroll and the rest, and a client that goes around them."""

    connection: Connection
    kube: Kube
    api: Proxy
    prometheus: Proxy
    folder: Path


@dataclass
class Estate:
    """One namespace, and the inventory that names it. ``original`` is how it was before any run."""

    name: str
    through: Through
    folder: Path
    original: State
    method: Method = "alongside"

    @property
    def kube(self) -> Kube:
        return self.through.kube

    @property
    def inventory(self) -> str:
        return str(self.folder / "inventory")

    def state(self) -> State:
        return State.read(self.kube, self.name)

    def run(self, command: str, *arguments: str) -> Ran:
        """Runs the command to its end."""
        with self.started(command, *arguments) as process:
            return ended(process)

    def run_to_end(self, command: str, *arguments: str) -> Ran:
        """Runs it, and resumes it as often as its gates say that they saw too little of these few seconds."""
        ran = self.run(command, *arguments)
        for _ in range(LOOKS - 1):
            if ran.code != 9:
                break
            ran = self.run("resume")
        return ran

    @contextmanager
    def started(self, command: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """The command, running; whatever is left of it at the end is killed."""
        process = subprocess.Popen(
            [str(MESHROLL), command, "-i", self.inventory, *arguments, "--output", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_STATE_HOME": str(self.folder / "state")},
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                kill_tree(process.pid)
                process.communicate()

    def patch(self, kind: str, name: str, body: dict[str, Any]) -> None:
        """What somebody else does meanwhile."""
        self.kube.merge_patch(
            document_path({"kind": kind, "metadata": {"name": name, "namespace": self.name}}), body
        )

    def remove(self) -> None:
        """Not waited for: namespaces go in the background."""
        self.kube.delete(f"/api/v1/namespaces/{self.name}")


def ended(process: subprocess.Popen[str]) -> Ran:
    """The result of a command that came to its end by itself."""
    stdout, stderr = process.communicate(timeout=RUN_SECONDS)
    assert stdout, f"no result (return code {process.returncode}): {stderr}"
    return Ran(process.returncode, json.loads(stdout), stderr)


def make_estate(through: Through, name: str, method: Method = "alongside") -> Estate:
    """The namespace ``name``, Ready and with traffic."""
    text = (Path(__file__).parent / "estate.yml").read_text().replace("NAME", name)
    for document in yaml.safe_load_all(text):
        through.kube.apply(document_path(document), document)
    folder = through.folder / name
    folder.mkdir()
    _write_inventory(through, folder / "inventory", name, method)
    wait_for_pods(through.kube, name, PODS)
    time.sleep(WARM_SECONDS)
    return Estate(name, through, folder, State.read(through.kube, name), method)


def targets(name: str, method: Method) -> dict[str, str]:
    """What the client's variables are once it dials through a ClusterIP Service, by dial mode."""
    host = f"server-clusterip.{name}" if method == "alongside" else f"server.{name}"
    port = 80 if method == "alongside" else 8080
    return {"TARGET": f"dns:///{host}.svc.cluster.local:{port}"}


def _write_inventory(through: Through, inventory: Path, name: str, method: Method) -> None:
    shutil.copytree(through.connection.inventory, inventory)
    (inventory / "group_vars" / "all" / "gate.yml").unlink()
    (inventory / "group_vars" / "all" / "namespaces.yml").unlink()
    dial: list[dict[str, str]] = [
        {"env": variable, "pooled": value, "per_request": value}
        for variable, value in targets(name, method).items()
    ]
    dial.append({"env": "DIAL_MODE", "pooled": "pooled", "per_request": "per_request"})
    namespace = {
        "name": name,
        "services": [{"name": "server", **({"method": method} if method != "alongside" else {})}],
        "clients": [{"workload": "Deployment/client", "service": "server", "dial": dial}],
        "waves": [{"name": "all", "share": 1}],
    }
    kubeconfig = through.api.kubeconfig(through.folder, through.connection.context)
    settings = {
        "meshroll_cluster": {"kubeconfig": str(kubeconfig), "context": through.connection.context},
        "meshroll_prometheus": {
            "url": through.prometheus.url,
            "scrape": "existing",
            "scrape_interval_seconds": 1,
        },
        "meshroll_gate": GATE,
        "meshroll_max_restarting_pods": "100%",
        "meshroll_namespaces": [namespace],
    }
    (inventory / "host_vars" / "sandbox" / "test.yml").write_text(yaml.safe_dump(settings))
