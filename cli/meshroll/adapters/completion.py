"""What a shell may complete, from files of this machine alone: no cluster is asked, and no inventory plugin run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from meshroll.adapters.inventory_files import files_of
from meshroll.adapters.local_copies import runs_folder
from meshroll.adapters.safe_yaml import parsed

GROUPS_MAX_DEEP = 20


def clusters(inventory: str) -> list[str]:
    """Hosts and groups of the inventory's YAML; those that a plugin finds are not among them."""
    found: set[str] = set()
    for document in _documents(inventory, outside=("group_vars", "host_vars")):
        found |= {name for name in _names(document, GROUPS_MAX_DEEP) if name not in ("all", "ungrouped")}
    return sorted(found)


def namespaces(inventory: str) -> list[str]:
    """Those that some ``meshroll_namespaces`` lists."""
    return sorted({name for document in _documents(inventory) for name in _listed(document)})


def runs(environment: Mapping[str, str]) -> list[str]:
    """Ids of runs of which this machine has copies, newest first."""
    folder = runs_folder(environment)
    return sorted({file.stem for file in folder.glob("*/*.json")}, reverse=True) if folder else []


def _documents(inventory: str, outside: tuple[str, ...] = ()) -> Iterator[Any]:
    folder, _, files = files_of(inventory)
    for file in files:
        if Path(file).parts[0] in outside or not file.endswith((".yml", ".yaml")):
            continue
        with suppress(OSError, ValueError, yaml.YAMLError):
            yield parsed(Path(folder, file).read_bytes())


def _names(groups: Any, deep: int) -> Iterator[str]:
    if not isinstance(groups, Mapping) or "plugin" in groups or not deep:
        return
    for name, group in groups.items():
        yield str(name)
        if isinstance(group, Mapping):
            yield from (str(host) for host in group.get("hosts") or ())
            yield from _names(group.get("children"), deep - 1)


def _listed(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key == "meshroll_namespaces" and isinstance(each, list):
                yield from (
                    str(item["name"]) for item in each if isinstance(item, Mapping) and "name" in item
                )
            else:
                yield from _listed(each)
