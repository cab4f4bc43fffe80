"""The smallest Roles for a command, with their bindings, as objects of Kubernetes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping

from meshroll.core.config_maps import NAMESPACE
from meshroll.core.errors import Problem, UsageError
from meshroll.core.model import Object
from meshroll.core.permissions import CHANGE, COMMANDS, GRANTING, PROBE, RBAC, Part, Permission, Place
from meshroll.core.scope import caller_namespaces
from meshroll.core.settings import Settings

Names = tuple[str, ...]
Asked = dict[tuple[Permission, Names], None]
"""Permissions with the names that they are for (none: all), in an order."""

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "bind", "escalate")
NAME_CHARACTERS_MAX = 253
API = {"apiVersion": f"{RBAC}/v1"}


def subject_of(service_account: str | None, group: str | None, user: str | None) -> Object:
    """Whom a binding names: ``NAMESPACE/NAME``, or a group or user as the API server knows it.

    Raises UsageError unless it is exactly one: no default is everywhere a group that nobody is in.
    """
    if sum(map(bool, (service_account, group, user))) != 1:
        raise _wrong("Say whom they are for, by one of --service-account, --group and --user.")
    if not service_account:
        return {"apiGroup": RBAC, "kind": "Group" if group else "User", "name": group or user}
    namespace, slash, name = service_account.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise _wrong(f"{service_account!r} is not NAMESPACE/NAME.")
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def _wrong(message: str) -> UsageError:
    return UsageError(Problem("usage", message, "See `meshroll rbac --help`."))


def notes(command: str) -> list[str]:
    """What whoever grants them should know."""
    near = (
        "Whoever may this can make themselves cluster-admin, because Linkerd's charts have ClusterRoles and a "
        "webhook that changes every pod."
    )
    return [near] if set(GRANTING) <= set(COMMANDS[command]) else []


def role_name(command: str, subject: Object) -> str:
    """Of the command and whom it is for, in letters, digits and "-": what one team applies is not another's.

    What is left out or cut off counts in the digest at the end.
    """
    whom = json.dumps(subject, sort_keys=True)
    digest = hashlib.sha256(whom.encode()).hexdigest()[:8]
    named = f"{command} {subject.get('namespace', '')} {subject['name']}".lower()
    readable = re.sub(r"[^a-z0-9]+", "-", f"meshroll {named}")[: NAME_CHARACTERS_MAX - len(digest) - 1]
    return f"{readable.strip('-')}-{digest}"


def roles(command: str, settings: Settings, subject: Object) -> list[Object]:
    """What ``subject`` has to be granted for ``command`` on the cluster with these settings, to be applied as it is.

    Namespaced things stand in Roles of their namespaces, the rest in a ClusterRole. Namespaces that a Role stands in
    and that may not be there yet come first. Raises UsageError where no namespace is named to a command that is about
    namespaces.
    """
    part = COMMANDS[command]
    if not settings.namespaces and command != "upgrade" and {*CHANGE, *PROBE} & {*part}:
        raise UsageError(
            Problem(
                "namespace-not-given",
                "No namespace is named.",
                "Use -n NAME, or list it in meshroll_namespaces.",
            )
        )
    asked = _by_namespace(part, settings)
    everywhere = asked.pop(None, {})
    name = role_name(command, subject)
    made = [*_homes(command, asked, settings), *_granted(name, None, everywhere, subject)]
    for namespace in sorted(filter(None, asked)):
        # What may be done in the whole cluster may be done here.
        own = {key: None for key in asked[namespace] if (key[0], ()) not in everywhere}
        made += _granted(name, namespace, own, subject)
    return made


def _by_namespace(part: Part, settings: Settings) -> dict[str | None, Asked]:
    """By namespace, None for the whole cluster."""
    found: dict[str | None, Asked] = {}
    service = settings.prometheus.service
    filled = {
        "linkerd": settings.control_plane.namespace,
        "prometheus": f"{service.name}:{service.port}" if service else "",
    }
    for grant in part:
        names = tuple(name.format_map(filled) for name in grant.names)
        for namespace in _where(grant.place, settings):
            for permission in grant.permissions():
                found.setdefault(namespace, {})[permission, names] = None
    return found


def _where(place: Place, settings: Settings) -> list[str | None]:
    own = [namespace.name for namespace in settings.namespaces]
    service = settings.prometheus.service
    places: Mapping[Place, list[str]] = {
        "namespaces": own,
        "clients": [name for name in caller_namespaces(settings) if name not in own],
        "linkerd": [settings.control_plane.namespace],
        "journal": [NAMESPACE],
        "prometheus": [service.namespace] if service else [],
        "default": ["default"],
        "kube-system": ["kube-system"],
    }
    return [None] if place == "cluster" else list(places[place])


def _homes(command: str, asked: Mapping[str | None, Asked], settings: Settings) -> Iterator[Object]:
    if NAMESPACE in asked:
        annotations = {"linkerd.io/inject": "disabled"}
        yield {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "annotations": annotations},
        }
    if command == "install":
        home = settings.control_plane.namespace
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": home}}


def _granted(name: str, namespace: str | None, asked: Asked, subject: Object) -> Iterator[Object]:
    """A role and its binding; neither where nothing is asked."""
    if not asked:
        return
    kind = "Role" if namespace else "ClusterRole"
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    yield {**API, "kind": kind, "metadata": metadata, "rules": _rules(asked)}
    yield {
        **API,
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
        "subjects": [subject],
    }


def _rules(asked: Asked) -> list[Object]:
    """As few rules as say it: what has the same verbs, and the same names, shares one."""
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for permission, names in asked:
        # What is granted without names is granted with them.
        for name in names if names and (permission, ()) not in asked else () if names else ("",):
            verbs.setdefault((permission.group, permission.resource, name), []).append(permission.verb)
    named: dict[tuple[str, str, tuple[str, ...], bool], list[str]] = {}
    for (group, resource, name), allowed in verbs.items():
        named.setdefault((group, resource, tuple(dict.fromkeys(allowed)), bool(name)), []).append(name)
    shared: dict[tuple[str, Names, tuple[str, ...]], list[str]] = {}
    for (group, resource, each, by_name), found in named.items():
        shared.setdefault((group, tuple(found) if by_name else (), each), []).append(resource)
    return [
        {
            "apiGroups": [group],
            "resources": sorted(resources),
            **({"resourceNames": sorted(names)} if names else {}),
            "verbs": sorted(each, key=VERBS.index),
        }
        for (group, names, each), resources in sorted(shared.items())
    ]
