"""Whether objects still have every field that they had, but for those that a rollout changes on purpose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from faults.state import DIALS, Object, State

from meshroll.core.injection import OWN_ANNOTATIONS, RESTARTED_BY
from meshroll.core.model import INJECT

# Keys may hold any of the usual ones.
SEPARATOR = "\0"
# Written by the API server and its controllers.
_SERVERS_OWN = ("resourceVersion", "generation", "managedFields")
_REVISION = "deployment.kubernetes.io/revision"
_INJECTION = frozenset({INJECT, RESTARTED_BY, *OWN_ANNOTATIONS})
# An address is given, and the ports that clients of the pods dial become the Service's own.
_CONVERTED = ("clusterIP", "clusterIPs", "ports")


def lost_fields(state: State, original: State, exact: bool = False) -> list[str]:
    """What the objects had and have no longer, or have otherwise, though no run changes it on purpose.

    ``exact``: what runs do change is compared as well, because it should have been taken back.
    """
    wrong = list(_compared("Namespace", original.namespace, state.namespace, exact))
    for kind, before, now in (
        ("Deployment", original.deployments, state.deployments),
        ("Service", original.services, state.services),
    ):
        for name, manifest in before.items():
            if name in now:
                wrong += _compared(f"{kind}/{name}", manifest, now[name], exact)
            else:
                wrong.append(f"{kind}/{name} is gone")
    return wrong


def _compared(what: str, before: Object, now: Object, exact: bool) -> Iterable[str]:
    left, right = _kept(before, exact), _kept(now, exact)
    for path in sorted(left.keys() | right.keys()):
        if left.get(path) != right.get(path):
            yield f"{what} {path.replace(SEPARATOR, '.')}: was {left.get(path)!r}, is {right.get(path)!r}"
    if exact or before["kind"] != "Service":
        return
    for port in before["spec"].get("ports") or []:
        kept: Object = next(
            (p for p in now["spec"].get("ports") or [] if p.get("name") == port.get("name")), {}
        )
        gone = {key: value for key, value in port.items() if key not in kept}
        if gone or kept["port"] != port["port"]:
            yield f"{what} port {port.get('name')}: {gone or kept}"


def _kept(manifest: Object, exact: bool) -> dict[str, Any]:
    """The fields to compare, by path; empty maps count as none, as the API server has it."""
    flat: dict[str, Any] = dict(_flat("", {key: value for key, value in manifest.items() if key != "status"}))
    return {path: value for path, value in flat.items() if not _of_others(path, manifest, exact)}


def _of_others(path: str, manifest: Object, exact: bool) -> bool:
    keys = path.split(SEPARATOR)[1:]
    if keys[0] == "metadata" and (keys[1] in _SERVERS_OWN or keys[-1] == _REVISION):
        return True
    if exact:
        # A run that restarted pods leaves its name there, or takes it back: the pods are others either way.
        return keys[-1] == RESTARTED_BY
    if "annotations" in keys and (keys[-1] in _INJECTION or keys[-1].startswith("meshroll.io/")):
        return True
    if manifest["kind"] == "Service":
        return keys[0] == "spec" and keys[1] in _CONVERTED
    return keys[-1] == "value" and any(f"[{name}]" in keys for name in DIALS)


def _flat(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    """(path, leaf); lists of named things by name, so that a new first one does not shift the others."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{path}{SEPARATOR}{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            name = inner.get("name", index) if isinstance(inner, dict) else index
            yield from _flat(f"{path}{SEPARATOR}[{name}]", inner)
    else:
        yield path, value
