"""Every setting with its type and default, read from core/settings.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from msgspec import inspect

from meshroll.core.settings import PREFIX, Settings

REQUIRED = "required"


@dataclass(frozen=True)
class Setting:
    """``name``: "meshroll_gate.limits.success_ratio_min", with [] for the items of a list."""

    name: str
    type: str
    default: str


def settings() -> list[Setting]:
    """Waves of a namespace are left out: they are what meshroll_waves are."""
    return [
        each
        for each in _fields(Settings, PREFIX)
        if not each.name.startswith("meshroll_namespaces[].waves[]")
    ]


def _fields(struct: type, prefix: str) -> Iterator[Setting]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        name = f"{prefix}{field.name}"
        yield Setting(name, _type(field.type), _default(field))
        for nested, marker in _nested(field.type):
            yield from _fields(nested, f"{name}{marker}.")


def _nested(kind: inspect.Type) -> Iterator[tuple[type, str]]:
    if isinstance(kind, inspect.StructType):
        yield kind.cls, ""
    elif isinstance(kind, inspect.ListType):
        yield from ((each, "[]") for each, _ in _nested(kind.item_type))
    elif isinstance(kind, inspect.UnionType):
        for option in kind.types:
            yield from _nested(option)


def _type(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.UnionType):
        return " or ".join(_type(option) for option in kind.types if not isinstance(option, inspect.NoneType))
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, inspect.ListType):
        return f"list of {_type(kind.item_type)}"
    names = {
        inspect.StrType: "text",
        inspect.IntType: "integer",
        inspect.FloatType: "number",
        inspect.BoolType: "boolean",
        inspect.DictType: "mapping",
        inspect.StructType: "mapping",
        inspect.DateType: "date",
    }
    return f"{names[type(kind)]}{_bounds(kind)}"


def _bounds(kind: inspect.Type) -> str:
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    found = [
        f"{sign} {getattr(kind, bound):g}"
        for bound, sign in signs.items()
        if getattr(kind, bound, None) is not None
    ]
    return f" {', '.join(found)}" if found else ""


def _default(field: inspect.Field) -> str:
    if field.required:
        return REQUIRED
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    plain = msgspec.to_builtins(value)
    if isinstance(plain, dict) and plain:
        return "see below"
    if plain is None:
        return "none"
    if isinstance(plain, list) and plain and isinstance(plain[0], dict):
        plain = [{key: item for key, item in each.items() if item is not None} for each in plain]
    return f"`{plain if isinstance(plain, str) else json.dumps(plain)}`"
