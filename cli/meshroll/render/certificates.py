"""How long a mesh's certificates last, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {"valid": "green", "expiring": "yellow", "not_read": "dim"}


def print_certificates(console: Console, certificates: Sequence[Mapping[str, Any]]) -> None:
    """A line a certificate."""
    console.print("\nCertificates")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("  Of", "Until", ""):
        table.add_column(column)
    for each in certificates:
        state = Text(each["state"].replace("_", " "), style=STYLES.get(each["state"], "red"))
        if each["reason"]:
            state.append(f": {each['reason']}", style="dim")
        elif each["days_left"] is not None:
            state.append(f", {each['days_left']} days left", style="dim")
        table.add_row(f"  {each['what']}", (each["not_after"] or "-")[:10], state)
    console.print(table)
