"""What the sandbox tests share: estates of their own, inventories over the sandbox's, and the command itself."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import yaml

from meshroll.adapters import catalogue, prometheus
from meshroll.adapters.kube.client import ApiError, Kube
from meshroll.core.model import Pod
from meshroll.core.releases import Edge
from meshroll.core.settings import Prometheus
from meshroll_sandbox.cluster import down, up
from meshroll_sandbox.estate import is_caller
from meshroll_sandbox.status import Connection

STATE = tempfile.mkdtemp(prefix="meshroll-test-state-")
"""Where the command keeps its copies of journals: not in the home of whoever runs the tests."""
REPOSITORY = Path(__file__).parents[2]
MESHROLL = Path(sys.executable).parent / "meshroll"
# Short windows: the sandbox is scraped every second, and its estate makes some 100 requests a second. A few seconds of
# them rule out little.
GATE = {
    "settle_seconds": 8,
    "window_seconds": 8,
    "window_max_seconds": 30,
    "interval_seconds": 2,
    "requests_min": 30,
    "limits": {"growth_ratio_max": 0.5},
}


@dataclass(frozen=True)
class Ran:
    """One command: its exit code, the JSON object that it printed, and what it said on the side."""

    code: int
    result: dict[str, Any]
    stderr: str

    @property
    def cluster(self) -> dict[str, Any]:
        (cluster,) = self.result["data"]["clusters"]
        return dict(cluster)

    @property
    def codes(self) -> list[str]:
        return [error["code"] for error in self.result["errors"]]

    def workload(self, name: str) -> dict[str, Any]:
        (namespace,) = self.cluster["namespaces"]
        return next(row for row in namespace["workloads"] if row["workload"] == name)


@dataclass(frozen=True)
class Told:
    """A webhook of this test's own: its URL, and what was posted there."""

    url: str
    bodies: list[dict[str, Any]]

    @property
    def events(self) -> list[str]:
        return [body.get("event", "slack") for body in self.bodies]


@contextmanager
def receiver() -> Iterator[Told]:
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Told(f"http://127.0.0.1:{server.server_port}/hook", bodies)
        server.shutdown()


def meshroll(*arguments: str, environment: Mapping[str, str] | None = None) -> Ran:
    """Runs the command as a user would, with ``--output json``."""
    done = subprocess.run(
        [str(MESHROLL), *arguments, "--output", "json"],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": STATE, **(environment or {})},
        check=False,
    )
    assert done.stdout, done.stderr
    return Ran(done.returncode, json.loads(done.stdout), done.stderr)


