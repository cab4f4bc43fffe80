"""A namespace as the earlier steps of a plan will leave it, which is what later steps are planned on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from meshroll.core.changes import Change, Field, applied
from meshroll.core.model import NamespaceView, Object, Workload


def once_changed(space: NamespaceView, changes: Iterable[Change]) -> NamespaceView:
    """``space`` with its own object, its workloads, Services and ConfigMaps as ``changes`` leave them."""
    fields: dict[str, list[Field]] = {}
    for change in changes:
        if change.action in ("patch", "create"):
            fields.setdefault(change.object, []).extend(change.fields)
    if not fields:
        return space

    def after(kind: str, manifest: Object) -> Object:
        name = manifest["metadata"]["name"]
        here = fields.get(f"Namespace/{name}" if kind == "Namespace" else f"{space.name}/{kind}/{name}")
        return applied(manifest, here) if here else manifest

    return replace(
        space,
        manifest=after("Namespace", space.manifest) if space.manifest else None,
        workloads=tuple(Workload(after(workload.kind, workload.manifest)) for workload in space.workloads),
        services=tuple(after("Service", service) for service in space.services),
        config_maps=tuple(after("ConfigMap", config_map) for config_map in space.config_maps),
    )
