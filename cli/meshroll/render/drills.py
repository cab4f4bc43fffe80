"""What drills found, as a table that fits 80 columns, with a sentence for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_LEGEND = (
    "Failed: of so many calls. New: from Ready until a new pod takes traffic. Lost: until a dead one gets none. "
    "Slow: what the pod that is hit gets of all requests."
)
STYLES = {"held": "green", "not_held": "red", "aborted": "red", "inconclusive": "yellow", "skipped": "dim"}


def print_drills(console: Console, drills: Iterable[Mapping[str, Any]], verbose: bool) -> None:
    """Each scenario in a row; times in seconds, shares of requests. Those of several approaches name theirs."""
    rows = list(drills)
    compared = any("approach" in row for row in rows)
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for column in ("  Scenario", *(("Approach",) if compared else ()), "Outcome"):
        table.add_column(column, no_wrap=True)
    for column in ("Failed", "New", "Lost", "Slow"):
        table.add_column(column, no_wrap=True, justify="right")
    for row in rows:
        outcome = Text(row["outcome"].replace("_", " "), style=STYLES[row["outcome"]])
        approach = (row["approach"],) if compared else ()
        table.add_row(f"  {row['scenario']}", *approach, outcome, *_figures(row.get("measures")))
    console.print(table)
    exact = [row["measures"]["precision_seconds"] for row in rows if row.get("measures")]
    if exact:
        console.print(Text(f"  {_LEGEND} Exact to {max(exact):g} s.", style="dim"))
    for row in rows:
        if compared and not verbose:
            continue
        told = Table.grid(padding=(0, 1))
        hypothesis = f" ({row['hypothesis']})" if verbose else ""
        told.add_row("-", Text(f"{row['scenario']}: {row['why']}.{hypothesis}"))
        console.print(Padding(told, (0, 0, 0, 2)))


def print_comparison(console: Console, comparison: Mapping[str, Any], verbose: bool) -> None:
    """The same for approaches to balancing, which nobody measured."""
    source = comparison["source"]
    console.print(Text(f"{source[:1].upper()}{source[1:]}.", style="bold"))
    print_drills(console, comparison["drills"], verbose)


def _figures(measures: Mapping[str, Any] | None) -> tuple[str, str, str, str]:
    if not measures:
        return "-", "-", "-", "-"
    new = "never" if measures["idle_new_pods"] else _seconds(measures["new_pod_seconds"])
    share = measures["slow_pod_share"]
    return (
        f"{measures['failed_requests']:.0f}/{measures['requests']:.0f}",
        new,
        _seconds(measures["gone_pod_seconds"]),
        "-" if share is None else f"{share:.0%}",
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} s"
