"""An API server, its controllers and Linkerd's injector, in as few lines as the plans need to be tried on.

Written from the facts, not from meshroll's rules: the injector decides by annotations what kind of proxy a pod gets.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from unit.core.factories import pod

from meshroll.core.changes import Change
from meshroll.core.injection import Sidecar
from meshroll.core.model import ClusterView, NamespaceView, Pod, Workload
from meshroll.core.plan import Plan
from meshroll.core.releases import Edge

SWITCH = "proxy-enable-native-sidecar"
ALPHA, BETA, GA = (f"config{level}.linkerd.io/{SWITCH}" for level in (".alpha", ".beta", ""))
WAIT = "config.alpha.linkerd.io/proxy-wait-before-exit-seconds"
TRUE = ("1", "t", "T", "TRUE", "true", "True")


class PatchRefusedError(Exception):
    """422: a ``test`` failed or a path is not there."""


def patched(manifest: Mapping[str, Any], operations: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """RFC 6902 as the API server does it: ``test`` of null passes where only the last key is missing.

    Empty maps of annotations and the like are not kept.
    """
    result = copy.deepcopy(dict(manifest))
    for operation in operations:
        *way, key = [k.replace("~1", "/").replace("~0", "~") for k in operation["path"].split("/")[1:]]
        here: Any = result
        for step in way:
            here = here[int(step)] if isinstance(here, list) else here.get(step)
            if here is None:
                raise PatchRefusedError(f"{operation['path']}: no {step}")
        _operate(operation, here, int(key) if isinstance(here, list) else key)
    return _without_empty_maps(result)


def _operate(operation: Mapping[str, Any], here: Any, key: Any) -> None:
    present = here[key] if isinstance(here, list) else here.get(key)
    match operation["op"]:
        case "test":
            if present != operation["value"]:
                raise PatchRefusedError(f"test of {operation['path']}: {present!r}")
        case "remove":
            if present is None:
                raise PatchRefusedError(f"remove {operation['path']}")
            del here[key]
        case "replace":
            if present is None:
                raise PatchRefusedError(f"replace {operation['path']}")
            here[key] = copy.deepcopy(operation["value"])
        case "add":
            here[key] = copy.deepcopy(operation["value"])
        case other:
            raise AssertionError(other)


def _without_empty_maps(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_empty_maps(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {"annotations", "labels", "data"}
    return {key: _without_empty_maps(item) for key, item in value.items() if not (key in kept and item == {})}


def injector(workload: Workload, namespace: Mapping[str, str], edge: Edge) -> Sidecar | None:
    """The proxy that a new pod gets, None for none (linkerd2 pkg/inject; failurePolicy Ignore)."""
    own = workload.template_annotations
    inherited = {ALPHA, WAIT}
    if edge >= Edge(26, 5, 2):
        inherited |= {GA}
    elif edge >= Edge(25, 10, 2):
        inherited |= {BETA}
    annotations = {key: value for key, value in namespace.items() if key in inherited} | dict(own)
    wanted = own.get("linkerd.io/inject") or namespace.get("linkerd.io/inject")
    if wanted not in ("enabled", "ingress"):
        return None
    known = [GA] if edge >= Edge(26, 5, 2) else []
    known += [BETA] if edge >= Edge(25, 10, 2) else []
    known += [ALPHA]
    said = [annotations[key] in TRUE for key in known if key in annotations]
    native = said[0] if said else edge >= Edge(26, 5, 2)
    if native and WAIT in annotations and edge < Edge(26, 5, 2):
        return None
    return "native" if native else "wait"


def rolled(view: ClusterView, plan: Plan, edge: Edge) -> ClusterView:
    """The cluster once every change of the plan is made, in order, and every touched workload has new pods."""
    for change in plan.changes():
        view = made(view, change, edge)
    return view


def made(view: ClusterView, change: Change, edge: Edge) -> ClusterView:
    name = change.name if change.kind == "Namespace" else change.namespace
    space = _made(view.namespaces[name], change)
    if change.workload:
        space = _rerolled(space, change.workload, edge)
    return replace(view, namespaces={**view.namespaces, name: space})


def _made(space: NamespaceView, change: Change) -> NamespaceView:
    if change.kind == "Namespace":
        assert space.manifest is not None
        return replace(space, manifest=patched(space.manifest, change.json_patch()))
    if change.workload:
        found = space.workload(change.workload)
        assert found is not None
        after = Workload(patched(found.manifest, change.json_patch()))
        return replace(space, workloads=tuple(after if w.id == after.id else w for w in space.workloads))
    key = "services" if change.kind == "Service" else "config_maps"
    others = [item for item in getattr(space, key) if item["metadata"]["name"] != change.name]
    if change.action in ("apply", "create"):
        assert change.body is not None
        others.append(served(None, change.body) if key == "services" else change.body)
    if change.action == "patch":
        found = next(item for item in getattr(space, key) if item["metadata"]["name"] == change.name)
        after = patched(found, change.json_patch())
        others.append(served(found, after) if key == "services" else after)
    return replace(space, **{key: tuple(others)})


DROPPED_AT_EXTERNAL_NAME = (
    "clusterIP",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "internalTrafficPolicy",
    "externalTrafficPolicy",
)
DEFAULTS = {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster"}


def served(before: Mapping[str, Any] | None, written: Mapping[str, Any]) -> dict[str, Any]:
    """A Service as API servers of 1.35 keep what was written: what a type has no use for is dropped, the rest given.

    Tried on a real one: tests/sandbox/test_services_in_place.py.
    """
    spec = dict(written["spec"])
    if spec.get("type") == "ExternalName":
        if not spec.get("externalName"):
            raise PatchRefusedError("spec.externalName: Required value")
        spec = {key: value for key, value in spec.items() if key not in DROPPED_AT_EXTERNAL_NAME}
    else:
        old = before["spec"].get("clusterIP") if before else None
        if old and spec.get("clusterIP", old) != old:
            raise PatchRefusedError("spec.clusterIP: Invalid value: may not change once set")
        if spec.get("externalName"):
            raise PatchRefusedError("spec.externalName: may only be used when `type` is ExternalName")
        spec["clusterIP"] = spec.get("clusterIP") or old or "10.96.0.99"
        if before is None or "clusterIPs" in before["spec"] or before["spec"].get("type") == "ExternalName":
            spec["clusterIPs"] = [spec["clusterIP"]]
            spec = {"type": "ClusterIP", **DEFAULTS, **spec}
    return {**written, "spec": spec}


def _rerolled(space: NamespaceView, identifier: str, edge: Edge) -> NamespaceView:
    owner = space.workload(identifier)
    assert owner is not None
    proxy = injector(owner, space.annotations, edge)
    kept: list[Pod] = [each for each in space.pods if each.owner != identifier]
    new = [pod(owner, index, proxy=proxy, release=str(edge)) for index in range(owner.replicas)]
    return replace(space, pods=(*kept, *new))
