"""The sandbox's estate and its inventory, as a look at a fresh cluster would see them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from unit.core.factories import cluster, pods, space

from meshroll.core.model import ClusterView, Workload
from meshroll.core.settings import Settings, parse

ROOT = Path(__file__).parents[3]
NODES = 3


def estate(kubernetes: str = "v1.33.1") -> ClusterView:
    """Everything of sandbox/estate.yml, healthy; only ``charging`` is in hand."""
    objects = _objects()
    namespace = next(o for o in objects if o["kind"] == "Namespace" and o["metadata"]["name"] == "charging")
    workloads = [Workload(_as_served(item)) for item in objects if item["kind"] not in NOT_CONTROLLERS]
    home = [workload for workload in workloads if workload.namespace == "charging"]
    charging = space(
        *sorted(home, key=lambda workload: workload.id),
        labels=namespace["metadata"]["labels"],
        pods_seen=[pod for workload in home for pod in pods(workload)],
        services=tuple(_of(objects, "Service")),
        config_maps=tuple(_of(objects, "ConfigMap")),
    )
    return cluster(
        charging,
        kubernetes=kubernetes,
        elsewhere=[workload for workload in workloads if workload.namespace != "charging"],
    )


def inventory(**overrides: Any) -> Settings:
    """The settings of inventories/sandbox; ``overrides`` are keys of its one namespace."""
    variables = _variables()
    return parse(variables | {"meshroll_namespaces": [variables["meshroll_namespaces"][0] | overrides]})


@cache
def _objects() -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all((ROOT / "sandbox/estate.yml").read_text()) if item]


@cache
def _variables() -> dict[str, Any]:
    variables: dict[str, Any] = {}
    for file in sorted((ROOT / "inventories/sandbox/group_vars/all").glob("*.yml")):
        variables |= yaml.safe_load(file.read_text()) or {}
    return variables


NOT_CONTROLLERS = ("Namespace", "Service", "ConfigMap")


def _of(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [o for o in objects if o["kind"] == kind and o["metadata"].get("namespace") == "charging"]


def _as_served(item: dict[str, Any]) -> dict[str, Any]:
    """With the status that its controller writes once all is well."""
    status = {"observedGeneration": 1}
    if item["kind"] == "DaemonSet":
        status["desiredNumberScheduled"] = NODES
    return {**item, "metadata": {**item["metadata"], "generation": 1}, "status": status}
