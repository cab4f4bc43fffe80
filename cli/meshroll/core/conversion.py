"""Turning a headless Service into a ClusterIP Service, and back, from whatever state it is in; no field is lost.

``clusterIP`` may not change once it is set, but a Service may go to type ExternalName and back (facts of API servers
1.35): two updates, same uid. Meanwhile DNS answers with the name of the ClusterIP Service beside it. The API server
drops some fields on that way; the first update writes them, and where it was going, into an annotation that the second
removes, so that any later plan finishes what a process that died left in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from meshroll.core.changes import Change, Field, Guard, applied, fields_between, lookup, pointer
from meshroll.core.model import ClusterView, NamespaceView, Object, annotations_of
from meshroll.core.ownership import service_owner
from meshroll.core.recreation import ADDRESSES, CLUSTER_IP, PORTS, recreated, removed
from meshroll.core.services import declared_ports, is_headless
from meshroll.core.settings import Namespace, Service, Settings

State = Literal["headless", "halfway", "clusterip", "other"]
CONVERTING = "meshroll.io/converting"
MARK = pointer("metadata", "annotations", CONVERTING)
TYPE = "/spec/type"
# What the API server drops at type ExternalName and would default afterwards; addresses it gives anew.
DROPPED = ("ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy", "externalTrafficPolicy")


class Converting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The annotation: where it was going, the ports of the headless side, and the fields that were dropped."""

    to: Literal["clusterip", "headless"]
    ports: list[dict[str, Any]]
    dropped: dict[str, Any] = {}


def state_of(service: Object) -> State:
    """``halfway`` is between the two updates of a conversion; ``other`` is an ExternalName of somebody else's."""
    if service["spec"].get("type") == "ExternalName":
        return "halfway" if converting_of(service) else "other"
    return "headless" if is_headless(service) else "clusterip"


def converting_of(service: Object) -> Converting | None:
    """The annotation's content; None where there is none, or none that meshroll wrote."""
    try:
        return msgspec.json.decode(annotations_of(service)[CONVERTING], type=Converting)
    except (KeyError, msgspec.DecodeError):
        return None


def cluster_domain(view: ClusterView, settings: Settings) -> str:
    """What Linkerd's values say, those of the inventory where it is not installed yet, else Kubernetes' default."""
    values = {**settings.control_plane.values, **view.control_plane.values}
    return str(values.get("clusterDomain") or "cluster.local")


def to_convert(namespace: Namespace, space: NamespaceView) -> list[Service]:
    """The listed Services, and those that were left half-way by a run whose inventory listed them."""
    listed = {service.name for service in namespace.services}
    found = [str(item["metadata"]["name"]) for item in space.services if state_of(item) == "halfway"]
    return [*namespace.services, *(Service(name=name) for name in found if name not in listed)]


def to_clusterip(setting: Service, space: NamespaceView, domain: str) -> list[Change]:
    """What makes it a ClusterIP Service with its own ports and the pod ports declared; nothing where it is one.

    For ``in_place`` the Service beside it has to be there when these are made. One that is half-way is finished,
    whatever its method is by now.
    """
    service = space.service(setting.name)
    if service is None:
        return []
    state, servers = state_of(service), space.servers_of(service)
    ports = declared_ports(service, servers) if servers else list(service["spec"].get("ports") or [])
    if state == "halfway":
        return [_finished(service, ports, headless=False)]
    if not setting.converts or state == "other":
        return []
    if state == "clusterip":
        return _lacking(service, ports)
    if setting.method == "recreate":
        return [removed(service), recreated(service, headless=False, ports=ports)]
    begun = _begun(service, "clusterip", [Field(PORTS, service["spec"].get("ports"), ports)], setting, domain)
    return [begun, _finished(applied(service, begun.fields), ports, headless=False)]


def to_headless(setting: Service, space: NamespaceView, domain: str, written: Field | None) -> list[Change]:
    """The way back. ``written`` are the ports before and after the conversion (None: not known); None where it left
    them as they were.

    The first update tests the ports that the conversion wrote, so ports that somebody changed since are drift and
    not lost.
    """
    service = space.service(setting.name)
    if service is None:
        return []
    match state_of(service):
        case "halfway":
            known = converting_of(service)
            assert known is not None
            return [_finished(service, written.before if written else known.ports, headless=True)]
        case "clusterip":
            present = service["spec"].get("ports")
            ports = written or Field(PORTS, present, present)
            ours = ports.after is None or present in (ports.before, ports.after)
            before = present if ours else ports.after
            finalizers = service["metadata"].get("finalizers")
            if setting.method == "recreate" and before == present and not finalizers:
                return [removed(service), recreated(service, headless=True, ports=ports.before)]
            begun = _begun(service, "headless", [Field(PORTS, before, ports.before)], setting, domain)
            return [begun, _finished(applied(service, begun.fields), ports.before, headless=True)]
    return []


def _begun(
    service: Object, to: Literal["clusterip", "headless"], ports: list[Field], setting: Service, domain: str
) -> Change:
    """The first update. Ports change here: a list that the API server refuses is refused before anything else."""
    spec, home = service["spec"], service["metadata"]["namespace"]
    headless_ports = ports[0].before if to == "clusterip" else ports[0].after
    dropped = {key: spec[key] for key in DROPPED if key in spec}
    mark = msgspec.json.encode(Converting(to, list(headless_ports or []), dropped)).decode()
    wanted: list[tuple[str, Any]] = [
        (MARK, mark),
        (TYPE, "ExternalName"),
        ("/spec/externalName", f"{setting.target_name}.{home}.svc.{domain}"),
        *((f"/spec/{key}", None) for key in (*ADDRESSES, *DROPPED)),
    ]
    fields = fields_between(service, wanted)
    fields += [field for field in ports if field.before != field.after]
    guards = [Guard(field.path, field.before) for field in ports if field.before == field.after]
    fields = [msgspec.structs.replace(f, guards=guards) if f.path == TYPE else f for f in fields]
    return _patch(service, f"on its way to {_WORDS[to]}: DNS answers with {setting.target_name}", fields)


def _finished(service: Object, ports: Sequence[Object], *, headless: bool) -> Change:
    """The second update, of a Service that is half-way: everything that was dropped is back."""
    known = converting_of(service)
    assert known is not None, "only what meshroll left half-way is finished"
    wanted: list[tuple[str, Any]] = [
        (MARK, None),
        (TYPE, "ClusterIP"),
        ("/spec/externalName", None),
        (PORTS, list(ports)),
        *((f"/spec/{key}", known.dropped[key]) for key in DROPPED if key in known.dropped),
        *([(CLUSTER_IP, "None")] if headless else []),
    ]
    return _patch(service, _WORDS["headless" if headless else "clusterip"], fields_between(service, wanted))


def _lacking(service: Object, ports: list[dict[str, Any]]) -> list[Change]:
    """The ports to add to a ClusterIP Service; one that is open to the outside, or somebody's, gets none."""
    if service["spec"].get("type", "ClusterIP") != "ClusterIP" or lookup(service, PORTS) == ports:
        return []
    if service_owner(service):
        return []
    why = "clients of a headless Service dial the pod port"
    return [_patch(service, why, fields_between(service, [(PORTS, ports)]))]


def _patch(service: Object, why: str, fields: list[Field]) -> Change:
    meta = service["metadata"]
    return Change("Service", meta["namespace"], meta["name"], "patch", why, fields)


_WORDS = {"clusterip": "a ClusterIP Service", "headless": "headless again"}
