"""Scanners of what reads metrics: scrape configurations that go by the control plane's old port names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from meshroll.core.chart_values import CONTROL_PLANE_CHART
from meshroll.core.facts import Facts, Kind, Unseen
from meshroll.core.model import Object, Workload, annotations_of, containers_of
from meshroll.core.ownership import HELM_RELEASE
from meshroll.core.scan.row import Hit, Scanner, listed

OLD_PORT = re.compile(r"(?<![-\w])admin-http(?![-\w])")
# Programs that take scrape_configs as Prometheus does.
SCRAPERS = re.compile(
    r"(?:prometheus|vmagent|victoria-metrics|alloy|grafana-agent|opentelemetry-collector|otelcol)",
    re.IGNORECASE,
)
MONITORS: dict[Kind, str] = {"pod_monitors": "PodMonitor", "service_monitors": "ServiceMonitor"}


def scrapes(workload: Workload) -> bool:
    """Whether it is a Prometheus, or reads scrape configurations as one does, by the name of an image."""
    return any(
        SCRAPERS.search((container.get("image") or "").rpartition("/")[2])
        for container in containers_of(workload.template)
    )


def _port_names(facts: Facts) -> Iterator[Hit]:
    for kind, name in MONITORS.items():
        for monitor in facts.objects(kind):
            if _is_of_linkerd(monitor, facts.view.control_plane.namespace) and _names_port(monitor["spec"]):
                meta = monitor["metadata"]
                yield Hit(
                    f"{name}/{meta['name']} keeps ports called admin-http.",
                    meta["namespace"],
                    f"{name}/{meta['name']}",
                )
    hidden: dict[str, str] = {}
    for workload in filter(scrapes, facts.view.all_workloads):
        try:
            config_maps = facts.config_maps_of(workload)
        except Unseen as reason:
            hidden[f"{workload.namespace}/{workload.id}"] = str(reason)
            continue
        for config_map in config_maps:
            if any(_of_linkerd(text) for text in (config_map.get("data") or {}).values()):
                name = f"ConfigMap/{config_map['metadata']['name']}"
                yield Hit(
                    f"{name}, which {workload.id} reads, keeps ports called admin-http.",
                    workload.namespace,
                    name,
                )
    if hidden:
        raise Unseen(f"what {listed(hidden)} read: {next(iter(hidden.values()))}")


def _is_of_linkerd(monitor: Object, home: str) -> bool:
    """Whether it looks at pods of the control plane; the chart's own is made anew with the hop."""
    if annotations_of(monitor).get(HELM_RELEASE) == CONTROL_PLANE_CHART:
        return False
    selector = monitor["spec"].get("namespaceSelector") or {}
    return bool(
        selector.get("any") or home in (selector.get("matchNames") or [monitor["metadata"]["namespace"]])
    )


def _names_port(value: Any) -> bool:
    if isinstance(value, str):
        return OLD_PORT.search(value) is not None
    if isinstance(value, dict):
        return any(_names_port(each) for each in value.values())
    return isinstance(value, list) and any(_names_port(each) for each in value)


def _of_linkerd(text: str) -> bool:
    """Others call ports admin-http too."""
    return "linkerd" in text and OLD_PORT.search(text) is not None


SCANNERS: dict[str, Scanner] = {"control-plane-port-names": _port_names}
