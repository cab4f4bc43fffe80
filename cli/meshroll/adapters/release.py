"""Which release this cluster's proxies get: that of its control plane, or the one that policy picks to install."""

from __future__ import annotations

from importlib.resources import files

import yaml

from meshroll.adapters.charts import ChartSource
from meshroll.core.checks.cluster import running_edge
from meshroll.core.model import ClusterView
from meshroll.core.release_policy import choose
from meshroll.core.releases import Catalogue, Edge
from meshroll.core.settings import Settings


def catalogue() -> Catalogue:
    """The catalogue that came with this meshroll."""
    text = (files("meshroll") / "data" / "releases.yml").read_text()
    return Catalogue.from_data(yaml.safe_load(text))


def release_for(settings: Settings, view: ClusterView) -> Edge:
    """Raises Refused or UsageError where nothing fits, or where the mesh that runs is not an edge release."""
    if view.control_plane.installed:
        return running_edge(view.control_plane)
    source = ChartSource.read(settings.control_plane.chart_source)
    return choose(settings.release, catalogue(), source.versions, view.kubernetes_version).edge
