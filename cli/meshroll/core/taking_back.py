"""What a run's changes say that a Service was before it converted it, and the way back there."""

from __future__ import annotations

import msgspec

from meshroll.core.changes import Change, Field
from meshroll.core.conversion import MARK, Converting, State, state_of, to_clusterip, to_headless
from meshroll.core.model import NamespaceView
from meshroll.core.recreation import CLUSTER_IP, PORTS
from meshroll.core.services import alongside_body
from meshroll.core.settings import Service


def beside(setting: Service, space: NamespaceView) -> tuple[list[Change], list[Change]]:
    """(make, remove) the ClusterIP Service that DNS answers with, where a way back finds none; else nothing."""
    service, name = space.service(setting.name), setting.target_name
    if service is None or setting.method == "recreate" or space.service(name):
        return [], []
    servers = space.servers_of(service)
    if state_of(service) not in ("headless", "clusterip") or not servers:
        return [], []
    why = f"answers while {setting.name} is converted"
    body = alongside_body(setting, service, servers)
    return [Change("Service", space.name, name, "apply", why, body=body)], [
        Change("Service", space.name, name, "delete", why)
    ]


def state_before(change: Change) -> tuple[State | None, Field | None]:
    """What a Service was before the changes of it that ``change`` has as one, and its ports, if they were changed.

    None where it was not converted. A run that only finished what another had begun knows it from the annotation.
    """
    fields = {field.path: field for field in change.fields}
    ports, mark, address = fields.get(PORTS), fields.get(MARK), fields.get(CLUSTER_IP)
    if change.kind != "Service":
        return None, None
    if address is not None and address.before:
        return "headless" if address.before == "None" else "clusterip", ports
    if mark is not None and mark.before is not None:
        known = msgspec.json.decode(mark.before, type=Converting)
        if known.to == "headless":
            return "clusterip", None
        return "headless", Field(PORTS, known.ports, ports.after if ports else None)
    return None, None


def taken_back(setting: Service, space: NamespaceView, domain: str, done: Change) -> list[Change]:
    """The Service as it was before ``done``; nothing where that did not convert it. Drift is the caller's."""
    was, ports = state_before(done)
    service = space.service(setting.name)
    if was is None or service is None or state_of(service) == was:
        return []
    made, gone = beside(setting, space)
    if was == "headless":
        return [*made, *to_headless(setting, space, domain, ports), *gone]
    again = setting if setting.converts else msgspec.structs.replace(setting, method="in_place")
    return [*made, *to_clusterip(again, space, domain), *gone]
