"""A sandbox whose Linkerd is for the tests to change, and a namespace on it; both become what they were again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from meshroll.adapters.kube.journal import PATH as JOURNAL
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
CHANGED = (
    "/api/v1/namespaces/{}/pods",
    "/api/v1/namespaces/{}/secrets",
    "/api/v1/namespaces/{}/services",
    "/apis/apps/v1/namespaces/{}/deployments",
)
PATIENCE_SECONDS = 120.0
# What the API server gives an object, and would not take for another one.
_GIVEN = ("resourceVersion", "uid", "generation", "managedFields", "creationTimestamp")


@dataclass
class Mesh:
    """Linkerd of ``release`` and a namespace; ``state``, ``proxies`` and Helm's ``records`` are those to go back to."""

    estate: Estate
    release: str
    state: State
    proxies: set[str | None] = field(default_factory=set)
    records: dict[str, Object] = field(default_factory=dict)

    @property
    def kube(self) -> Kube:
        return self.estate.kube

    def settings(self, **variables: Any) -> None:
        """Puts ``meshroll_*`` variables over those of the estate's inventory."""
        file = self.estate.folder / "inventory" / "host_vars" / "sandbox" / "test.yml"
        present = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump({**present, **{f"meshroll_{k}": v for k, v in variables.items()}}))

    def helm_records(self) -> list[tuple[str, int, str]]:
        """(release, revision, status) of each record that Helm has in Linkerd's namespace, oldest first."""
        labels = [secret["metadata"]["labels"] for secret in _records(self.kube)]
        return sorted((each["name"], int(each["version"]), each["status"]) for each in labels)

    def releases_here(self) -> set[str]:
        """The releases that the control plane's Deployments are of."""
        return {
            str(each["metadata"]["labels"]["app.kubernetes.io/version"]) for each in self._control_plane()
        }

    def proxies_here(self) -> set[str | None]:
        """The releases of the namespace's proxies; None for a pod without one."""
        pods = [pod for found in self.estate.state().pods.values() for pod in found]
        return {pod.proxy.release if pod.proxy else None for pod in pods}

    def why_not_over(self) -> list[str]:
        """What is left of a run: its lock, its journal, a record of Helm's that did not end."""
        wrong: list[str] = []
        lease = self.kube.get(LEASE)
        # Killed when its journal was closed already, a run leaves a lock that anybody here may take at once.
        if lease and not is_dead(lease["metadata"]["annotations"][ALIVE]):
            wrong.append(f"the lock is held by {lease['spec']['holderIdentity']}")
        wrong += [
            f"run {record.run_id} is {record.state}"
            for record in Journal(self.kube, None, wrong.append).read()
            if record.state in UNFINISHED and not record.continued_by
        ]
        wrong += [f"a record of Helm's is {each}" for each in self.helm_records() if each[2] not in SETTLED]
        newest = {name: status for name, _, status in self.helm_records()}
        return [*wrong, *(f"{name} is {status}" for name, status in newest.items() if status == "superseded")]

    def why_not_up(self) -> list[str]:
        return not_up(self._control_plane())

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
        for secret in _records(self.kube):
            labels = secret["metadata"]["labels"]
            at = int(labels.get("modifiedAt") or labels["createdAt"]) - int(HELM_AT_WORK_SECONDS)
            older = {"metadata": {"labels": {"modifiedAt": str(at)}}}
            self.kube.merge_patch(f"{RECORDS}/{secret['metadata']['name']}", older)

    def remember(self) -> None:
        """What there is now is what to go back to."""
        self.state, self.proxies = self.estate.state(), self.proxies_here()
        newest = {each.record for each in helm.releases(self.kube, HOME).values()}
        self.records = {}
        for secret in _records(self.kube):
            if secret["metadata"]["name"] in newest:
                self.records[secret["metadata"]["labels"]["name"]] = secret
            else:  # Helm keeps ten, and one that is dropped for the next is a write more
                self.kube.delete(f"{RECORDS}/{secret['metadata']['name']}")

    def put_back(self) -> None:
        """Linkerd, the namespace's objects and its pods as they were; and nobody remembers a run."""
        self.kube.delete(LEASE)
        for item in self.kube.list_all(JOURNAL)[0]:
            self.kube.delete(f"{JOURNAL}/{item['metadata']['name']}")
        shutil.rmtree(self.estate.folder / "state", ignore_errors=True)
        for chart in (CRDS_CHART, CONTROL_PLANE_CHART):
            self._release_back(chart)
        self._wait(lambda: self._rolled_out(HOME))
        for manifest in (
            self.state.namespace,
            *self.state.deployments.values(),
            *self.state.services.values(),
        ):
            self._object_back({"kind": "Namespace", **manifest})
        self._wait(
            lambda: self._rolled_out(self.estate.name) and self.proxies_here() == self.proxies,
            self._restart_others,
        )
        self.remember()

    def _release_back(self, chart: str) -> None:
        saved = self.records[chart]
        name, labels = saved["metadata"]["name"], saved["metadata"]["labels"]
        here = helm.releases(self.kube, HOME).get(chart)
        if here and (here.record, here.status) == (name, "deployed"):
            return
        for secret in _records(self.kube):
            if secret["metadata"]["labels"]["status"] not in SETTLED:
                self.kube.delete(f"{RECORDS}/{secret['metadata']['name']}")
        if self.kube.get(f"{RECORDS}/{name}") is None:
            metadata = {"name": name, "namespace": HOME, "labels": labels}
            self.kube.create(RECORDS, {**saved, "metadata": metadata})
        connection = self.estate.through.connection
        cluster = Cluster(kubeconfig=str(connection.kubeconfig), context=connection.context)
        variables = helm.environment(self.estate.folder)
        # Whole, because records may be gone that tell what is there instead.
        helm.rollback(
            str(connection.helm), variables, cluster, HOME, chart, int(labels["version"]), replace=True
        )

    def _object_back(self, manifest: Object) -> None:
        path = document_path(manifest)
        present = self.kube.get(path)
        assert present, f"{path} is gone"
        kept = {key: value for key, value in manifest["metadata"].items() if key not in _GIVEN}
        kept["resourceVersion"] = present["metadata"]["resourceVersion"]
        self.kube.replace(path, {**present, "spec": manifest["spec"], "metadata": kept})

    def _control_plane(self) -> list[Object]:
        found, _ = self.kube.list_all(f"/apis/apps/v1/namespaces/{HOME}/deployments")
        return [each for each in found if each["metadata"]["name"] in DEPLOYMENTS]

    def _rolled_out(self, namespace: str) -> bool:
        found, _ = self.kube.list_all(f"/apis/apps/v1/namespaces/{namespace}/deployments")
        return bool(found) and all(_rolled_out(each) for each in found)

    def _restart_others(self) -> None:
        """A template that is what it was does not restart the pods that got another proxy with it."""
        if not self._rolled_out(self.estate.name):
            return
        for pods in self.estate.state().pods.values():
            for pod in pods:
                if (pod.proxy.release if pod.proxy else None) not in self.proxies:
                    self.kube.delete(f"/api/v1/namespaces/{self.estate.name}/pods/{pod.name}")

    def _wait(self, reached: Callable[[], bool], between: Callable[[], None] = lambda: None) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            assert time.monotonic() < until, (self.releases_here(), self.proxies_here(), self.helm_records())
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
            mesh = Mesh(estate, release, estate.original)
            mesh.settings(release={"channel": release})
            ran = estate.run_to_end("rollout")
            assert ran.code == 0, ran.result["errors"]
            mesh.remember()
            yield mesh
    finally:
        down(folder / "sandbox", lambda _: None)


def _records(kube: Kube) -> list[Object]:
    return kube.list_all(RECORDS, labelSelector="owner=helm")[0]


def _version(item: Object) -> str:
    meta = item["metadata"]
    return f"{meta['uid']} {meta.get('generation') or (meta['resourceVersion'] if 'data' in item else '')}"


def _rolled_out(deployment: Object) -> bool:
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    fresh = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return fresh and counts == [wanted] * 3
