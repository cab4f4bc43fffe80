"""A terminal's view of a running playbook: what happened scrolls by, what is in hand stays below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from meshroll.render.lines import UNSAID

STYLES = {"warning": "yellow", "error": "red"}
OUTCOME_STYLES = {"Successful": "green", "Failed": "bold red", "Inconclusive": "yellow", "Error": "bold red"}
BAR_COLUMNS = 16


class LiveView:
    """One row for what each cluster does just now; lines above it for what it did."""

    def __init__(self, console: Console, verbose: bool) -> None:
        self._console = console
        self._verbose = verbose
        self._rows: dict[str, TaskID] = {}
        self._name_columns = 0
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            BarColumn(BAR_COLUMNS),
            TimeElapsedColumn(),
            console=console,
            expand=True,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        # Ansible needs most of a second before anything can be said of a cluster.
        self._rows[""] = self._progress.add_task("Starting Ansible", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def event(self, event: Mapping[str, Any]) -> None:
        if event["kind"] == "clusters":
            self._several(event["clusters"])
        elif event["kind"] not in UNSAID:
            self._show(event)

    def note(self, message: str) -> None:
        self._progress.console.print(Text(message, style="bold yellow"))

    def _several(self, clusters: list[str]) -> None:
        """One cluster needs no name on each line."""
        self._name_columns = max((len(name) for name in clusters), default=0) if len(clusters) > 1 else 0

    def _show(self, event: Mapping[str, Any]) -> None:
        row = self._row(event["cluster"])
        name = f"{event['cluster']}: " if self._name_columns else ""
        if event["kind"] == "progress":
            self._progress.update(
                row,
                description=name + event["message"],
                completed=event.get("done") or 0,
                total=event.get("total"),
            )
        if event["kind"] != "progress" or self._verbose:
            self._scroll(event)
        if event["kind"] == "stage":
            self._progress.reset(row, description=name + event["message"], total=None)

    def _row(self, cluster: str) -> TaskID:
        if "" in self._rows:
            self._progress.remove_task(self._rows.pop(""))
        if cluster not in self._rows:
            self._rows[cluster] = self._progress.add_task(cluster, total=None)
        return self._rows[cluster]

    def _scroll(self, event: Mapping[str, Any]) -> None:
        """A line whose text, where it is long, folds below itself and not below the time."""
        style = OUTCOME_STYLES.get(event.get("outcome", ""), STYLES.get(event.get("level", "info"), ""))
        if event["kind"] == "stage":
            style = "bold"
        line = Table.grid(padding=(0, 1))
        line.add_column(no_wrap=True, style="dim")
        if self._name_columns:
            line.add_column(no_wrap=True, min_width=self._name_columns)
        line.add_column()
        name = (event["cluster"],) if self._name_columns else ()
        line.add_row(event["time"][11:19], *name, Text(event["message"], style=style))
        self._progress.console.print(line)