@dataclass(frozen=True)
class Estate:
    """A copy of the sandbox's estate in a namespace of its own, and an inventory that names it."""

    name: str
    kube: Kube
    folder: Path

    @property
    def inventory(self) -> str:
        return str(self.folder / "inventory")

    @property
    def control_plane(self) -> dict[str, Any]:
        """The sandbox's ``meshroll_control_plane``, for settings that are to have one more or another."""
        file = self.folder / "inventory/host_vars/sandbox/connection.yml"
        return dict(yaml.safe_load(file.read_text())["meshroll_control_plane"])

    def run(self, command: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Ran:
        return meshroll(command, "-i", self.inventory, *arguments, environment=environment)

    def settings(self, **variables: Any) -> None:
        """Puts ``meshroll_*`` variables over those of the sandbox's inventory."""
        file = self.folder / "inventory" / "host_vars" / "sandbox" / "test.yml"
        present = yaml.safe_load(file.read_text()) if file.exists() else {}
        file.write_text(yaml.safe_dump({**present, **{f"meshroll_{k}": v for k, v in variables.items()}}))

    def namespace_settings(self, **fields: Any) -> None:
        """The namespace's entry of ``meshroll_namespaces``; without fields just its name and defaults."""
        self.settings(namespaces=[{"name": self.name, **fields}])

    def pods(self, workload: str) -> list[Pod]:
        items, _ = self.kube.list_all(f"/api/v1/namespaces/{self.name}/pods")
        pods = [Pod(item) for item in items]
        return [pod for pod in pods if pod.owner == workload and not pod.ending]

    def deployment(self, name: str) -> dict[str, Any]:
        found = self.kube.get(f"/apis/apps/v1/namespaces/{self.name}/deployments/{name}")
        assert found is not None
        return found

    def variable(self, deployment: str, name: str) -> str:
        containers = self.deployment(deployment)["spec"]["template"]["spec"]["containers"]
        return next(str(entry["value"]) for entry in containers[0]["env"] if entry["name"] == name)

    def fingerprint(self) -> dict[str, str]:
        """uid and generation (or, where an object has none, resourceVersion) of all that meshroll may change."""
        found = {}
        home = self.kube.get(f"/api/v1/namespaces/{self.name}")
        assert home is not None
        found["Namespace"] = home["metadata"]["resourceVersion"]
        for path in (
            f"/apis/apps/v1/namespaces/{self.name}/deployments",
            f"/apis/apps/v1/namespaces/{self.name}/statefulsets",
            f"/apis/apps/v1/namespaces/{self.name}/daemonsets",
            f"/apis/batch/v1/namespaces/{self.name}/cronjobs",
            f"/api/v1/namespaces/{self.name}/services",
            f"/api/v1/namespaces/{self.name}/configmaps",
            f"/api/v1/namespaces/{self.name}/pods",
        ):
            for item in self.kube.list_all(path)[0]:
                meta = item["metadata"]
                found[f"{path}/{meta['name']}"] = f"{meta['uid']} {meta.get('generation', '')}"
        return found


def catalogue_with(folder: Path, changes: Mapping[str, Mapping[str, Any] | None]) -> str:
    """The shipped catalogue with some releases otherwise, as a file for ``meshroll_catalogue``.

    ``edge-26.6.99: {}`` makes a release that is not there recommended, on the 20th of its month; fields change those
    of one that is, and None takes it out.
    """
    shipped = catalogue.shipped()
    rows = {row.edge: msgspec.to_builtins(row, builtin_types=(date,)) for row in shipped.releases}
    for edge, fields in changes.items():
        row = rows.pop(edge, None) or _recommended(edge)
        if fields is not None:
            rows[edge] = {**row, **fields}
    file = folder / "catalogue.yml"
    text = {"as_of": shipped.as_of, "sources": shipped.sources, "releases": list(rows.values())}
    file.write_text(yaml.safe_dump(text))
    return str(file)


def _recommended(edge: str) -> dict[str, Any]:
    named = Edge.parse(edge)
    day = date(2000 + named.year, named.month, 20)
    return {"edge": edge, "date": day, "mark": "recommended", "reason": "For a test.", "source": "test"}


def answered_by_pod(verdict: Mapping[str, Any]) -> dict[str, float]:
    """How many calls of a probe each pod answered, by ``Pod/NAME``."""
    return {
        each["workload"]: each["findings"][0]["value"]
        for each in verdict["workloads"]
        if each["workload"].startswith("Pod/")
    }


def wait_for_past(connection: Connection, kube: Kube, promql: str) -> None:
    """Pods that have only just become Ready have no past; ask until ``promql`` finds one, at most 60 s."""
    client = prometheus.connect(Prometheus(url=connection.prometheus_url), kube)
    for _ in range(240):
        if client.query(promql, None):
            return
        time.sleep(0.25)
    raise AssertionError(f"nothing was measured: {promql}")


def make_estate(connection: Connection, name: str, folder: Path) -> Estate:
    """The estate of sandbox/estate.yml with ``charging`` called ``name``, Ready, and an inventory beside it."""
    kube = Kube.connect(str(connection.kubeconfig), connection.context)
    text = (REPOSITORY / "sandbox" / "estate.yml").read_text()
    text = text.replace("charging", name).replace("reporting", f"{name}-reporting")
    own = [
        document
        for document in yaml.safe_load_all(text)
        if document["metadata"].get("namespace", name).startswith(name)
    ]
    # Callers last, as `sandbox up` does it: failed calls of the first seconds would refuse the rollout.
    for callers in (False, True):
        for document in own:
            if is_caller(document) == callers:
                kube.apply(document_path(document), document)
        wait_for_pods(kube, name, 20 if callers else 16)
    inventory = folder / "inventory"
    shutil.copytree(connection.inventory, inventory)
    file = inventory / "group_vars" / "all" / "namespaces.yml"
    file.write_text(file.read_text().replace("charging", name).replace("reporting", f"{name}-reporting"))
    (inventory / "group_vars" / "all" / "gate.yml").write_text(yaml.safe_dump({"meshroll_gate": GATE}))
    return Estate(name, kube, folder)


def add_caller(estate: Estate, name: str, service: str, port: int) -> None:
    """A Deployment of one pod that gets no proxy and holds its connection, by a name that no search follows."""
    alias: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"old-{service}", "namespace": estate.name},
        "spec": {"type": "ExternalName", "externalName": f"{service}.{estate.name}.svc.cluster.local"},
    }
    pricing = estate.deployment("pricing")
    labels = {"app.kubernetes.io/name": name}
    template = copy.deepcopy(pricing["spec"]["template"])
    template["metadata"] = {
        "labels": labels,
        "annotations": {"sandbox.meshroll.io/requests-per-second": "60", "linkerd.io/inject": "disabled"},
    }
    values = {
        "TARGET": f"old-{service}.{estate.name}.svc.cluster.local:{port}",
        "DIAL_MODE": "pooled",
        "LB_POLICY": "pick_first",
    }
    template["spec"]["containers"][0]["env"] = [
        {"name": key, "value": value} for key, value in values.items()
    ]
    caller = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": estate.name, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }
    for document in (alias, caller):
        estate.kube.apply(document_path(document), document)
    wait_for_pods(estate.kube, estate.name, 21)


