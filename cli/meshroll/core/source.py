"""Services that others write: why they are not converted here, and what to commit where they come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from meshroll.core.conversion import state_of
from meshroll.core.errors import Problem
from meshroll.core.model import ClusterView, NamespaceView, Object
from meshroll.core.ownership import LAST_APPLIED, MARKS, service_owner
from meshroll.core.recreation import ADDRESSES, SERVER_SIDE
from meshroll.core.services import declared_ports, service_problems
from meshroll.core.settings import Service, Settings

# What the API server fills in; a manifest that leaves these out says the same.
DEFAULTS = {
    "type": "ClusterIP",
    "sessionAffinity": "None",
    "internalTrafficPolicy": "Cluster",
    "ipFamilyPolicy": "SingleStack",
}


class Manifest(msgspec.Struct, frozen=True):
    """A file to commit: its path below the folder that was asked for, a comment for its top, and the object."""

    path: str
    comment: str
    body: dict[str, Any]


def conversion_problems(setting: Service, space: NamespaceView) -> list[Problem]:
    """Why the Service itself is not to be changed, beside what ``service_problems`` finds; its hint is for the owner.

    One that is half-way is always finished: its owner has seen the change already.
    """
    service = space.service(setting.name)
    if service is None or not setting.converts:
        return []
    state = state_of(service)
    if state == "other":
        return [
            _problem(
                "service-external-name",
                space,
                setting,
                f"Service {setting.name} is an ExternalName and leads to no pods of {space.name}.",
                "Take it out of `services`, and list the Service that it leads to.",
            )
        ]
    problems = []
    if state == "headless" and setting.method == "recreate" and service["metadata"].get("finalizers"):
        problems.append(
            _problem(
                "service-finalizers",
                space,
                setting,
                f"Service {setting.name} has finalizers, so a delete would wait for others and the name stay taken.",
                "Use `method: in_place`.",
            )
        )
    owner = owner_in_the_way(setting, space)
    if owner:
        ports = ", ".join(_said(port) for port in declared_ports(service, space.servers_of(service)))
        problems.append(
            _problem(
                "service-owned",
                space,
                setting,
                f"{owner} owns Service {setting.name} and would undo the change, or fail at its next apply.",
                f"At its source take `clusterIP: None` out and declare the ports {ports} (--emit-patches DIR writes "
                "the manifest); apply that, then set `source_ready: true` on it in the inventory.",
            )
        )
    return problems


def owner_in_the_way(setting: Service, space: NamespaceView) -> str | None:
    """The owner whose source still makes the Service headless, where it would be changed; else None."""
    service = space.service(setting.name)
    if service is None or setting.source_ready or not setting.converts or state_of(service) != "headless":
        return None
    return None if service_problems(setting, space) else service_owner(service)


def manifests(view: ClusterView, settings: Settings, cluster: str) -> Iterator[Manifest]:
    """What to commit for each Service that is refused because of its owner."""
    for namespace in settings.namespaces:
        space = view.namespaces[namespace.name]
        for setting in namespace.services:
            owner, service = owner_in_the_way(setting, space), space.service(setting.name)
            if owner and service:
                yield Manifest(
                    f"{cluster}/{space.name}-service-{setting.name}.yaml",
                    f"Service {setting.name} of {space.name}, owned by {owner}: without clusterIP, pod ports declared. "
                    "Commit it at its source.",
                    _at_its_source(service, space),
                )


def _at_its_source(service: Object, space: NamespaceView) -> dict[str, Any]:
    """The whole Service as a source would say it: nothing that the API server or the owner's tool adds."""
    meta = {key: value for key, value in service["metadata"].items() if key not in SERVER_SIDE}
    meta.pop("ownerReferences", None)
    for kind in ("annotations", "labels"):
        kept = {key: value for key, value in (meta.pop(kind, None) or {}).items() if key not in ADDED}
        if kept:
            meta[kind] = kept
    given = service["spec"]
    spec = {
        key: value
        for key, value in given.items()
        if key not in (*ADDRESSES, "ports") and DEFAULTS.get(key) != value
    }
    if given.get("ipFamilyPolicy", "SingleStack") == "SingleStack":
        spec.pop("ipFamilies", None)  # the cluster's own
    ports = declared_ports(service, space.servers_of(service))
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {**spec, "ports": ports}}


ADDED = (*MARKS, LAST_APPLIED)


def _said(port: Object) -> str:
    return f"{port.get('name', '')} {port['port']} -> {port.get('targetPort', port['port'])}".strip()


def _problem(code: str, space: NamespaceView, setting: Service, message: str, hint: str) -> Problem:
    return Problem(code, message, hint, namespace=space.name, object=f"Service/{setting.name}")
