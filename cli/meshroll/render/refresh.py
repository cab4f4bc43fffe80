"""A renewed catalogue for people: what was read, what is different, and how old its marks are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

MARKS = {"recommended": "green", "not_recommended": "red"}


def print_refreshed(console: Console, catalogue: Mapping[str, Any]) -> None:
    """The sources, then a line for each release that differs."""
    sources = Table.grid(padding=(0, 2, 0, 0))
    for source in catalogue["sources"]:
        read = Text("read") if source["read"] else Text("not read", style="yellow")
        place = Text(source["place"])
        place.append(f": {source['reason']}" if source["reason"] else "", style="yellow")
        sources.add_row(source["source"], read, place)
    console.print(sources)
    console.print()
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")  # a digest is longer than what is left of 80 columns
    for release, rows in groupby(catalogue["changes"], key=lambda row: row["release"]):
        for line in _lines(list(rows)):
            table.add_row(release, line)
    if catalogue["changes"]:
        console.print(table)
        console.print()
    count = len({row["release"] for row in catalogue["changes"] if not row["kept"]})
    releases = {0: "No release differs", 1: "1 release differs"}.get(count, f"{count} releases differ")
    age = catalogue["catalogue_age_days"]
    old = {0: "today", 1: "yesterday"}.get(age, f"{age} days ago")
    console.print(
        f"{releases}. The marks in {catalogue['file']} were read on {catalogue['catalogue_as_of']}, {old}."
    )


def _lines(rows: Sequence[Mapping[str, Any]]) -> list[Text]:
    """What is new or filled in, then the mark."""
    new = any(row["field"] == "mark" and row["before"] is None for row in rows)
    facts = [_fact(row) for row in rows if row["field"] != "mark" and not row["kept"]]
    lines = [Text(", ".join([*(["new"] if new else []), *facts]))] if new or facts else []
    lines += [
        Text(f"{row['field']} stays {row['before']}; the index has {row['after']}", style="red")
        for row in rows
        if row["field"] != "mark" and row["kept"]
    ]
    return lines + [_mark(row) for row in rows if row["field"] == "mark" and row["after"] != "unmarked"]


def _fact(row: Mapping[str, Any]) -> str:
    """A digest is long and says nothing to people, so only that it is pinned now."""
    name = str(row["field"])
    if name.startswith("charts."):
        return f"{name.removeprefix('charts.')} pinned"
    return f"{name.replace('_', ' ')} {row['after']}"


def _mark(row: Mapping[str, Any]) -> Text:
    before, after = (str(row[when] or "").replace("_", " ") for when in ("before", "after"))
    text = Text(f"stays {before}; a source says " if row["kept"] else "")
    text.append(after, style=MARKS.get(row["after"], ""))
    text.append(f", was {before}" if before and not row["kept"] else "")
    return text.append(f": {row['reason']}" if row["reason"] else "")
