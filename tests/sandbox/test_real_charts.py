"""The same roles with Linkerd's own charts, where MESHROLL_LINKERD_CHARTS names a folder or repository of them.

They are not in this repository, and the stand-ins must behave as they do: `helm pull` the charts linkerd-crds and
linkerd-control-plane of some releases into a folder, then `helm repo index FOLDER`.
"""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from sandbox.support import Estate, own_estate

from meshroll.adapters import helm
from meshroll.adapters.catalogue import breaking_changes, shipped
from meshroll.adapters.charts import CHARTS, ChartSource, values_of
from meshroll.core.carried_values import StoredRelease, carry
from meshroll.core.chart_values import CONTROL_PLANE_CHART, IDENTITY_VALUES, merged
from meshroll.core.known_values import ChartValues
from meshroll.core.releases import Edge
from meshroll_sandbox.tools import ensure

PLACE = os.environ.get("MESHROLL_LINKERD_CHARTS", "")
HOME = "/api/v1/namespaces/linkerd"
KUBERNETES = (1, 35)

pytestmark = pytest.mark.skipif(
    not PLACE, reason="MESHROLL_LINKERD_CHARTS names no folder or repository of Linkerd's charts"
)


@pytest.fixture(scope="module")
def source() -> ChartSource:
    return ChartSource.read(PLACE, shipped())


@pytest.fixture(scope="module")
def edges(source: ChartSource) -> list[Edge]:
    """Those that run on the sandbox's Kubernetes, oldest first."""
    known = shipped()
    rows = [(edge, known.find(edge)) for edge in sorted(source.edges)]
    return [edge for edge, row in rows if row is None or row.runs_on(KUBERNETES)]


@pytest.fixture(scope="module")
def estate(edges: list[Edge], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """A sandbox of its own, whose Linkerd comes from the real charts, the oldest first."""
    with own_estate("real", tmp_path_factory.mktemp("real")) as made:
        made.settings(
            control_plane={**made.control_plane, "chart_source": PLACE}, release={"channel": str(edges[0])}
        )
        made.namespace_settings(workloads=["Deployment/sessions-gateway"], injection="workloads")
        yield made


@pytest.mark.parametrize("profile", ["ha", "default"])
def test_each_release_renders_with_what_the_one_before_was_given(
    source: ChartSource, tmp_path: Path, profile: str
) -> None:
    charts = [
        values_of(source.fetch(CONTROL_PLANE_CHART, edge.chart_version, tmp_path)) for edge in _all(source)
    ]
    given = merged(charts[0].ha if profile == "ha" else {}, IDENTITY_VALUES)
    for older, newer in pairwise(charts):
        carried = carry(StoredRelease(1, older, given), newer, {}, False, breaking_changes())
        assert carried.problems == ()
        found = _rendered(tmp_path, newer, carried.values)
        # What others made before Helm must not be the chart's, or an upgrade that drops it would delete it.
        assert (
            not {("Secret", "linkerd-identity-issuer"), ("ConfigMap", "linkerd-identity-trust-roots")}
            & found.keys()
        )
        planes = [one for (kind, _), one in found.items() if kind == "Deployment"]
        assert {one["spec"]["replicas"] for one in planes} == {3 if profile == "ha" else 1}
        assert all(("podAntiAffinity" in str(one["spec"]["template"])) == (profile == "ha") for one in planes)
        hooks = [each for (kind, _), one in found.items() if "Webhook" in kind for each in one["webhooks"]]
        assert {hook["failurePolicy"] for hook in hooks} == {"Fail" if profile == "ha" else "Ignore"}
        given = carried.values


@pytest.mark.parametrize("which", ["defaults", "ha"])
def test_nothing_that_a_chart_has_by_itself_is_taken_for_a_mistake(
    source: ChartSource, tmp_path: Path, which: str
) -> None:
    charts = [
        values_of(source.fetch(CONTROL_PLANE_CHART, edge.chart_version, tmp_path)) for edge in _all(source)
    ]
    for chart, next_chart in zip(charts, [*charts[1:], charts[-1]], strict=True):
        values = getattr(chart, which)
        carried = carry(StoredRelease(1, chart, values), next_chart, {}, False, breaking_changes())
        assert [each.message for each in carried.problems if each.code != "values-version-pinned"] == []


def test_values_that_are_called_removed_are_and_what_takes_their_place_is_there(
    source: ChartSource, tmp_path: Path
) -> None:
    newest = values_of(source.fetch(CONTROL_PLANE_CHART, _all(source)[-1].chart_version, tmp_path))
    for change in breaking_changes():
        for name, instead in change.removed_values.items():
            assert not newest.has(tuple(name.split("."))), name
            assert not instead or newest.has(tuple(instead.split("."))), instead


def test_the_oldest_is_installed_without_a_key_in_helm(estate: Estate, edges: list[Edge]) -> None:
    ran = estate.run("rollout")
    assert ran.code == 0, ran.result["errors"]
    records, _ = estate.kube.list_all(f"{HOME}/secrets", labelSelector="owner=helm")
    assert {record["metadata"]["labels"]["name"] for record in records} == set(CHARTS)
    for record in records:
        text = gzip.decompress(base64.b64decode(base64.b64decode(record["data"]["release"])))
        # Templates speak of keys; a key itself begins like this.
        assert b"-----BEGIN EC PRIVATE" not in text.partition(b'"manifest"')[0]
    issuer = estate.kube.get(f"{HOME}/secrets/linkerd-identity-issuer")
    assert issuer and issuer["type"] == "kubernetes.io/tls" and "meta.helm.sh/release-name" not in str(issuer)
    running = helm.stored(estate.kube, helm.releases(estate.kube, "linkerd")[CONTROL_PLANE_CHART])
    assert running.chart.version == edges[0].chart_version
    assert running.values["identity"] == IDENTITY_VALUES["identity"]
    (pod, *_) = estate.pods("Deployment/sessions-gateway")
    assert pod.proxy and pod.proxy.release == str(edges[0])


def _all(source: ChartSource) -> list[Edge]:
    return sorted(source.edges)


def _rendered(
    folder: Path, chart: ChartValues, values: dict[str, Any]
) -> dict[tuple[str, str], dict[str, Any]]:
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    binary, archive = ensure(lambda _: None).helm, folder / f"{CONTROL_PLANE_CHART}-{chart.version}.tgz"
    options = ("-n", "linkerd", "--kube-version", "1.35.4", "-f", str(file))
    command = [str(binary), "template", CONTROL_PLANE_CHART, str(archive), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{chart.version}: {done.stderr}"
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout) if one}
