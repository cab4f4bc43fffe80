"""Deleting a Service and making it anew with every field kept: the last resort of a conversion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from meshroll.core.changes import Change, Field
from meshroll.core.model import Object

CLUSTER_IP = "/spec/clusterIP"
PORTS = "/spec/ports"
GRACE_SECONDS = "/metadata/deletionGracePeriodSeconds"
# Given by the API server, so that they are not in an object to be made.
ADDRESSES = ("clusterIP", "clusterIPs")
SERVER_SIDE = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink")

# Fields of a conversion whose values only the API server knows, so that another one is nobody's change.
GIVEN = frozenset({*(f"/spec/{key}" for key in ADDRESSES), "/metadata/uid", "/metadata/resourceVersion"})


def removed(service: Object) -> Change:
    """The delete of exactly this Service in exactly this state: its ``fields`` are the delete's preconditions."""
    meta = service["metadata"]
    fields = [Field(f"/metadata/{key}", meta[key], None) for key in ("uid", "resourceVersion") if key in meta]
    why = "deleted, to be made anew with another clusterIP"
    return Change("Service", meta["namespace"], meta["name"], "delete", why, fields)


def delete_options(change: Change) -> dict[str, Any]:
    """What a delete asks of the object that it finds, ``uid`` and ``resource_version`` as far as they are known, and
    the ``grace_seconds`` that it gives it, where it says.
    """
    known = {field.path: str(field.before) for field in change.fields}
    names = {"uid": "/metadata/uid", "resource_version": "/metadata/resourceVersion"}
    found: dict[str, Any] = {name: known[path] for name, path in names.items() if path in known}
    if GRACE_SECONDS in known:
        found["grace_seconds"] = next(field.after for field in change.fields if field.path == GRACE_SECONDS)
    return found


def recreated(before: Object, *, headless: bool, ports: Sequence[Object] | None = None) -> Change:
    """The whole Service ``before`` made anew, with ``ports`` in place of its own, where given.

    ``before`` is the object as the API server gave it: from a look, or from a journal after a process died between
    the delete and this. ``fields`` say what becomes of the old one, for a later way back.
    """
    meta = {key: value for key, value in before["metadata"].items() if key not in SERVER_SIDE}
    spec = {key: value for key, value in before["spec"].items() if key not in ADDRESSES}
    wanted = [dict(port) for port in (spec.get("ports") or [] if ports is None else ports)]
    fields = [Field(CLUSTER_IP, before["spec"].get("clusterIP"), "None" if headless else None)]
    if wanted != spec.get("ports"):
        fields.append(Field(PORTS, spec.get("ports"), wanted))
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {**spec, "ports": wanted, **({"clusterIP": "None"} if headless else {})},
    }
    why = "made anew, headless" if headless else "made anew, with a clusterIP"
    return Change("Service", meta["namespace"], meta["name"], "create", why, fields, body)


def in_order(changes: Iterable[Change]) -> tuple[list[list[Change]], list[Change], list[Change]]:
    """(made first, one by one: the changes of each object together; workloads to roll; what is removed last)."""
    first: dict[str, list[Change]] = {}
    rolling: list[Change] = []
    for change in changes:
        if change.workload is None:
            first.setdefault(change.object, []).append(change)
        else:
            rolling.append(change)
    last: list[Change] = []
    for group in first.values():
        while group and group[-1].action == "delete":
            last.insert(0, group.pop())
    return [group for group in first.values() if group], rolling, last
