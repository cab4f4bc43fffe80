"""Who else writes an object, and would put it back or fail to write it after meshroll has changed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from meshroll.core.model import Object, annotations_of, labels_of

GITOPS = {
    "Argo CD": (("annotations", "argocd.argoproj.io/tracking-id"), ("labels", "argocd.argoproj.io/instance")),
    "Flux": (("labels", "kustomize.toolkit.fluxcd.io/name"), ("labels", "helm.toolkit.fluxcd.io/name")),
}
HELM_RELEASE = "meta.helm.sh/release-name"
# What the owners' tools write by themselves: in no source, and marks of a copy if they were.
MARKS = (
    HELM_RELEASE,
    "meta.helm.sh/release-namespace",
    *(key for marks in GITOPS.values() for _, key in marks),
    "kustomize.toolkit.fluxcd.io/namespace",
    "helm.toolkit.fluxcd.io/namespace",
)
MANAGED_BY = "app.kubernetes.io/managed-by"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
OURS = "meshroll"


@dataclass(frozen=True)
class Owner:
    """Who writes the issuer's Secret, so that meshroll does not. A ``controller`` renews it by itself."""

    name: str
    kind: Literal["controller", "GitOps", "Helm"]

    @property
    def renews(self) -> bool:
        return self.kind == "controller"


def gitops_owner(manifest: Object) -> str | None:
    """Which GitOps tool would put the manifest back as it is in Git, or None.

    Argo CD 2 marks objects by app.kubernetes.io/instance alone, which charts set too; but it signs what it writes.
    """
    managers = [str(entry.get("manager")) for entry in manifest["metadata"].get("managedFields") or []]
    return marked_by(manifest) or ("Argo CD" if any(each.startswith("argocd") for each in managers) else None)


def operator_of(workload: Object) -> str | None:
    """``Kafka orders`` that made the workload and writes its template, or None."""
    for reference in workload["metadata"].get("ownerReferences") or []:
        if reference.get("controller"):
            return f"{reference['kind']} {reference['name']}"
    return None


def marked_by(manifest: Object) -> str | None:
    """The GitOps tool whose marks it has. A namespace that Argo CD only made for others has none."""
    for tool, marks in GITOPS.items():
        for where, key in marks:
            if key in (labels_of(manifest) if where == "labels" else annotations_of(manifest)):
                return tool
    return None


def service_owner(service: Object) -> str | None:
    """Whose next sync, upgrade or apply says ``clusterIP: None`` of this Service, as far as it shows; or None."""
    tool = gitops_owner(service)
    if tool:
        return tool
    helm = _helm_owner(service)
    if helm:
        return helm
    if _last_applied(service).get("clusterIP") == "None":
        return "kubectl apply"
    for entry in service["metadata"].get("managedFields") or []:
        spec = (entry.get("fieldsV1") or {}).get("f:spec") or {}
        if entry.get("operation") == "Apply" and entry.get("manager") != OURS and "f:clusterIP" in spec:
            return f"Server-side apply by {entry.get('manager')}"
    return None


def issuer_owner(secret: Object) -> Owner | None:
    """Who would put it back, or renews it; None where it is nobody's but meshroll's or an operator's."""
    certificate = annotations_of(secret).get("cert-manager.io/certificate-name")
    if certificate or any(key.startswith("controller.cert-manager.io/") for key in labels_of(secret)):
        return Owner(f"cert-manager{f' (Certificate {certificate})' if certificate else ''}", "controller")
    for reference in secret["metadata"].get("ownerReferences") or []:
        return Owner(f"{reference['kind']} {reference['name']}", "controller")
    tool = gitops_owner(secret)
    if tool:
        return Owner(tool, "GitOps")
    helm = _helm_owner(secret)
    return Owner(helm, "Helm") if helm else None


def _helm_owner(manifest: Object) -> str | None:
    release = annotations_of(manifest).get(HELM_RELEASE)
    if release or labels_of(manifest).get(MANAGED_BY) == "Helm":
        return f"Helm (release {release})" if release else "Helm"
    return None


def _last_applied(service: Object) -> Mapping[str, Any]:
    """The spec that `kubectl apply` wrote last; nothing where somebody wrote something else there."""
    try:
        applied = msgspec.json.decode(annotations_of(service).get(LAST_APPLIED) or "{}")
        return dict(applied.get("spec") or {})
    except (msgspec.DecodeError, AttributeError, TypeError, ValueError):
        return {}
