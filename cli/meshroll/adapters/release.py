"""Which release this cluster's proxies get: that of its control plane, or the one that policy picks to install."""

from __future__ import annotations

import datetime

from meshroll.adapters import catalogue
from meshroll.adapters.charts import ChartSource
from meshroll.core.checks.cluster import running_edge
from meshroll.core.model import ClusterView
from meshroll.core.release_policy import Bounds, choose
from meshroll.core.releases import Edge
from meshroll.core.settings import Settings


def release_for(settings: Settings, view: ClusterView, today: datetime.date) -> Edge:
    """Raises Refused or UsageError where nothing fits, or where the mesh that runs is not an edge release."""
    if view.control_plane.installed:
        return running_edge(view.control_plane)
    known = catalogue.read(settings.catalogue)
    source = ChartSource.read(settings.control_plane.chart_source, known)
    bounds = Bounds(settings.release, today, view.kubernetes_version, source.edges)
    return choose(known, bounds).edge
