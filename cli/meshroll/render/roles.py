"""Roles as YAML that kubectl takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Short lists in one line, and no references from one object to another."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_sequence(
        self, tag: str, sequence: Iterable[Any], flow_style: bool | None = None
    ) -> yaml.Node:
        items = list(sequence)
        return super().represent_sequence(tag, items, all(isinstance(each, str) for each in items))


_Dumper.add_representer(list, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data))


def yaml_lines(documents: Iterable[Any]) -> list[str]:
    """Each document after a line of its own that begins it."""
    text = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=120, explicit_start=True)
    return text.splitlines()


def role_lines(clusters: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those of each cluster, with its name and what is to be known of them as comments before."""
    lines: list[str] = []
    for cluster in clusters:
        if told := cluster.get("rbac"):
            heads = [f"{cluster['name']}: meshroll {told['command']}", *told["notes"]]
            first, *others = yaml_lines(told["objects"])
            lines += [first, *(f"# {head}" for head in heads), *others]
    return lines
