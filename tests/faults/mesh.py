"""A sandbox whose Linkerd is for the tests to change, a meshed namespace on it, and how both become what they were."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from faults.estate import Estate, Through, make_estate
from faults.proxy import Proxy
from faults.state import State
from sandbox.support import document_path

from meshroll.adapters import helm
from meshroll.adapters.alive import is_dead
from meshroll.adapters.kube.client import Kube, Object
from meshroll.adapters.kube.journal import Journal
from meshroll.adapters.kube.lock import ALIVE, LEASE
from meshroll.core.chart_values import CONTROL_PLANE_CHART, CRDS_CHART
from meshroll.core.control_plane import DEPLOYMENTS, not_up
from meshroll.core.helm_records import HELM_AT_WORK_SECONDS, SETTLED
from meshroll.core.journal import UNFINISHED
from meshroll.core.settings import Cluster
from meshroll_sandbox.cluster import down, up
from meshroll_sandbox.standins.kubeconfig import read_kubeconfig

HOME = "linkerd"
RECORDS = f"/api/v1/namespaces/{HOME}/secrets"
JOURNAL = "/api/v1/namespaces/meshroll/configmaps"
CHANGED = (
    "/api/v1/namespaces/{}/pods",
    "/api/v1/namespaces/{}/secrets",
    "/api/v1/namespaces/{}/services",
    "/apis/apps/v1/namespaces/{}/deployments",
)
PATIENCE_SECONDS = 60.0
WARM_SECONDS = 4.0


@dataclass
class Mesh:
    """One meshed namespace under Linkerd of ``release``, by Helm's ``revisions`` of its charts."""

    estate: Estate
    release: str
    revisions: dict[str, int]
    meshed: State

    @property
    def kube(self) -> Kube:
        return self.estate.kube

    def settings(self, **variables: Any) -> None:
        """Puts ``meshroll_*`` variables over those of the estate's inventory."""
        file = self.estate.folder / "inventory" / "host_vars" / "sandbox" / "test.yml"
        present = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump({**present, **{f"meshroll_{k}": v for k, v in variables.items()}}))

    def records(self) -> list[tuple[str, int, str]]:
        """(release, revision, status) of each record that Helm has in Linkerd's namespace, oldest first."""
        labels = [secret["metadata"]["labels"] for secret in _helm_secrets(self.kube)]
        return sorted((each["name"], int(each["version"]), each["status"]) for each in labels)

    def installed(self) -> set[str]:
        """The releases that the control plane's Deployments are of."""
        return {
            str(each["metadata"]["labels"]["app.kubernetes.io/version"]) for each in self._control_plane()
        }

    def _control_plane(self) -> list[Object]:
        found, _ = self.kube.list_all(f"/apis/apps/v1/namespaces/{HOME}/deployments")
        return [each for each in found if each["metadata"]["name"] in DEPLOYMENTS]

    def proxies(self) -> set[str | None]:
        """The releases of the namespace's proxies; None for a pod without one."""
        pods = [pod for found in self.estate.state().pods.values() for pod in found]
        return {pod.proxy.release if pod.proxy else None for pod in pods}

    def why_not_settled(self) -> list[str]:
        """What is left of a run that is over: its lock, its journal, Helm's records, a control plane that is not up."""
        wrong = []
        lease = self.kube.get(LEASE)
        if lease and not is_dead(lease["metadata"]["annotations"][ALIVE]):
            wrong.append(f"the lock is held by {lease['spec']['holderIdentity']}")
        records = Journal(self.kube, None, wrong.append).read()
        wrong += [
            f"run {record.run_id} is {record.state}"
            for record in records
            if record.state in UNFINISHED and not record.continued_by
        ]
        newest = {name: status for name, _, status in self.records()}
        wrong += [f"Helm's {name} is {status}" for name, status in newest.items() if status != "deployed"]
        wrong += [f"a record of Helm's is {each}" for each in self.records() if each[2] not in SETTLED]
        return [*wrong, *not_up(self._control_plane())]

    def fingerprint(self) -> dict[str, str]:
        """What tells a change of all that an upgrade may change; what controllers count in a status is none."""
        paths = [JOURNAL, *(path.format(name) for name in (HOME, self.estate.name) for path in CHANGED)]
        return {
            f"{path}/{item['metadata']['name']}": _version(item)
            for path in paths
            for item in self.kube.list_all(path)[0]
        }

    def a_minute_passes(self) -> None:
        """Helm's records are older by as long as a Helm may be at work, so that nobody has to wait for it."""
        for secret in _helm_secrets(self.kube):
            meta = secret["metadata"]
            at = int(meta["labels"]["modifiedAt"]) - int(HELM_AT_WORK_SECONDS)
            self.kube.merge_patch(
                f"{RECORDS}/{meta['name']}", {"metadata": {"labels": {"modifiedAt": str(at)}}}
            )

    def put_back(self) -> None:
        """All as it was: nothing of the journal, Linkerd, the namespace's objects, and pods with former proxies."""
        self.forget()
        self._release_back()
        for kind, name, manifest in self._objects():
            path = document_path({**manifest, "kind": kind})
            present = self.kube.get(path)
            version = {"resourceVersion": present["metadata"]["resourceVersion"]} if present else {}
            kept = {key: value for key, value in manifest.items() if key not in ("status", "kind")}
            kept["metadata"] = {
                key: value
                for key, value in manifest["metadata"].items()
                if key not in ("resourceVersion", "uid", "generation", "managedFields", "creationTimestamp")
            }
            kept["metadata"].update(version)
            assert present, f"{kind}/{name} is gone"
            self.kube.replace(path, {"apiVersion": present["apiVersion"], "kind": present["kind"], **kept})
        self._wait(lambda: self._settled() and self.proxies() == {self.release}, self._restart_newer)
        time.sleep(WARM_SECONDS)
        self.meshed = self.estate.state()

    def forget(self) -> None:
        """Nobody remembers a run, neither the cluster nor this machine."""
        self.kube.delete(LEASE)
        for item in self.kube.list_all(JOURNAL)[0]:
            self.kube.delete(f"{JOURNAL}/{item['metadata']['name']}")
        shutil.rmtree(self.estate.folder / "state", ignore_errors=True)

    def _release_back(self) -> None:
        for secret in _helm_secrets(self.kube):
            if secret["metadata"]["labels"]["status"] not in SETTLED:
                self.kube.delete(f"{RECORDS}/{secret['metadata']['name']}")
        connection = self.estate.through.connection
        cluster = Cluster(kubeconfig=str(connection.kubeconfig), context=connection.context)
        variables = helm.environment(self.estate.folder)
        for chart in (CRDS_CHART, CONTROL_PLANE_CHART):
            newest = helm.releases(self.kube, HOME)[chart]
            if newest.revision != self.revisions[chart] or newest.deployed is None:
                helm.rollback(str(connection.helm), variables, cluster, HOME, chart, self.revisions[chart])
        self.revisions = {name: each.revision for name, each in helm.releases(self.kube, HOME).items()}
        self._wait(self._settled)

    def _objects(self) -> Iterator[tuple[str, str, Object]]:
        yield "Namespace", self.estate.name, self.meshed.namespace
        for name, manifest in self.meshed.deployments.items():
            yield "Deployment", name, manifest
        for name, manifest in self.meshed.services.items():
            yield "Service", name, manifest

    def _settled(self) -> bool:
        found = [
            item
            for name in (HOME, self.estate.name)
            for item in self.kube.list_all(f"/apis/apps/v1/namespaces/{name}/deployments")[0]
        ]
        own = [item for item in found if item["metadata"]["name"] in DEPLOYMENTS]
        return not not_up(own) and all(_rolled_out(item) for item in found)

    def _restart_newer(self) -> None:
        """Pods whose template is what it was again, and that got the newer proxy with it."""
        if not self._settled():
            return
        for pods in self.estate.state().pods.values():
            for pod in pods:
                if not pod.proxy or pod.proxy.release != self.release:
                    self.kube.delete(f"/api/v1/namespaces/{self.estate.name}/pods/{pod.name}")

    def _wait(self, reached: Callable[[], bool], between: Callable[[], None] = lambda: None) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            assert time.monotonic() < until, (self.installed(), self.proxies(), self.records())
            between()
            time.sleep(0.5)


