"""Reads what an upgrade is decided by, and makes ready what Helm is given for a hop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshroll.adapters import catalogue, helm
from meshroll.adapters.charts import CHARTS, ChartSource, values_of
from meshroll.adapters.eks_facts import known_supports
from meshroll.adapters.kube.client import ApiError, Kube
from meshroll.adapters.kube.look import look
from meshroll.adapters.kube.pods import list_pods
from meshroll.core.carried_values import carry
from meshroll.core.chart_values import CONTROL_PLANE_CHART
from meshroll.core.control_plane import parts
from meshroll.core.errors import Refused
from meshroll.core.helm_records import SETTLED
from meshroll.core.journal import HopTaken, Record
from meshroll.core.model import ClusterView, Workload
from meshroll.core.releases import ChartName, Edge
from meshroll.core.scope import caller_namespaces
from meshroll.core.settings import Cluster, Settings
from meshroll.core.uninstall import MESHED_BY
from meshroll.core.upgrade.calendar import Due, calendar_of
from meshroll.core.upgrade.standing import Standing

# Of a failed one nobody knows which way it went.
TELLING = ("deployed", "pending-upgrade")


def see(kube: Kube, settings: Settings, records: Sequence[Record]) -> Standing:
    """One look at the whole cluster. Raises ApiError, Refused."""
    home = settings.control_plane.namespace
    names = [namespace.name for namespace in settings.namespaces]
    with ThreadPoolExecutor(max_workers=5) as pool:
        view = pool.submit(look, kube, names, home, caller_namespaces(settings))
        spaces = pool.submit(kube.list_all, "/api/v1/namespaces")
        pods = pool.submit(list_pods, kube, "/api/v1/pods", labelSelector=MESHED_BY)
        deployments = pool.submit(kube.list_all, f"/apis/apps/v1/namespaces/{home}/deployments")
        releases = pool.submit(helm.releases, kube, home)
        return Standing(
            view=view.result(),
            namespaces=frozenset(space["metadata"]["name"] for space in spaces.result()[0]),
            pods=tuple(pods.result()),
            deployments=parts(deployments.result()[0]),
            helm=releases.result(),
            records=tuple(records),
        )


def calendar(kube: Kube, settings: Settings, view: ClusterView, records: Sequence[Record]) -> Due | None:
    """How the upgrade stands, for `status`. Without the right to list Helm's records it goes by the journal alone.

    Raises Refused or UsageError for a catalogue that cannot be read.
    """
    try:
        release = helm.releases(kube, settings.control_plane.namespace).get(CONTROL_PLANE_CHART)
    except ApiError:
        release = None
    known, now = catalogue.read(settings.catalogue), kube.server_now()
    changed_at = release.changed_at if release else None
    return calendar_of(view, changed_at, records, settings, known, known_supports(), now)


@dataclass(frozen=True)
class Prepared:
    """What Helm is given for one hop: the archive of each chart, and the control plane's values."""

    charts: dict[ChartName, Path]
    values: dict[str, Any]
    helm_binary: str
    notes: tuple[str, ...]


class Preparing:
    """What every hop is prepared from: the chart source, and what was given to the release that runs."""

    def __init__(self, kube: Kube, standing: Standing, settings: Settings, source: ChartSource) -> None:
        """Raises Refused where Helm's record cannot be read."""
        self.source, self.settings = source, settings
        self.running = helm.stored(kube, standing.helm[CONTROL_PLANE_CHART])

    def prepare(self, edge: Edge, folder: Path) -> Prepared:
        """Fetches the charts of ``edge`` into ``folder``, carries the values over. Changes nothing. Raises Refused."""
        own = self.settings.control_plane
        binary = helm.usable(own.helm_binary, helm.environment(folder, self.settings.api))
        charts = {chart: self.source.fetch(chart, edge.chart_version, folder) for chart in CHARTS}
        carried = carry(
            self.running,
            values_of(charts[CONTROL_PLANE_CHART]),
            own.values,
            self.settings.prometheus.scrape == "podmonitor",
            catalogue.breaking_changes(),
        )
        if carried.problems:
            raise Refused(carried.problems)
        return Prepared(charts, carried.values, binary, carried.notes)


def roll_back(
    kube: Kube,
    binary: str,
    variables: Mapping[str, str],
    cluster: Cluster,
    home: str,
    hop: HopTaken,
    between: Callable[[], None],
) -> None:
    """The control plane's Helm release, in namespace ``home``, as it was before ``hop``; nothing where it is already.

    The chart of CRDs stays as it is: a rollback would take versions away that there are objects of. Records of a Helm
    that was killed go: no later run would take them for meshroll's. Raises RollbackFailed helm-failed.
    """
    if hop.revision is None:
        return
    newest = helm.ended(kube, home, CHARTS, between).get(CONTROL_PLANE_CHART)
    if newest is None or newest.status != "deployed" or _parts(kube, home) - {hop.start}:
        between()
        # Helm takes what its newest record tells of for what is there. One of a way back that was cut short tells of
        # the older release, and where one was dropped to go on, and nothing came of it, none tells of the newer.
        tells = newest is not None and newest.revision > hop.revision and newest.status in TELLING
        helm.rollback(binary, variables, cluster, home, CONTROL_PLANE_CHART, hop.revision, replace=not tells)
    between()
    helm.drop(
        kube,
        [each for each in helm.records(kube, home) if each.name in CHARTS and each.status not in SETTLED],
    )


def _parts(kube: Kube, home: str) -> set[str]:
    """The releases that the control plane's Deployments are of: several, where Helm was killed between them."""
    found, _ = kube.list_all(f"/apis/apps/v1/namespaces/{home}/deployments")
    own = (Workload({"kind": "Deployment", **each}) for each in parts(found))
    return {release for each in own if (release := each.created_by)}
