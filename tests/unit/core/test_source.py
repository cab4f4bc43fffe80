"""Services that others own: refused with what to do, and the manifest to commit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.core.api_server import served
from unit.core.factories import Json, cluster, service, settings, space, workload

from meshroll.core.model import NamespaceView
from meshroll.core.ownership import service_owner
from meshroll.core.settings import Service
from meshroll.core.source import conversion_problems, manifests

SERVER = workload(
    name="points", containers=[{"name": "points", "ports": [{"name": "grpc", "containerPort": 8080}]}]
)
GRPC = {"name": "grpc", "port": 80, "targetPort": "grpc", "protocol": "TCP"}
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def points(metadata: Json | None = None, **spec: Any) -> Json:
    made = service("points", "points", headless=True, ports=[GRPC])
    return served(
        None, {"metadata": {**made["metadata"], **(metadata or {})}, "spec": {**made["spec"], **spec}}
    )


def applied(spec: Json) -> Json:
    return {"annotations": {APPLIED: json.dumps({"spec": spec})}}


def managed(manager: str, operation: str, *fields: str) -> Json:
    written = {"f:spec": {f"f:{field}": {} for field in fields}}
    return {"managedFields": [{"manager": manager, "operation": operation, "fieldsV1": written}]}


OWNED = [
    ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm"),
    ({"annotations": {"meta.helm.sh/release-name": "web"}}, "Helm (release web)"),
    ({"annotations": {"argocd.argoproj.io/tracking-id": "a:b"}}, "Argo CD"),
    ({"labels": {"argocd.argoproj.io/instance": "a"}}, "Argo CD"),
    ({"labels": {"kustomize.toolkit.fluxcd.io/name": "a"}}, "Flux"),
    ({"labels": {"helm.toolkit.fluxcd.io/name": "a"}}, "Flux"),
    (applied({"clusterIP": "None"}), "kubectl apply"),
    (managed("kustomize", "Apply", "clusterIP"), "Server-side apply by kustomize"),
]
FREE = [
    {},
    applied({"ports": []}),
    {"annotations": {APPLIED: "not json"}},
    {"annotations": {APPLIED: "[]"}},
    managed("kustomize", "Apply", "ports"),
    managed("kustomize", "Update", "clusterIP"),
    managed("meshroll", "Apply", "clusterIP"),
]


def seen(manifest: Json) -> NamespaceView:
    return space(SERVER, services=(manifest,))


def codes(manifest: Json, **setting: Any) -> list[str]:
    wanted = {"method": "in_place", **setting}
    return [problem.code for problem in conversion_problems(Service(name="points", **wanted), seen(manifest))]


@pytest.mark.parametrize(("metadata", "owner"), OWNED)
@pytest.mark.parametrize("method", ["in_place", "recreate"])
def test_what_something_owns_is_refused_until_its_source_is_ready(
    metadata: Json, owner: str, method: str
) -> None:
    manifest = points(metadata)
    assert service_owner(manifest) == owner
    assert codes(manifest, method=method) == ["service-owned"]
    assert codes(manifest, method=method, source_ready=True) == []
    assert codes(manifest, method="alongside") == []


@pytest.mark.parametrize("metadata", FREE)
def test_what_nobody_makes_headless_is_free(metadata: Json) -> None:
    assert service_owner(points(metadata)) is None
    assert codes(points(metadata)) == []


def test_one_that_has_its_address_is_not_refused() -> None:
    assert codes(points(OWNED[0][0], clusterIP="10.96.0.7")) == []


def test_a_delete_that_others_would_hold_up_is_refused() -> None:
    held = points({"finalizers": ["example.com/kept"]})
    assert codes(held, method="recreate") == ["service-finalizers"]
    assert codes(held, method="in_place") == []


def test_an_external_name_is_no_service_to_convert() -> None:
    theirs = points(type="ExternalName", externalName="elsewhere.example")
    assert codes(theirs) == ["service-external-name"]


def test_the_hint_has_the_exact_change() -> None:
    (problem,) = conversion_problems(Service(name="points", method="in_place"), seen(points(OWNED[1][0])))
    assert "Helm (release web) owns Service points" in problem.message
    assert "grpc 80 -> grpc, grpc-pod 8080 -> grpc" in problem.hint
    assert "source_ready: true" in problem.hint


def test_the_manifest_is_what_a_source_says() -> None:
    manifest = points(
        {
            "uid": "u",
            "resourceVersion": "7",
            "labels": {"team": "roaming", "argocd.argoproj.io/instance": "web"},
            "annotations": {APPLIED: "{}", "kept": "yes"},
            "ownerReferences": [{"name": "o"}],
        },
        internalTrafficPolicy="Local",
        sessionAffinity="None",
    )
    listed = {"name": "charging", "services": [{"name": "points", "method": "in_place"}, {"name": "gone"}]}
    (found,) = manifests(cluster(seen(manifest)), settings(listed), "staging-eu")
    assert found.path == "staging-eu/charging-service-points.yaml"
    assert "Argo CD" in found.comment
    assert found.body == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "points",
            "namespace": "charging",
            "labels": {"team": "roaming"},
            "annotations": {"kept": "yes"},
        },
        "spec": {
            "selector": {"app": "points"},
            "internalTrafficPolicy": "Local",
            "ports": [GRPC, {**GRPC, "name": "grpc-pod", "port": 8080}],
        },
    }


def test_there_is_none_where_nothing_is_refused() -> None:
    listed = {"name": "charging", "services": [{"name": "points", "method": "in_place"}]}
    assert list(manifests(cluster(seen(points())), settings(listed), "staging-eu")) == []