@contextmanager
def mesh_of(release: str, folder: Path) -> Iterator[Mesh]:
    """A sandbox of its own with Linkerd ``release``, and a namespace that a rollout has meshed."""
    try:
        connection = up(folder / "sandbox", lambda _: None).connection
        assert connection
        url, tls = read_kubeconfig(connection.kubeconfig)
        with Proxy(url, tls) as api, Proxy(connection.prometheus_url) as prometheus:
            kube = Kube.connect(str(connection.kubeconfig), connection.context)
            estate = make_estate(Through(connection, kube, api, prometheus, folder), "meshed")
            mesh = Mesh(estate, release, {}, estate.original)
            mesh.settings(release={"channel": release})
            ran = estate.run_to_end("rollout")
            assert ran.code == 0, ran.result["errors"]
            mesh.revisions = {name: each.revision for name, each in helm.releases(kube, HOME).items()}
            mesh.meshed = estate.state()
            yield mesh
    finally:
        down(folder / "sandbox", lambda _: None)


def _helm_secrets(kube: Kube) -> list[Object]:
    return kube.list_all(RECORDS, labelSelector="owner=helm")[0]


def _version(item: Object) -> str:
    meta = item["metadata"]
    return f"{meta['uid']} {meta.get('generation') or (meta['resourceVersion'] if 'data' in item else '')}"


def _rolled_out(deployment: Object) -> bool:
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    fresh = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return fresh and counts == [wanted] * 3
