"""Changes for people: object by object, field by field, with the value before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

VALUE_CHARACTERS = 70


def print_plan(console: Console, plan: Mapping[str, Any]) -> None:
    """The steps in their order, and below each what it changes."""
    for position, step in enumerate(plan["steps"], start=1):
        line = Text(f"{position:>2}. ")
        line.append(step["title"], style="bold")
        if step["gate"]:
            line.append("  then a gate", style="dim")
        console.print(line)
        if said := _restarts(step):
            console.print(Padding(Text(said, style="dim"), (0, 0, 0, 4)))
        print_changes(console, step["changes"], indent=4)
        if step["pause"]:
            console.print(Padding(Text(f"Pauses: {step['pause']}", style="yellow"), (0, 0, 0, 4)))


def _restarts(step: Mapping[str, Any]) -> str:
    """How many pods restart and why not all at once; nothing where no limit holds any back."""
    pods, limits = step["restarting_pods"], step["limits"]
    said = []
    if pods > limits["pods"]:
        whose = " (the cluster's limit)" if limits["set_by"] == "cluster" else ""
        said.append(f"at most {limits['pods']} at once{whose}")
    if pods > 1 and limits["pods_per_node"] is not None:
        said.append(f"at most {limits['pods_per_node']} at once on a node")
    return f"{pods} pods restart, {', '.join(said)}" if said else ""


def print_changes(console: Console, changes: Sequence[Mapping[str, Any]], indent: int) -> None:
    """Rows of one object are next to each other, as plans and journals list them."""
    for name, rows in groupby(changes, key=lambda row: row["object"]):
        console.print(Padding(Text(name), (0, 0, 0, indent)))
        for row in rows:
            console.print(Padding(_row(row), (0, 0, 0, indent + 2)))


def _row(row: Mapping[str, Any]) -> Text:
    if not row["field"]:
        return Text("delete", style="red") if row["after"] is None else Text("create", style="green")
    line = Text(path(row["field"]))
    line.append(": ")
    line.append(value(row["before"]), style="red")
    line.append(" -> ")
    line.append(value(row["after"]), style="green")
    return line


def path(pointer: str) -> str:
    """A JSON pointer without its escapes, as one reads it in a manifest."""
    return pointer.removeprefix("/").replace("/", ".").replace("~1", "/").replace("~0", "~")


def value(of: Any) -> str:
    if of is None:
        return "(none)"
    text = of if isinstance(of, str) else json.dumps(of, separators=(",", ":"))
    return text if len(text) <= VALUE_CHARACTERS else f"{text[: VALUE_CHARACTERS - 3]}..."
