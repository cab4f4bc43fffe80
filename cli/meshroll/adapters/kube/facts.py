"""What checks and scanners need beside a ClusterView: read side by side, and never more of an object than that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from meshroll.adapters.kube.client import METADATA, METADATA_LIST, TABLE, ApiError, Kube, Object
from meshroll.adapters.kube.connection import JSON
from meshroll.adapters.kube.pods import POD_PAGE
from meshroll.core.callers import config_maps_used
from meshroll.core.extensions import CNI, detect
from meshroll.core.facts import Facts, Hidden, Kind, MeshedPod, Need, Requested, Unseen
from meshroll.core.model import ClusterView, Pod
from meshroll.core.ownership import LAST_APPLIED
from meshroll.core.quantities import requested
from meshroll.core.scan.metrics import scrapes
from meshroll.core.uninstall import MESHED_BY

PODS = "/api/v1/pods"
CONFIG_MAPS = "/api/v1/namespaces/{namespace}/configmaps"
# Whole, because their specs are what matters. A kind that the API server does not serve has no objects.
EVERYWHERE: dict[Kind, str] = {
    "services": "/api/v1/services",
    "network_policies": "/apis/networking.k8s.io/v1/networkpolicies",
    "servers": "/apis/policy.linkerd.io/v1beta3/servers",
    "external_workloads": "/apis/workload.linkerd.io/v1beta1/externalworkloads",
    "links": "/apis/multicluster.linkerd.io/v1alpha1/links",
    "pod_monitors": "/apis/monitoring.coreos.com/v1/podmonitors",
    "service_monitors": "/apis/monitoring.coreos.com/v1/servicemonitors",
    "mutating_webhooks": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "validating_webhooks": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "felix_configurations": "/apis/crd.projectcalico.org/v1/felixconfigurations",
}
# Of the namespaces in hand alone.
IN_HAND: dict[Kind, str] = {
    "pod_disruption_budgets": "/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets",
    "resource_quotas": "/api/v1/namespaces/{namespace}/resourcequotas",
    "limit_ranges": "/api/v1/namespaces/{namespace}/limitranges",
    "jobs": "/apis/batch/v1/namespaces/{namespace}/jobs",
    "vertical_autoscalers": "/apis/autoscaling.k8s.io/v1/namespaces/{namespace}/verticalpodautoscalers",
    "scaled_objects": "/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects",
    "security_group_policies": "/apis/vpcresources.k8s.aws/v1beta1/namespaces/{namespace}/securitygrouppolicies",
}
ONLY_METADATA: dict[Kind, str] = {
    "namespaces": "/api/v1/namespaces",
    "service_profiles": "/apis/linkerd.io/v1alpha2/serviceprofiles",
}
# Policies that say with rules of their own who may reach whom: that there are any is all that is read of them.
OTHER_POLICIES = {
    "CiliumNetworkPolicy": "/apis/cilium.io/v2/ciliumnetworkpolicies",
    "CiliumClusterwideNetworkPolicy": "/apis/cilium.io/v2/ciliumclusterwidenetworkpolicies",
    "Calico NetworkPolicy": "/apis/crd.projectcalico.org/v1/networkpolicies",
    "Calico GlobalNetworkPolicy": "/apis/crd.projectcalico.org/v1/globalnetworkpolicies",
    "AdminNetworkPolicy": "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies",
    "SecurityGroupPolicy": "/apis/vpcresources.k8s.aws/v1beta1/securitygrouppolicies",
}
CILIUM_CONFIG = "/api/v1/namespaces/kube-system/configmaps/cilium-config"
CNI_CONFIG = "/api/v1/namespaces/{namespace}/configmaps/linkerd-cni-config"
HELM_RECORDS = "/api/v1/namespaces/{namespace}/secrets"
# Those that linkerd-crds has ever made.
GATEWAY_CRDS = tuple(
    f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.gateway.networking.k8s.io"
    for plural in ("httproutes", "grpcroutes", "tlsroutes", "tcproutes")
)


# What the scanners of an upgrade look at.
SCANNED: frozenset[Need] = frozenset(
    (
        "meshed_pods",
        "config_maps",
        "services",
        "network_policies",
        "servers",
        "external_workloads",
        "links",
        "pod_monitors",
        "service_monitors",
        "namespaces",
        "service_profiles",
        "other_policies",
        "gateway_crds",
    )
)


def see(
    kube: Kube, view: ClusterView, needs: Collection[Need], own_values: Mapping[str, Any] | None = None
) -> Facts:
    """The ``needs`` beside ``view``; ``own_values`` as Facts has them.

    What this account may not read is Hidden; raises ApiError for other refusals, Refused where the cluster does not
    answer.
    """
    with ThreadPoolExecutor(max_workers=16) as pool:
        served = _served(kube)
        parts = {
            need: pool.submit(_seen, read, what)
            for need, (read, what) in _reads(kube, view, served).items()
            if need in needs
        }
        read: dict[Any, Any] = {need: part.result() for need, part in parts.items()}
        facts = Facts(
            view=view,
            own_values=own_values or {},
            pods=read.pop("meshed_pods", ()),
            requests=read.pop("pod_requests", ()),
            listed=read,
            ahead_seconds=_ahead_seconds(kube) if "clock" in needs else 0.0,
        )
        if "config_maps" not in needs:
            return facts
        config_maps = {
            namespace: pool.submit(_seen, partial(_config_maps, kube, namespace, names), "configmaps")
            for namespace, names in _config_maps_to_read(facts).items()
            if view.space(namespace) is None
        }
        used = {namespace: part.result() for namespace, part in config_maps.items()}
    return replace(facts, config_maps=used)


def _reads(
    kube: Kube, view: ClusterView, served: frozenset[str]
) -> dict[Need, tuple[Callable[[], Iterable[Any]], str]]:
    """How each part is read, and what an account that may not read it is told that it may not read."""
    return {
        **{kind: (partial(_list, kube, path, served), path) for kind, path in EVERYWHERE.items()},
        **{kind: (partial(_in_hand, kube, view, path, served), path) for kind, path in IN_HAND.items()},
        **{kind: (partial(_metadata, kube, path, served), path) for kind, path in ONLY_METADATA.items()},
        "other_policies": (partial(_other_policies, kube, served), "policies of the CNI"),
        "gateway_crds": (partial(_gateway_crds, kube), "customresourcedefinitions"),
        "cilium_config": (partial(_one, kube, CILIUM_CONFIG), "cilium-config"),
        "cni_config": (partial(_cni_config, kube, view), "linkerd-cni-config"),
        "helm_records": (partial(_helm_records, kube, view), "secrets"),
        "meshed_pods": (partial(_meshed_pods, kube, view.control_plane.namespace), "pods"),
        "pod_requests": (partial(_requests, kube, view), "pods"),
    }


def _seen(read: Callable[[], Iterable[Any]], what: str) -> tuple[Any, ...] | Hidden:
    try:
        return tuple(read())
    except ApiError as error:
        if error.status != 403:
            raise
        return Hidden(f"this account may not read {what.rpartition('/')[2]}")


def _served(kube: Kube) -> frozenset[str]:
    """The API groups: of a kind that is not there, an account without the permission would be refused all the same."""
    groups = (kube.get("/apis") or {}).get("groups") or []
    return frozenset(group["name"] for group in groups)


def _is_served(path: str, served: frozenset[str]) -> bool:
    return path.startswith("/api/") or path.split("/")[2] in served


def _list(kube: Kube, path: str, served: frozenset[str]) -> list[Object]:
    return _page_by_page(kube, path, JSON, served)


def _in_hand(kube: Kube, view: ClusterView, path: str, served: frozenset[str]) -> Iterator[Object]:
    for name in view.namespaces:
        yield from _list(kube, path.format(namespace=name), served)


def _metadata(kube: Kube, path: str, served: frozenset[str]) -> list[Object]:
    return _page_by_page(kube, path, METADATA_LIST, served)


def _page_by_page(kube: Kube, path: str, accept: str, served: frozenset[str]) -> list[Object]:
    if not _is_served(path, served):
        return []
    try:
        return kube.list_as(path, accept, lambda page: map(_trimmed, page.get("items") or []))[0]
    except ApiError as error:
        if error.status == 404:  # the group is there without this version or kind
            return []
        raise


def _trimmed(item: Object) -> Object:
    """Without what is written down of who wrote it, which is often most of an object."""
    meta = item["metadata"]
    meta.pop("managedFields", None)
    (meta.get("annotations") or {}).pop(LAST_APPLIED, None)
    return item


def _meshed_pods(kube: Kube, home: str) -> list[MeshedPod]:
    """From the table that kubectl prints: metadata and the address, in a tenth of the bytes of the pods themselves."""
    return kube.list_as(
        PODS,
        TABLE,
        partial(_rows, home=home, held={}),
        labelSelector=f"{MESHED_BY}={home}",
        fieldSelector="status.phase!=Succeeded,status.phase!=Failed",
    )[0]


def _rows(page: Object, home: str, held: dict[object, Mapping[str, str]]) -> Iterator[MeshedPod]:
    """``held`` has the labels met so far: pods of a workload share theirs."""
    columns = [column["name"] for column in page["columnDefinitions"]]
    for row in page.get("rows") or []:
        pod, cells = Pod(row["object"]), dict(zip(columns, row["cells"], strict=True))
        meta = pod.manifest["metadata"]
        if meta["namespace"] == home or pod.ending:
            continue
        address = str(cells.get("IP") or "")
        yield MeshedPod(
            namespace=meta["namespace"],
            name=pod.name,
            owner=pod.owner or f"Pod/{pod.name}",
            labels=held.setdefault(tuple((meta.get("labels") or {}).items()), meta.get("labels") or {}),
            ip="" if address == "<none>" else address,
        )


def _requests(kube: Kube, view: ClusterView) -> list[Requested]:
    """By node and page, so that nothing of a large cluster's pods is kept."""
    elsewhere = [f"metadata.namespace!={name}" for name in (*view.namespaces, *view.neighbours)]
    running = ["status.phase!=Succeeded", "status.phase!=Failed"]
    return kube.list_as(
        PODS,
        JSON,
        lambda page: requested(page["items"]),
        POD_PAGE,
        fieldSelector=",".join([*running, *elsewhere]),
    )[0]


