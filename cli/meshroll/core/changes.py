"""A change to one object: which fields, from what to what, and how to say that to the API server.

Fields that others own are changed by JSON Patch with a ``test`` of the old value, so a change planned on one state is
never laid over another. The API server's JSON Patch passes ``test`` of null where the path does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from meshroll.core.kinds import KINDS, ROLLED
from meshroll.core.retry import holds

Missing = None
# Those two only drills change, and they take it back themselves.
Kind = Annotated[str, msgspec.Meta(pattern=f"^({'|'.join((*KINDS, 'Pod', 'NetworkPolicy'))})$")]
Pointer = Annotated[str, msgspec.Meta(pattern=r"^(/([^~/]|~[01])*)+$")]
ObjectName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
API_PATHS = {
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{namespace}/statefulsets",
    "DaemonSet": "/apis/apps/v1/namespaces/{namespace}/daemonsets",
    "CronJob": "/apis/batch/v1/namespaces/{namespace}/cronjobs",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps",
    "Service": "/api/v1/namespaces/{namespace}/services",
    "Pod": "/api/v1/namespaces/{namespace}/pods",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
    "Namespace": "/api/v1/namespaces",
}


class Guard(msgspec.Struct, frozen=True):
    """What must stand at another JSON pointer for a field to be the one that was meant."""

    path: Pointer
    value: Any


class Field(msgspec.Struct, frozen=True):
    """One field by its JSON pointer. None stands for "not there", on either side.

    A place in a list is only a number, so what stands there is named by ``guards`` and tested with it.
    """

    path: Pointer
    before: Any
    after: Any
    guards: list[Guard] = []

    @property
    def makes_map(self) -> bool:
        """Whether it only makes room for the fields after it: the API server keeps no empty map."""
        return bool(self.after == {})


class Change(msgspec.Struct, frozen=True):
    """One object and what becomes of it. ``pods`` is how many pods restart because of it.

    ``apply`` and ``create`` make ``body``, where nothing of that name is there: a new object, or one that was deleted
    to be made anew. The ``fields`` of a delete are what must still stand there; those of a create say what became of
    the object that it replaces.
    """

    kind: Kind
    namespace: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", max_length=63)]
    name: ObjectName
    action: Literal["patch", "apply", "create", "delete"]
    why: str
    fields: list[Field] = []
    body: dict[str, Any] | None = None
    pods: int = 0

    def __post_init__(self) -> None:
        makes = self.action in ("apply", "create")
        if makes and not (
            self.body and all(isinstance(self.body.get(key), dict) for key in ("metadata", "spec"))
        ):
            raise ValueError(f"`{self.action}` needs a body with metadata and spec")
        if makes and self.body and self.body["metadata"].get("name") != self.name:
            raise ValueError("the body is of another object")

    @property
    def object(self) -> str:
        return (
            f"{self.namespace}/{self.kind}/{self.name}"
            if self.kind != "Namespace"
            else f"Namespace/{self.name}"
        )

    @property
    def path(self) -> str:
        return f"{API_PATHS[self.kind].format(namespace=self.namespace)}/{self.name}"

    @property
    def patch_path(self) -> str:
        """Where its patch goes: of a pod that runs only the resources may change, and by a subresource of their own."""
        resizes = self.kind == "Pod" and any(field.path.startswith("/spec/") for field in self.fields)
        return f"{self.path}/resize" if resizes else self.path

    @property
    def workload(self) -> str | None:
        return f"{self.kind}/{self.name}" if self.kind in (*ROLLED, "CronJob") else None

    def json_patch(self) -> list[dict[str, Any]]:
        operations: list[dict[str, Any]] = []
        for field in self.fields:
            operations += [{"op": "test", "path": guard.path, "value": guard.value} for guard in field.guards]
            operations.append({"op": "test", "path": field.path, "value": field.before})
            if field.after is Missing:
                operations.append({"op": "remove", "path": field.path})
            else:
                operations.append(
                    {
                        "op": "add" if field.before is Missing else "replace",
                        "path": field.path,
                        "value": field.after,
                    }
                )
        return operations

    def state_in(self, manifest: Mapping[str, Any] | None) -> Literal["planned", "made", "other"]:
        """Whether the object is as the plan saw it, as the change leaves it, or neither."""
        if manifest is None:
            return "planned" if self.action in ("apply", "create") else "other"
        if self.action in ("apply", "create"):
            return "made" if holds(manifest, self.body) else "other"
        real = [field for field in self.fields if not field.makes_map]
        if any(lookup(manifest, guard.path) != guard.value for field in real for guard in field.guards):
            return "other"
        if all(lookup(manifest, field.path) == field.after for field in real):
            return "made" if self.fields else "planned"
        return "planned" if all(lookup(manifest, field.path) == field.before for field in real) else "other"

    def without_maps_in(self, manifest: Mapping[str, Any]) -> Change:
        """The same without those maps to make that somebody else has made meanwhile."""
        fields = [f for f in self.fields if not f.makes_map or lookup(manifest, f.path) is None]
        return msgspec.structs.replace(self, fields=fields)

    def undone(self, why: str) -> Change:
        """The patch that puts the old values back. Empty maps made on the way in stay: the API server drops them."""
        fields = [
            msgspec.structs.replace(field, before=field.after, after=field.before)
            for field in reversed(self.fields)
            if not field.makes_map
        ]
        return msgspec.structs.replace(self, fields=fields, why=why)


def relocated(manifest: Mapping[str, Any], field: Field) -> Field | None:
    """The field where the list entries that its guards name stand now; None where one of them is gone."""
    moved: list[tuple[str, str]] = []
    guards: list[Guard] = []
    for guard in sorted(field.guards, key=lambda each: len(each.path)):
        entry = _ENTRY.match(guard.path)
        if entry is None:
            guards.append(guard)
            continue
        there, _, _ = _moved(entry[1], moved).rpartition("/")
        entries = lookup(manifest, there)
        names = [each.get("name") if isinstance(each, Mapping) else None for each in entries or ()]
        if guard.value not in names:
            return None
        place = f"{there}/{names.index(guard.value)}"
        moved.append((entry[1], place))
        guards.append(Guard(f"{place}/name", guard.value))
    return msgspec.structs.replace(field, path=_moved(field.path, moved), guards=guards)


_ENTRY = re.compile(r"^(.*/\d+)/name$")


def _moved(path: str, moved: Sequence[tuple[str, str]]) -> str:
    """``path`` below the innermost of the entries that have moved."""
    for old, new in reversed(moved):
        if path.startswith(f"{old}/"):
            return new + path[len(old) :]
        if path == old:
            return new
    return path


def fields_between(manifest: Mapping[str, Any], wanted: Iterable[tuple[str, Any]]) -> list[Field]:
    """The fields of ``manifest`` that differ from ``wanted`` ((JSON pointer, value or None for "not there")).

    Maps that are missing on the way to a wanted field come first, as fields of their own.
    """
    changed = [
        Field(path, present, value, guards_of(manifest, path))
        for path, value in wanted
        if (present := lookup(manifest, path)) != value
    ]
    return with_maps(manifest, changed)


def guards_of(manifest: Mapping[str, Any], path: str) -> list[Guard]:
    """The names of the list entries on the way to ``path``: of the container and of its variable."""
    keys = path.split("/")
    places = ["/".join(keys[: depth + 1]) + "/name" for depth, key in enumerate(keys) if key.isdigit()]
    return [Guard(place, name) for place in places if (name := lookup(manifest, place)) is not None]


def with_maps(manifest: Mapping[str, Any], changed: Iterable[Field]) -> list[Field]:
    """``changed`` with the maps that are missing on the way to each field, made before it."""
    fields: list[Field] = []
    made: set[str] = set()
    for field in changed:
        keys = field.path.split("/")[1:]
        for depth in range(1, len(keys)):
            parent = "/" + "/".join(keys[:depth])
            if field.after is not Missing and lookup(manifest, parent) is Missing and parent not in made:
                made.add(parent)
                fields.append(Field(parent, Missing, {}))
        fields.append(field)
    return fields


def lookup(manifest: Any, path: str) -> Any:
    """The value at a JSON pointer, or None where nothing is."""
    here = manifest
    for key in path.split("/")[1:]:
        key = _unescaped(key)
        if isinstance(here, list):
            here = here[int(key)] if key.isdigit() and int(key) < len(here) else None
        else:
            here = here.get(key) if isinstance(here, Mapping) else None
        if here is None:
            return None
    return here


def applied(manifest: Mapping[str, Any], fields: Iterable[Field]) -> dict[str, Any]:
    """``manifest`` once ``fields`` are changed, without maps that became empty: the API server keeps none."""
    changed = dict(manifest)
    for field in fields:
        keys = [_unescaped(key) for key in field.path.split("/")[1:]]
        changed = _with(changed, keys, field.after)
        if field.after is Missing and lookup(changed, field.path.rpartition("/")[0]) == {}:
            changed = _with(changed, keys[:-1], Missing)
    return changed


def _with(here: Any, keys: Sequence[str], value: Any) -> Any:
    """A copy of ``here`` with the value at ``keys`` set, or taken out; what is not on the way is shared."""
    key, rest = keys[0], keys[1:]
    if isinstance(here, list):
        index = int(key)
        return [*here[:index], _with(here[index], rest, value) if rest else value, *here[index + 1 :]]
    if rest and (key in here or value is not Missing):
        return {**here, key: _with(here.get(key) or {}, rest, value)}
    if value is Missing:
        return {name: kept for name, kept in here.items() if name != key or rest}
    return {**here, key: value}


def _unescaped(key: str) -> str:
    return key.replace("~1", "/").replace("~0", "~")


def pointer(*keys: str | int) -> str:
    """``pointer("metadata", "annotations", "linkerd.io/inject")`` with the slashes escaped."""
    return "/" + "/".join(str(key).replace("~", "~0").replace("/", "~1") for key in keys)
