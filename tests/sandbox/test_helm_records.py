"""Helm's records as Helm really writes them: read, rolled back over, and freed of keys."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshroll.adapters import helm
from meshroll.adapters.catalogue import breaking_changes, shipped
from meshroll.adapters.charts import CHARTS, ChartSource, values_of
from meshroll.adapters.kube.client import Kube
from meshroll.core.carried_values import carry
from meshroll.core.chart_values import CONTROL_PLANE_CHART, private_keys
from meshroll.core.errors import RollbackFailed
from meshroll.core.settings import Cluster
from meshroll_sandbox.cluster import down, up
from meshroll_sandbox.status import Connection

HOME = "helm-records"
SECRETS = f"/api/v1/namespaces/{HOME}/secrets"
KEY = "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----"


class Helm:
    """Helm as meshroll calls it, in a namespace of its own."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self.connection, self.folder = connection, folder
        self.kube = Kube.connect(str(connection.kubeconfig), connection.context)
        self.cluster = Cluster(kubeconfig=str(connection.kubeconfig), context=connection.context)
        self.binary, self.variables = str(connection.helm), helm.environment(folder)
        self.source = ChartSource.read(connection.chart_source, shipped())

    def upgrade(self, version: str, values: dict[str, Any], chart: str = CONTROL_PLANE_CHART) -> None:
        file = self.folder / "values.yaml"
        file.write_text(yaml.safe_dump(values))
        archive = self.source.fetch(chart, version, self.folder)
        where = ("-n", HOME, "--kubeconfig", str(self.connection.kubeconfig))
        command = [self.binary, "upgrade", "--install", chart, str(archive), "-f", str(file), *where]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def left_pending(self) -> None:
        """What a Helm leaves that was killed in an upgrade: a newer record, pending."""
        newest = helm.releases(self.kube, HOME)[CONTROL_PLANE_CHART]
        secret = self.kube.get(f"{SECRETS}/{newest.record}")
        assert secret is not None
        revision = newest.revision + 1
        text = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        data = json.loads(gzip.decompress(text))
        data["version"], data["info"]["status"] = revision, "pending-upgrade"
        packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(data).encode())))
        labels = {**secret["metadata"]["labels"], "version": str(revision), "status": "pending-upgrade"}
        name = f"sh.helm.release.v1.{CONTROL_PLANE_CHART}.v{revision}"
        body = {**secret, "metadata": {"name": name, "labels": labels}, "data": {"release": packed.decode()}}
        self.kube.create(SECRETS, body)

    def release(self, kind: str = "deployments", name: str = "linkerd-identity") -> str:
        found = self.kube.get(f"/apis/apps/v1/namespaces/{HOME}/{kind}/{name}")
        assert found is not None
        return str(found["metadata"]["labels"]["app.kubernetes.io/version"])


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A sandbox of its own: where a rollout has installed Linkerd, its CRDs belong to another Helm release."""
    folder = tmp_path_factory.mktemp("helm") / "sandbox"
    try:
        connection = up(folder, lambda _: None).connection
        assert connection
        yield connection
    finally:
        down(folder, lambda _: None)


@pytest.fixture
def cluster(bare: Connection, tmp_path: Path) -> Iterator[Helm]:
    found = Helm(bare, tmp_path)
    found.kube.create("/api/v1/namespaces", {"metadata": {"name": HOME}})
    found.upgrade("2026.6.3", {}, CHARTS[0])
    yield found
    for chart in reversed(CHARTS):
        helm.uninstall(found.binary, found.variables, found.cluster, HOME, chart)
    found.kube.delete(f"/api/v1/namespaces/{HOME}")
    for _ in range(120):
        if found.kube.get(f"/api/v1/namespaces/{HOME}") is None:
            return
        time.sleep(0.5)
    raise AssertionError(f"namespace {HOME} does not go")


IDENTITY: dict[str, Any] = {"identity": {"externalCA": True, "issuer": {"scheme": "kubernetes.io/tls"}}}


@pytest.mark.exhaustive
def test_a_rollback_gets_past_an_upgrade_that_was_killed_and_keeps_values_and_webhooks(cluster: Helm) -> None:
    cluster.upgrade("2025.10.7", {**IDENTITY, "controllerLogLevel": "debug"})
    webhook = f"{SECRETS}/linkerd-proxy-injector-k8s-tls"
    before = (cluster.kube.get(webhook) or {})["data"]
    cluster.upgrade("2026.6.3", IDENTITY)
    cluster.left_pending()
    newest = helm.releases(cluster.kube, HOME)[CONTROL_PLANE_CHART]
    assert (newest.revision, newest.status, newest.deployed) == (3, "pending-upgrade", 2)
    helm.rollback(cluster.binary, cluster.variables, cluster.cluster, HOME, CONTROL_PLANE_CHART, 1)
    assert cluster.release() == "edge-25.10.7"
    newest = helm.releases(cluster.kube, HOME)[CONTROL_PLANE_CHART]
    assert (newest.revision, newest.status, newest.deployed) == (4, "deployed", 4)
    found = helm.stored(cluster.kube, newest)
    assert (found.revision, found.chart.version) == (4, "2025.10.7")
    assert found.values == {**IDENTITY, "controllerLogLevel": "debug"}
    assert (cluster.kube.get(webhook) or {})["data"] == before


@pytest.mark.exhaustive
def test_what_a_dropped_record_had_applied_goes_too_where_all_is_replaced(cluster: Helm) -> None:
    """The newer proxy is a native sidecar: a patch that knows nothing of it would leave it beside the older one."""
    cluster.upgrade("2025.10.7", IDENTITY)
    cluster.upgrade("2026.6.3", IDENTITY)
    helm.drop(cluster.kube, [helm.releases(cluster.kube, HOME)[CONTROL_PLANE_CHART]])
    newest = helm.releases(cluster.kube, HOME)[CONTROL_PLANE_CHART]
    assert (newest.revision, newest.status, newest.deployed) == (1, "superseded", 1)
    assert helm.stored(cluster.kube, newest).chart.version == "2025.10.7"
    back = (cluster.binary, cluster.variables, cluster.cluster, HOME, CONTROL_PLANE_CHART, 1)
    with pytest.raises(RollbackFailed):
        helm.rollback(*back)
    helm.rollback(*back, replace=True)
    assert cluster.release() == "edge-25.10.7"
    newest = helm.releases(cluster.kube, HOME)[CONTROL_PLANE_CHART]
    assert (newest.status, newest.deployed) == ("deployed", newest.revision)


@pytest.mark.exhaustive
def test_the_values_of_a_highly_available_control_plane_are_carried_to_the_next_chart(cluster: Helm) -> None:
    older, newer = (
        values_of(cluster.source.fetch(CONTROL_PLANE_CHART, version, cluster.folder))
        for version in ("2025.4.4", "2026.6.3")
    )
    private = {"proxyInit": {"image": {"name": "mirror.example/init"}}, "imagePullPolicy": "Always"}
    cluster.upgrade(older.version, {**older.ha, **IDENTITY, **private})
    running = helm.stored(cluster.kube, helm.releases(cluster.kube, HOME)[CONTROL_PLANE_CHART])
    # Helm adds the values of charts inside the chart.
    assert running.chart.ha == older.ha and running.chart.defaults.items() >= older.defaults.items()
    carried = carry(running, newer, {"controllerLogLevel": "debug"}, False, breaking_changes())
    assert carried.problems == ()
    assert any(note.startswith("proxyInit.image is left out") for note in carried.notes)
    cluster.upgrade(newer.version, carried.values)
    after = helm.stored(cluster.kube, helm.releases(cluster.kube, HOME)[CONTROL_PLANE_CHART]).values
    assert after == {**newer.ha, **IDENTITY, "imagePullPolicy": "Always", "controllerLogLevel": "debug"}


@pytest.mark.exhaustive
def test_keys_leave_helm_in_the_way_that_is_written_down_and_the_issuer_stays(cluster: Helm) -> None:
    tls = {"crtPEM": "CERTIFICATE", "keyPEM": KEY}
    cluster.upgrade("2025.10.7", {"identityTrustAnchorsPEM": "ANCHORS", "identity": {"issuer": {"tls": tls}}})

    def problems() -> list[str]:
        running = helm.stored(cluster.kube, helm.releases(cluster.kube, HOME)[CONTROL_PLANE_CHART])
        archive = cluster.source.fetch(CONTROL_PLANE_CHART, "2026.6.3", cluster.folder)
        return [each.code for each in carry(running, values_of(archive), {}, False, ()).problems]

    assert problems() == ["values-key-in-helm"]
    issuer, roots = f"{SECRETS}/linkerd-identity-issuer", "linkerd-identity-trust-roots"
    keep = {"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}}
    cluster.kube.merge_patch(f"/api/v1/namespaces/{HOME}/configmaps/{roots}", keep)
    pair = (cluster.kube.get(issuer) or {})["data"]
    named = {"data": {"tls.crt": pair["crt.pem"], "tls.key": pair["key.pem"]}}
    cluster.kube.merge_patch(issuer, {**keep, **named})
    cluster.upgrade("2025.10.7", {"identityTrustAnchorsPEM": "ANCHORS", **IDENTITY})
    assert problems() == []
    assert base64.b64decode((cluster.kube.get(issuer) or {})["data"]["tls.key"]).decode() == KEY
    assert cluster.kube.get(f"/api/v1/namespaces/{HOME}/configmaps/{roots}") is not None
    helm.rollback(cluster.binary, cluster.variables, cluster.cluster, HOME, CONTROL_PLANE_CHART, 2)
    newest = helm.releases(cluster.kube, HOME)[CONTROL_PLANE_CHART]
    assert list(private_keys(helm.stored(cluster.kube, newest).values)) == []
