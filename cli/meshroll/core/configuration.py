"""What the inventory says of a cluster, setting by setting, and where each of it was said. Shows no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from meshroll.core.places import shown_within
from meshroll.core.redaction import HIDDEN
from meshroll.core.settings import PREFIX, Settings

Path = tuple[str | int, ...]
"""("gate", "limits", "success_ratio_min"), with numbers for the items of a list."""
Source = Literal[
    "default", "inventory", "group_vars", "host_vars", "extra_vars", "option", "environment", "elsewhere"
]


class Origin(NamedTuple):
    """``where``: "group_vars/all/gate.yml:12", "-n" or "$KUBECONFIG"; None for a default.

    ``vaulted``: what stands there is kept in Ansible Vault, and nobody is told of it.
    """

    source: Source
    where: str | None
    vaulted: bool = False


class Told(msgspec.Struct, frozen=True):
    key: str
    value: Any
    source: Source
    where: str | None


DEFAULT = Origin("default", None)
# Chart values are the operator's own: what is called like a secret is none of anybody's business.
_SECRET = re.compile(r"(?i)passw|passphrase|secret|token|credential|authorization|(keys?|pems?|auth)$")
_CHART_VALUES: Path = ("control_plane", "values")


def told(
    settings: Settings,
    given: Mapping[str, Any],
    origins: Mapping[Path, Origin],
    environment: Mapping[str, str],
) -> list[Told]:
    """Every setting in the order of docs/reference/inventory.md, and what of the environment stands in for one.

    ``given`` are the variables without their prefix, as ``settings`` were parsed from; ``origins`` where they, and what
    is in them, were written. What is inside a template has the template's origin.
    """
    vaulted = [path for path, origin in origins.items() if origin.vaulted]
    rows = []
    for path, value in _leaves((), settings):
        origin = _origin(path, given, origins)
        hidden = origin.vaulted or any(each[: len(path)] == path for each in vaulted)
        rows.append(
            Told(_name(path), HIDDEN if hidden else _public(path, value), origin.source, origin.where)
        )
    if settings.cluster.eks:
        # No setting, and yet it decides which account is asked.
        profile = environment.get("AWS_PROFILE")
        return [*rows, Told("AWS_PROFILE", profile, "environment", "$AWS_PROFILE")] if profile else rows
    kubeconfig = environment.get("KUBECONFIG")
    if settings.cluster.kubeconfig is None and kubeconfig:
        name = _name(("cluster", "kubeconfig"))
        found = Told(name, kubeconfig, "environment", "$KUBECONFIG")
        rows = [found if row.key == name else row for row in rows]
    return rows


def picked(
    given: Mapping[str, Any], origins: Mapping[Path, Origin], name: str, option: Origin
) -> tuple[dict[str, Any], dict[Path, Origin]]:
    """``given`` and ``origins`` with only the namespace that an option named, as settings.with_namespace() has it."""
    listed = list(given.get("namespaces") or [])
    kept = [number for number, each in enumerate(listed) if each["name"] == name]
    left = {path: origin for path, origin in origins.items() if path[0] != "namespaces"}
    if not kept:
        return {**given, "namespaces": [{"name": name}]}, {**left, ("namespaces", 0, "name"): option}
    for path, origin in origins.items():
        if path == ("namespaces",) or path[:2] == ("namespaces", kept[0]):
            left["namespaces", *(0,)[: len(path) - 1], *path[2:]] = origin
    return {**given, "namespaces": [listed[kept[0]]]}, left


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _leaves((*path, name), getattr(value, name))
    elif isinstance(value, Mapping) and value:
        for name, each in value.items():
            yield from _leaves((*path, str(name)), each)
    elif isinstance(value, list) and value and isinstance(value[0], msgspec.Struct):
        for number, each in enumerate(value):
            yield from _leaves((*path, number), each)
    else:
        yield path, msgspec.to_builtins(value)


def _origin(path: Path, given: Mapping[str, Any], origins: Mapping[Path, Origin]) -> Origin:
    """That of the setting itself, else of the nearest thing that it stands in; a default where nobody gave it."""
    here: Any = given
    for step in path:
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            return DEFAULT
    return nearest(path, origins)


def nearest(path: Path, origins: Mapping[Path, Origin]) -> Origin:
    """That of ``path``, or of the nearest thing that it stands in."""
    for length in range(len(path), 0, -1):
        if found := origins.get(path[:length]):
            return found
    return Origin("elsewhere", None)


def _public(path: Path, value: Any) -> Any:
    if isinstance(value, list):
        return [_public(path, each) for each in value]
    if isinstance(value, dict):
        # An item of `env` is called what its name says.
        called = str(value.get("name", "value"))
        return {key: _public((*path, called if key == "value" else key), each) for key, each in value.items()}
    if path[: len(_CHART_VALUES)] == _CHART_VALUES and any(_SECRET.search(str(step)) for step in path):
        return HIDDEN if value else value
    if path[0] == "notifications" and path[-1] == "url":
        return HIDDEN if value else value
    if isinstance(value, str):
        return HIDDEN if "PRIVATE KEY" in value else shown_within(value)
    return value


def _name(path: Path) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return PREFIX + text.removeprefix(".")
