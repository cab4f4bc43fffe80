"""A cluster from manifests, as one look at a real one would give it; and the examples of what each scanner finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from meshroll.core.facts import Kind
from meshroll.core.model import ClusterView, ControlPlane, Pod, Workload, annotations_of, labels_of
from meshroll.core.scan import Facts, MeshedPod

EXAMPLES = Path(__file__).parent / "examples"
Json = dict[str, Any]
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")
KINDS: dict[str, Kind] = {
    "Namespace": "namespaces",
    "Service": "services",
    "NetworkPolicy": "network_policies",
    "CiliumNetworkPolicy": "other_policies",
    "CustomResourceDefinition": "gateway_crds",
    "ServiceProfile": "service_profiles",
    "Server": "servers",
    "ExternalWorkload": "external_workloads",
    "Link": "links",
    "PodMonitor": "pod_monitors",
    "ServiceMonitor": "service_monitors",
}


@dataclass(frozen=True)
class Example:
    """One cluster, and what a scanner says of it. ``values`` are what runs, ``own_values`` what a hop sets."""

    objects: Sequence[Json] = ()
    says: Sequence[Mapping[str, str]] = ()
    release: str = "edge-25.2.3"
    kubernetes: str = "v1.33.1"
    gateway_api: str | None = "v1.1.1"
    values: Json = field(default_factory=dict)
    own_values: Json = field(default_factory=dict)

    def facts(self) -> Facts:
        return facts(
            self.objects,
            release=self.release,
            kubernetes=self.kubernetes,
            gateway_api=self.gateway_api,
            values=self.values,
            own_values=self.own_values,
        )


@cache
def example(identifier: str, which: str) -> Example:
    """``which`` is hit or clear."""
    return Example(**yaml.safe_load((EXAMPLES / f"{identifier}.yml").read_text())[which])


def facts(
    objects: Sequence[Json],
    *,
    release: str = "edge-25.2.3",
    kubernetes: str = "v1.33.1",
    gateway_api: str | None = "v1.1.1",
    values: Json | None = None,
    own_values: Json | None = None,
) -> Facts:
    """Workloads that ask for a proxy, or whose namespace does, have two pods with one; Pods have one as they stand."""
    listed: dict[Kind, list[Json]] = {}
    config_maps: dict[str, list[Json]] = {}
    nodes, workloads, pods = [], [], []
    annotated = {o["metadata"]["name"]: annotations_of(o) for o in objects if o["kind"] == "Namespace"}
    for each in objects:
        kind, meta = each["kind"], each["metadata"]
        if kind in WORKLOADS:
            workload = Workload(each)
            workloads.append(workload)
            inherited = annotated.get(workload.namespace, {}).get("linkerd.io/inject")
            if workload.template_annotations.get("linkerd.io/inject", inherited) == "enabled":
                pods += [_pod(workload, number) for number in range(2)]
        elif kind == "Pod":
            pods.append(_seen(each))
        elif kind == "ConfigMap":
            config_maps.setdefault(meta["namespace"], []).append(each)
        elif kind == "Node":
            nodes.append(each)
        else:
            listed.setdefault(KINDS[kind], []).append(each)
    plane = ControlPlane(True, "linkerd", release, injectors_ready=1, values=values or {})
    return Facts(
        view=ClusterView(kubernetes, tuple(nodes), plane, gateway_api, {}, tuple(workloads)),
        own_values=own_values or {},
        pods=tuple(pods),
        listed={kind: tuple(found) for kind, found in listed.items()},
        config_maps={namespace: tuple(found) for namespace, found in config_maps.items()},
    )


def _pod(workload: Workload, number: int) -> MeshedPod:
    labels = {**labels_of(workload.template), "linkerd.io/control-plane-ns": "linkerd"}
    return MeshedPod(workload.namespace, f"{workload.name}-{number}", workload.id, labels)


def _seen(manifest: Json) -> MeshedPod:
    pod = Pod(manifest)
    return MeshedPod(
        namespace=manifest["metadata"]["namespace"],
        name=pod.name,
        owner=pod.owner or f"Pod/{pod.name}",
        labels=labels_of(manifest),
        ip=(manifest.get("status") or {}).get("podIP", ""),
    )
