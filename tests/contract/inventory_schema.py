"""docs/reference/inventory.schema.json, made from core/settings.py: `make docs` writes it, a test compares it.

What each setting says comes from its row in docs/reference/inventory.md.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from meshroll.core.settings import PREFIX, Settings

REFERENCE = Path(__file__).parents[2] / "docs/reference"
ROW = re.compile(r"^\| `(meshroll_[^`]+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
SECTION = re.compile(r"^## (meshroll_\w+)\n\n(.+?)\n\n", re.MULTILINE | re.DOTALL)
Json = dict[str, Any]


def schema() -> Json:
    """Of a file of variables: `meshroll_*` as they may be, and whatever else an inventory has."""
    (root,), parts = msgspec.json.schema_components([Settings], ref_template="#/$defs/{name}")
    settings = parts.pop(root["$ref"].rpartition("/")[2])
    said = dict(_said())
    for name, kind in settings["properties"].items():
        _describe(kind, f"{PREFIX}{name}", said, parts)
    for part in parts.values():
        part.pop("description", None)  # for those who read the code
    names = [f"{PREFIX}{name}" for name in settings["properties"]]
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Variables of an inventory of meshroll",
        "type": "object",
        "properties": dict(zip(names, settings["properties"].values(), strict=True)),
        "propertyNames": {"anyOf": [{"enum": names}, {"not": {"pattern": f"^{PREFIX}"}}]},
        "$defs": parts,
    }
    # Python's word for the very end is no word of the regular expressions that JSON Schema has.
    read: Json = json.loads(json.dumps(whole).replace("\\\\Z", "$"))
    return read


def _said() -> Iterator[tuple[str, str]]:
    page = (REFERENCE / "inventory.md").read_text()
    yield from ((name, " ".join(text.split())) for name, text in SECTION.findall(page))
    yield from ((name, text) for name, _, _, text in ROW.findall(page))


def _describe(kind: Json, name: str, said: dict[str, str], parts: Json) -> None:
    """Puts the page's words to a setting and to all below it; waves of a namespace are what meshroll_waves are."""
    kind["description"] = (
        said.get(name) or said[name.replace("meshroll_namespaces[].waves", "meshroll_waves")]
    )
    for below, marker in _below(kind):
        for key, each in parts[below]["properties"].items():
            _describe(each, f"{name}{marker}.{key}", said, parts)


def _below(kind: Json) -> Iterator[tuple[str, str]]:
    if "$ref" in kind:
        yield kind["$ref"].rpartition("/")[2], ""
    if "items" in kind:
        yield from ((name, "[]") for name, _ in _below(kind["items"]))
    for each in kind.get("anyOf", []):
        yield from _below(each)


def page() -> str:
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