@contextmanager
def own_estate(name: str, folder: Path) -> Iterator[Estate]:
    """The same in a sandbox of its own: other files count on their workers' Linkerd."""
    try:
        status = up(folder / "sandbox", lambda _: None)
        assert status.connection
        yield make_estate(status.connection, name, folder)
    finally:
        down(folder / "sandbox", lambda _: None)


def wait_for_pods(kube: Kube, namespace: str, pods_min: int) -> None:
    """Until that many pods are there and every one is Ready; KWOK plays them in a second or two."""
    for _ in range(120):
        pods = [Pod(item) for item in kube.list_all(f"/api/v1/namespaces/{namespace}/pods")[0]]
        if len(pods) >= pods_min and all(pod.ready for pod in pods):
            return
        time.sleep(0.25)
    raise AssertionError(f"the estate in {namespace} is not Ready after 30 s")


_PLURALS = {
    "Namespace": "/api/v1/namespaces",
    "Service": "/api/v1/namespaces/{ns}/services",
    "ConfigMap": "/api/v1/namespaces/{ns}/configmaps",
    "Deployment": "/apis/apps/v1/namespaces/{ns}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{ns}/statefulsets",
    "DaemonSet": "/apis/apps/v1/namespaces/{ns}/daemonsets",
    "CronJob": "/apis/batch/v1/namespaces/{ns}/cronjobs",
}


def document_path(document: Mapping[str, Any]) -> str:
    """Where the API server has the object of a manifest."""
    meta = document["metadata"]
    return f"{_PLURALS[document['kind']].format(ns=meta.get('namespace', ''))}/{meta['name']}"


def object_path(manifest: Mapping[str, Any]) -> str:
    """The same for an object of any kind, by its apiVersion."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    meta, plural = manifest["metadata"], f"{manifest['kind'].lower()}s".replace("ys", "ies")
    home = f"/namespaces/{meta['namespace']}" if "namespace" in meta else ""
    return f"{f'/apis/{group}' if group else '/api'}/{version}{home}/{plural}/{meta['name']}"


def apply_once_served(kube: Kube, manifest: Mapping[str, Any]) -> None:
    """A kind that was just defined is served a moment later."""
    for left in reversed(range(40)):
        try:
            kube.apply(object_path(manifest), manifest)
        except ApiError as error:
            if error.status != 404 or not left:
                raise
            time.sleep(0.25)
        else:
            return


def crd(kind: str, group: str, version: str, **annotations: str) -> dict[str, Any]:
    """A kind of somebody else's, with a schema of anything."""
    plural = f"{kind.lower()}s".replace("ys", "ies")
    anything = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved", **annotations},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{"name": version, "served": True, "storage": True, "schema": anything}],
        },
    }