def _other_policies(kube: Kube, served: frozenset[str]) -> Iterator[Object]:
    for kind, path in OTHER_POLICIES.items():
        for item in _metadata(kube, path, served):
            yield {"kind": kind, "metadata": item["metadata"]}


def _one(kube: Kube, path: str) -> Iterator[Object]:
    found = kube.get(path)
    if found is not None:
        yield _trimmed(found)


def _cni_config(kube: Kube, view: ClusterView) -> Iterator[Object]:
    """Where linkerd-cni is."""
    for each in detect((), view.all_workloads):
        if each.name == CNI:
            yield from _one(kube, CNI_CONFIG.format(namespace=each.namespace))


def _helm_records(kube: Kube, view: ClusterView) -> list[Object]:
    """Their labels say how each release stands; what is in them is not read."""
    path = HELM_RECORDS.format(namespace=view.control_plane.namespace)
    return kube.list_metadata(path, labelSelector="owner=helm")[0]


def _ahead_seconds(kube: Kube) -> float:
    kube.get("/version")
    return (datetime.now(UTC) - kube.server_now()).total_seconds()


def _gateway_crds(kube: Kube) -> Iterator[Object]:
    for path in GATEWAY_CRDS:
        crd = kube.get(path, METADATA)
        if crd is not None:
            yield _trimmed(crd)


def _config_maps_to_read(facts: Facts) -> dict[str, set[str]]:
    """By namespace: those that meshed workloads and scrapers read."""
    try:
        meshed = {(workload.namespace, workload.id) for workload in facts.meshed_workloads}
    except Unseen:
        meshed = set()
    wanted: dict[str, set[str]] = {}
    for workload in facts.view.all_workloads:
        if (workload.namespace, workload.id) in meshed or scrapes(workload):
            for name in config_maps_used(workload):
                wanted.setdefault(workload.namespace, set()).add(name)
    return wanted


def _config_maps(kube: Kube, namespace: str, names: set[str]) -> list[Object]:
    def used(page: Object) -> list[Object]:
        return [_trimmed(item) for item in page.get("items") or [] if item["metadata"]["name"] in names]

    return kube.list_as(CONFIG_MAPS.format(namespace=namespace), JSON, used)[0]
