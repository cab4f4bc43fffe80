"""One look at a cluster: all that the rules need, read side by side in paginated lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from sys import intern
from typing import Any

import yaml

from meshroll.adapters import certificate_dates
from meshroll.adapters.kube.client import ApiError, Kube, Object
from meshroll.adapters.kube.connection import JSON
from meshroll.adapters.kube.pods import list_pods
from meshroll.core.control_plane import INJECTOR, INSTALLING
from meshroll.core.mesh_identity import MeshIdentity
from meshroll.core.model import (
    ClusterView,
    ControlPlane,
    NamespaceView,
    Pod,
    Workload,
    annotations_of,
)
from meshroll.core.permissions import NEEDED, NEEDED_TO_DRILL, NEEDED_TO_PROBE

CONTROLLERS = {
    "Deployment": ("/apis/apps/v1", "deployments"),
    "StatefulSet": ("/apis/apps/v1", "statefulsets"),
    "DaemonSet": ("/apis/apps/v1", "daemonsets"),
    "CronJob": ("/apis/batch/v1", "cronjobs"),
}
HTTP_ROUTE_CRD = (
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/httproutes.gateway.networking.k8s.io"
)
BUNDLE_VERSION = "gateway.networking.k8s.io/bundle-version"
AUTHORIZATION = "/apis/authorization.k8s.io/v1"


def look(
    kube: Kube,
    namespaces: Iterable[str],
    linkerd_namespace: str,
    neighbours: Iterable[str] = (),
    certificates: bool = False,
) -> ClusterView:
    """A ClusterView of ``namespaces`` and of the callers elsewhere; of Linkerd's ``certificates`` where they matter.

    Kinds whose API is not there (policy CRDs before Linkerd) count as none; a namespace that is not there has no
    manifest. Raises Refused or ApiError where the cluster cannot be read.
    """
    wanted = set(namespaces)
    beside = set(neighbours) - wanted
    with ThreadPoolExecutor(max_workers=16) as pool:
        version = pool.submit(kube.get, "/version")
        nodes = pool.submit(kube.list_all, "/api/v1/nodes")
        everywhere = {
            kind: pool.submit(kube.list_as, f"{group}/{plural}", JSON, _workloads)
            for kind, (group, plural) in CONTROLLERS.items()
        }
        http_route = pool.submit(kube.get, HTTP_ROUTE_CRD)
        control_plane = pool.submit(_control_plane, kube, linkerd_namespace)
        dated = pool.submit(certificate_dates.read, kube, linkerd_namespace) if certificates else None
        spaces = {name: _namespace_reads(pool.submit, kube, name) for name in wanted | beside}
        workloads: dict[str, list[Workload]] = {}
        for kind, future in everywhere.items():
            for item in future.result()[0]:
                workload = Workload({"kind": kind, **item})
                workloads.setdefault(workload.namespace, []).append(workload)
        views = {
            name: NamespaceView(
                name=name,
                manifest=reads["namespace"].result(),
                workloads=tuple(sorted(workloads.get(name, []), key=lambda workload: workload.id)),
                pods=tuple(Pod(item) for item in reads["pods"].result()),
                services=tuple(reads["services"].result()[0]),
                config_maps=tuple(reads["config_maps"].result()[0]),
                autoscalers=tuple(reads["autoscalers"].result()[0]),
                policy_servers=tuple(reads["policy_servers"].result()[0]),
                rules=tuple(reads["rules"].result()),
            )
            for name, reads in spaces.items()
        }
        elsewhere = [w for name, found in workloads.items() if name not in views for w in found]
        crd = http_route.result()
        plane = control_plane.result()
        read = dated.result() if dated and plane.installed else None
        pods = [pod for view in views.values() for pod in view.pods]
        return ClusterView(
            kubernetes_version=str((version.result() or {})["gitVersion"]),
            nodes=tuple(nodes.result()[0]),
            control_plane=plane,
            gateway_api_version=annotations_of(crd).get(BUNDLE_VERSION, "unknown") if crd else None,
            namespaces={name: views[name] for name in sorted(wanted)},
            neighbours={name: views[name] for name in sorted(beside)},
            other_workloads=tuple(w for w in elsewhere if w.namespace != linkerd_namespace),
            certificates=tuple(certificate_dates.dates(read, kube.server_now())) if read else (),
            identity=certificate_dates.identity(read, pods) if read else MeshIdentity(),
        )


def _namespace_reads(submit: Callable[..., Future[Any]], kube: Kube, name: str) -> dict[str, Future[Any]]:
    core = f"/api/v1/namespaces/{name}"
    return {
        "namespace": submit(kube.get, core),
        "pods": submit(list_pods, kube, f"{core}/pods"),
        "services": submit(kube.list_all, f"{core}/services"),
        "config_maps": submit(kube.list_all, f"{core}/configmaps"),
        "autoscalers": submit(
            kube.list_all, f"/apis/autoscaling/v2/namespaces/{name}/horizontalpodautoscalers"
        ),
        "policy_servers": submit(
            _list_if_known, kube, f"/apis/policy.linkerd.io/v1beta3/namespaces/{name}/servers"
        ),
        "rules": submit(_rules, kube, name),
    }


def _workloads(page: Object) -> list[Object]:
    """With the names of who wrote fields, and without which: nobody asks it of them, and it is half of each."""
    for item in page["items"]:
        entries = item["metadata"].pop("managedFields", [])
        names = dict.fromkeys(intern(str(entry.get("manager"))) for entry in entries)
        item["metadata"]["managedFields"] = [{"manager": name} for name in names]
    return list(page["items"])


def _list_if_known(kube: Kube, path: str) -> tuple[list[Object], str]:
    try:
        return kube.list_all(path)
    except ApiError as error:
        if error.status == 404:
            return [], ""
        raise


def _rules(kube: Kube, namespace: str) -> list[Object]:
    """What the account may do in the namespace: one review, not one a permission.

    An authorizer that cannot list its rules (EKS access entries) says that they are incomplete; only then each
    permission is asked for.
    """
    review = kube.create(
        f"{AUTHORIZATION}/selfsubjectrulesreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        },
    )
    status = review.get("status") or {}
    rules = list(status.get("resourceRules") or [])
    if status.get("incomplete"):
        rules += [
            {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
            for group, resource, verb in dict.fromkeys((*NEEDED, *NEEDED_TO_PROBE, *NEEDED_TO_DRILL))
            if _may(kube, namespace, group, resource, verb)
        ]
    return rules


def _may(kube: Kube, namespace: str, group: str, resource: str, verb: str) -> bool:
    attributes = {"namespace": namespace, "group": group, "resource": resource, "verb": verb}
    review = kube.create(
        f"{AUTHORIZATION}/selfsubjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        },
    )
    return bool((review.get("status") or {}).get("allowed"))


def _control_plane(kube: Kube, namespace: str) -> ControlPlane:
    """Linkerd as it stands in ``namespace``; an install that did not end is not one."""
    deployments, _ = kube.list_all(f"/apis/apps/v1/namespaces/{namespace}/deployments")
    by_name = {item["metadata"]["name"]: item for item in deployments}
    injector = by_name.get(INJECTOR)
    home = kube.get(f"/api/v1/namespaces/{namespace}")
    if injector is None or (home and INSTALLING in annotations_of(home)):
        return ControlPlane(False, namespace, None)
    stored = kube.get(f"/api/v1/namespaces/{namespace}/configmaps/linkerd-config") or {}
    values: Mapping[str, Any] = yaml.safe_load((stored.get("data") or {}).get("values", "")) or {}
    return ControlPlane(
        installed=True,
        namespace=namespace,
        release=_release(injector, values),
        injectors_ready=int((injector.get("status") or {}).get("readyReplicas", 0)),
        values=values,
        deployments=tuple(deployments),
    )


def _release(injector: Object, values: Mapping[str, Any]) -> str | None:
    """What made the injector; the values' version where it does not say."""
    version = values.get("linkerdVersion") or (values.get("proxy") or {}).get("image", {}).get("version")
    return Workload({"kind": "Deployment", **injector}).created_by or (str(version) if version else None)
