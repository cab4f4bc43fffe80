"""Everything about an install of the control plane that is not Helm's: planned whole, then carried out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from meshroll.adapters import catalogue, gateway_api, helm, identity
from meshroll.adapters.charts import CHARTS, ChartSource, ha_values, values_of
from meshroll.adapters.kube.client import Kube
from meshroll.adapters.kube.look import HTTP_ROUTE_CRD
from meshroll.core import control_plane as core
from meshroll.core.carried_values import unknown_values
from meshroll.core.chart_values import CONTROL_PLANE_CHART, chart_values, value_problems
from meshroll.core.errors import MeshrollError, Problem, Refused
from meshroll.core.helm_records import HelmRelease
from meshroll.core.identity import ISSUER_SECRET, TRUST_ROOTS, trust_domain_of
from meshroll.core.install import Seen, records_in_the_way
from meshroll.core.places import shown
from meshroll.core.releases import ChartName, Edge
from meshroll.core.settings import Settings

Result = TypeVar("Result")


@dataclass(frozen=True)
class Install:
    """A whole install, decided and possible. ``charts`` are the archives; ``values`` those of the control plane."""

    edge: Edge
    namespace: str
    seen: Seen
    profile: core.Profile
    values: dict[str, Any]
    helm_binary: str
    charts: dict[ChartName, Path]
    gateway_api: gateway_api.Bundle | None
    identity: identity.IdentityPlan
    dropped_records: tuple[HelmRelease, ...]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What is made, one row an object, as a result lists changes; Helm's releases come last."""
        made = [] if self.seen.namespace else [(f"Namespace/{self.namespace}", "Linkerd's labels")]
        if self.gateway_api:
            version = self.gateway_api.version
            made += [
                (f"CustomResourceDefinition/{crd['metadata']['name']}", f"Gateway API {version}")
                for crd in self.gateway_api.crds
            ]
        made += self.identity.made
        made += [
            (f"{self.namespace}/HelmRelease/{chart}", self.edge.chart_version)
            for chart in CHARTS
            if self.seen.helm.get(chart) is None or chart == CONTROL_PLANE_CHART
        ]
        why = f"install Linkerd {self.edge}, profile {self.profile}"
        step = "Control plane"
        return [
            {"step": step, "object": name, "field": "", "before": None, "after": after, "why": why}
            for name, after in made
        ]


def see(kube: Kube, namespace: str) -> Seen:
    """One look at what an install builds on."""
    core_path = f"/api/v1/namespaces/{namespace}"
    with ThreadPoolExecutor(max_workers=8) as pool:
        version = pool.submit(kube.get, "/version")
        nodes = pool.submit(kube.list_all, "/api/v1/nodes")
        space = pool.submit(kube.get, core_path)
        deployments = pool.submit(kube.list_all, f"/apis/apps/v1/namespaces/{namespace}/deployments")
        issuer = pool.submit(kube.get, f"{core_path}/secrets/{ISSUER_SECRET}")
        roots = pool.submit(kube.get, f"{core_path}/configmaps/{TRUST_ROOTS}")
        http_route = pool.submit(kube.get, HTTP_ROUTE_CRD)
        releases = pool.submit(helm.releases, kube, namespace)
        return Seen(
            kubernetes_version=str((version.result() or {})["gitVersion"]),
            nodes=tuple(nodes.result()[0]),
            namespace=space.result(),
            deployments=tuple(deployments.result()[0]),
            issuer=issuer.result(),
            trust_roots=roots.result(),
            gateway_api=http_route.result() is not None,
            helm=releases.result(),
        )


def plan(seen: Seen, settings: Settings, edge: Edge, folder: Path, now: datetime) -> Install:
    """Reads files and the chart source, puts the archives into ``folder``, changes nothing in the cluster.

    Raises Refused with all reasons at once.
    """
    own, namespace = settings.control_plane, settings.control_plane.namespace
    problems: list[Problem] = []

    def attempt(work: Callable[[], Result]) -> Result | None:
        try:
            return work()
        except MeshrollError as error:
            problems.extend(error.problems)
            return None

    binary = attempt(lambda: helm.usable(own.helm_binary, helm.environment(folder, settings.api)))
    charts = attempt(lambda: _fetch(settings, edge, folder))
    profile = attempt(lambda: core.profile_of(own.profile, seen.nodes))
    chart = attempt(lambda: values_of(charts[CONTROL_PLANE_CHART])) if charts else None
    ha = attempt(lambda: ha_values(chart)) if chart and profile == "ha" else None
    values = chart_values(ha, own.values, settings.prometheus.scrape == "podmonitor")
    problems += value_problems(own.values, values)
    problems += unknown_values(own.values, chart) if chart else []
    if seen.namespace is not None:
        problems += core.namespace_problems(seen.namespace, *core.namespace_metadata(namespace, values))
    bundle = None if seen.gateway_api else attempt(lambda: gateway_api.read(settings.gateway_api.file))
    files, trust_domain = settings.certificates, trust_domain_of(own.values)
    certificates = attempt(
        lambda: identity.plan_identity(seen.issuer, seen.trust_roots, namespace, trust_domain, files, now)
    )
    dropped, in_the_way = records_in_the_way(seen, CHARTS, now)
    problems += in_the_way
    if problems or binary is None or charts is None or profile is None or certificates is None:
        raise Refused(problems)
    return Install(
        edge, namespace, seen, profile, values, binary, charts, bundle, certificates, tuple(dropped)
    )


def carry_out(kube: Kube, install: Install, now: datetime, between: Callable[[], None]) -> None:
    """Makes all that Helm's charts build on; each part is skipped where it is there. Raises ApiError, Failed."""
    _mark_namespace(kube, install)
    helm.drop(kube, install.dropped_records)
    if install.gateway_api:
        gateway_api.install(kube, install.gateway_api, between)
    identity.carry_out(kube, install.identity, now)


def _mark_namespace(kube: Kube, install: Install) -> None:
    """The namespace with Linkerd's labels, and with the mark that an install is under way."""
    labels, annotations = core.namespace_metadata(install.namespace, install.values)
    metadata = {"labels": labels, "annotations": {**annotations, core.INSTALLING: str(install.edge)}}
    path = f"/api/v1/namespaces/{install.namespace}"
    if install.seen.namespace is None:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": install.namespace, **metadata}}
        kube.apply(path, body)
    else:
        kube.merge_patch(path, {"metadata": metadata})


def _fetch(settings: Settings, edge: Edge, folder: Path) -> dict[ChartName, Path]:
    charts = ChartSource.read(settings.control_plane.chart_source, catalogue.read(settings.catalogue))
    if edge not in charts.edges:
        raise Refused(
            Problem(
                "release-not-found",
                f"{shown(charts.source)} does not have the charts of {edge}.",
                "Set meshroll_control_plane.chart_source to one that has them, or choose another release.",
            )
        )
    return {chart: charts.fetch(chart, edge.chart_version, folder) for chart in CHARTS}
