"""Where the table is measured: a sandbox of its own with Linkerd on it, and inventories over that sandbox's."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from scale.measured import BENCHMARKS, MESHROLL, QUIET, run

from meshroll.adapters.kube.client import Kube

HOME = BENCHMARKS.parent / "build" / "bench"
SANDBOX = HOME / "sandbox"
ACCOUNT, TOKEN_SECONDS = "bench", 86400
# A sandbox is scraped each second, for its short gates; with a thousand pods that takes half of this machine.
SCRAPE_SECONDS, PROXIES_SCRAPE_SECONDS = 5, 60
# What is measured is the making and the proving of a step. So gates look once and never decide, and a workload waits
# for no other: the program that it is measured against has no limit either.
UNLIMITED: dict[str, Any] = {
    "meshroll_max_restarting_pods": "100%",
    "meshroll_waves": [{"name": "all", "share": 1}],
    "meshroll_gate": {
        "dry_run": True,
        "settle_seconds": 0,
        "window_seconds": 1,
        "window_max_seconds": 1,
        "interval_seconds": 1,
        "requests_min": 1,
        "errors_in_a_row_max": 1,
    },
}


@dataclass(frozen=True)
class Place:
    """``kubeconfig`` is of an account whose requests the API server writes down."""

    kubeconfig: str
    context: str
    kube: Kube

    def kubectl(self, *arguments: str) -> list[str]:
        return ["kubectl", "--kubeconfig", self.kubeconfig, "--context", self.context, *arguments]

    def inventory(self, namespace: str, **more: Any) -> str:
        """A copy of the sandbox's inventory whose one namespace is ``namespace``; ``more`` are keys of that."""
        copy = HOME / f"inventory-{namespace}{'-more' if more else ''}"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(SANDBOX / "inventory", copy)
        for written in ("namespaces", "gate"):
            (copy / f"group_vars/all/{written}.yml").unlink()
        connection = copy / "host_vars/sandbox/connection.yml"
        found = yaml.safe_load(connection.read_text())
        found["meshroll_cluster"] = {"kubeconfig": self.kubeconfig, "context": self.context}
        found["meshroll_prometheus"]["scrape_interval_seconds"] = SCRAPE_SECONDS
        connection.write_text(yaml.safe_dump(found))
        said = {**UNLIMITED, "meshroll_namespaces": [{"name": namespace, **more}]}
        (copy / "group_vars/all/bench.yml").write_text(yaml.safe_dump(said))
        return str(copy)


def bare_place() -> Place:
    """The sandbox, brought up where it is not."""
    run([MESHROLL, "sandbox", "up", "--folder", str(SANDBOX), "--quiet"])
    connection = yaml.safe_load((SANDBOX / "inventory/host_vars/sandbox/connection.yml").read_text())
    said = connection["meshroll_cluster"]
    kube = Kube.connect(said["kubeconfig"], said["context"])
    _scrape_slowly()
    return Place(_kubeconfig(kube, Path(said["kubeconfig"])), said["context"], kube)


def meshed(place: Place) -> Place:
    """The same, with Linkerd on it. No gate decides that: proxies are scraped too slowly here for the sandbox's own."""
    if place.kube.get("/apis/apps/v1/namespaces/linkerd/deployments/linkerd-proxy-injector") is None:
        run([MESHROLL, "rollout", "-i", place.inventory("charging"), "-n", "charging", *QUIET])
    return place


def place() -> Place:
    return meshed(bare_place())


def _scrape_slowly() -> None:
    config = SANDBOX / "config" / "prometheus.yml"
    said = yaml.safe_load(config.read_text())
    said["global"]["scrape_interval"] = f"{SCRAPE_SECONDS}s"
    for job in said["scrape_configs"]:
        for found in job.get("http_sd_configs", []):
            found["refresh_interval"] = job["scrape_interval"] = f"{PROXIES_SCRAPE_SECONDS}s"
    config.write_text(yaml.safe_dump(said))
    state = json.loads((SANDBOX / "state.json").read_text())
    os.kill(state["processes"]["prometheus"]["pid"], signal.SIGHUP)


def removed() -> None:
    run([MESHROLL, "sandbox", "down", "--folder", str(SANDBOX), "--quiet"])


def _kubeconfig(kube: Kube, administrators: Path) -> str:
    """Of an account that may do everything, so that nothing but its name tells it from an administrator."""
    metadata = {"name": ACCOUNT, "namespace": "default"}
    path = "/api/v1/namespaces/default/serviceaccounts"
    kube.apply(f"{path}/{ACCOUNT}", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    rbac = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{rbac}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", **metadata}],
    }
    kube.apply(f"/apis/{rbac}/v1/clusterrolebindings/{ACCOUNT}", binding)
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": TOKEN_SECONDS},
    }
    config = yaml.safe_load(administrators.read_text())
    config["users"][0]["user"] = {"token": kube.create(f"{path}/{ACCOUNT}/token", request)["status"]["token"]}
    file = HOME / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(config))
    return str(file)


class Audit:
    """What the account asks the API server for from now on, by the server's own audit log."""

    def __init__(self) -> None:
        self._log = SANDBOX / "log" / "audit.jsonl"
        self._from = self._log.stat().st_size if self._log.exists() else 0

    def asked(self) -> Counter[str]:
        """How many requests of each kind: verb and resource. Watches and the lock last as long as a run does."""
        found: Counter[str] = Counter()
        with self._log.open("rb") as file:
            file.seek(self._from)
            for line in file:
                event = json.loads(line)
                what = event.get("objectRef") or {}
                if event["user"]["username"] != f"system:serviceaccount:default:{ACCOUNT}":
                    continue
                if what and event["verb"] != "watch" and what["resource"] != "leases":
                    found[f"{event['verb']} {what['resource']}"] += 1
        return found


def writes(asked: Counter[str]) -> int:
    return sum(number for kind, number in asked.items() if not re.match(r"(get|list) ", kind))
