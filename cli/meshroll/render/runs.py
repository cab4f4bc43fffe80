"""The runs of a cluster, and one of them, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from meshroll.render.changes import print_changes

STATES = {"succeeded": "green", "paused": "yellow", "interrupted": "yellow", "running": "yellow"}


def print_runs(console: Console, runs: Sequence[Mapping[str, Any]]) -> None:
    """A line a run, newest first, and why it ended as it did."""
    if not runs:
        console.print("  No run is remembered.")
        return
    for run in runs:
        line = Text(f"  {run['run_id']}  {run['command']:<8}  ")
        line.append(f"{run['state'].replace('_', ' '):<11}", style=STATES.get(run["state"], "red"))
        line.append(f"  {', '.join(run['namespaces']) or 'whole cluster'}  by {run['holder']}")
        console.print(line)
        if run.get("reason"):
            console.print(Padding(Text(run["reason"], style="dim"), (0, 0, 0, 4)))


def print_run(console: Console, run: Mapping[str, Any], diff: bool) -> None:
    """One run: who, what, how it ended, its gates, and a row an object; with ``diff`` every field of each."""
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(run):
        facts.add_row(Text(f"  {name}", style="dim"), Text(str(value)))
    console.print(facts)
    for verdict in run["verdicts"]:
        console.print(Padding(Text(verdict["summary"]), (0, 0, 0, 2)))
    if not run["changes"]:
        if run["command"] != "uninstall":
            console.print("  It changed nothing.")
        return
    if diff:
        console.print("\nChanges", style="bold")
        print_changes(console, run["changes"], indent=2)
        return
    console.print()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("  Object", "Fields", "Version before", "after", "Why"):
        table.add_column(column, justify="right" if column == "Fields" else "left")
    for _, group in groupby(run["changes"], key=lambda row: (row["step"], row["object"])):
        rows = list(group)
        first = rows[0]
        table.add_row(
            f"  {first['object']}",
            str(len(rows)) if first["field"] else "-",
            first["resource_version_before"] or "-",
            first["resource_version_after"] or "-",
            first["why"],
        )
    console.print(table)


def _facts(run: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What is known of a run, without what is empty."""
    stolen = run["stolen"]
    ended = f"{run['state'].replace('_', ' ')}, {run['finished_at'] or 'no end written'}"
    facts = [
        ("run", run["run_id"]),
        ("command", run["command"] + (f" to {run['to']}" if run["to"] else "")),
        ("namespaces", ", ".join(run["namespaces"])),
        ("by", run["holder"]),
        ("began", run["started_at"]),
        ("ended", ended),
        ("why", run["reason"]),
        ("release", run["release"]),
        ("goes on with", ", ".join(run["continues"])),
        ("gone on with by", run["continued_by"]),
        ("gates not passed", ", ".join(run["pending"])),
        ("lock stolen", f"{stolen['at']} by {stolen['by']}: {stolen['reason']}" if stolen else None),
    ]
    return [(name, value) for name, value in facts if value]
