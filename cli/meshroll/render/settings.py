"""Settings with where each of them was said, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_settings(console: Console, clusters: Sequence[Mapping[str, Any]]) -> None:
    """A line a setting; what an item of a list leaves out is left out here too. Defaults are dim."""
    for cluster in clusters:
        rows = cluster.get("settings")
        if not rows:
            continue
        console.print()
        console.print(Text(cluster["name"], style="bold"))
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("  Setting", overflow="fold")
        table.add_column("Value", overflow="fold")
        table.add_column("From", overflow="fold")
        for row in rows:
            if row["source"] == "default" and row["value"] in (None, []) and "[" in row["key"]:
                continue
            style = "dim" if row["source"] == "default" else ""
            table.add_row(f"  {row['key']}", _text(row["value"]), row["where"] or row["source"], style=style)
        console.print(table)


def _text(value: Any) -> Text:
    if value is None:
        return Text("none")
    return Text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
