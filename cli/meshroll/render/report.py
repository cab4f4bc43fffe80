"""The one report of a result, and the report in each of its formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from meshroll.core.errors import Problem, UsageError
from meshroll.core.report.model import Report
from meshroll.render.remembered import remembering
from meshroll.render.result import repeating

Format = Literal["html", "json", "markdown"]


def report_in(result: Mapping[str, Any], run_id: str) -> Report | None:
    """The report that one of the clusters gave; None where none did and one of them failed.

    Raises UsageError where none remembers such a run, or several do.
    """
    found = [msgspec.convert(each["report"], Report) for each in remembering(result, "report", run_id)]
    if len(found) > 1:
        runs = ", ".join(f"{report.run_id} ({report.cluster})" for report in found)
        raise UsageError(
            Problem("run-unknown", f"Several runs begin with {run_id}: {runs}.", "Give more of its id.")
        )
    return found[0] if found else None


def written(report: Report, form: Format, where: Mapping[str, str]) -> str:
    """The report as text. The options in ``where`` are repeated in the command that undoes the run."""
    if report.undo:
        report = msgspec.structs.replace(report, undo=repeating(report.undo, where))
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
    if form == "markdown":
        from meshroll.render.report_markdown import markdown

        return markdown(report)
    from meshroll.render.report_html import html

    return html(report)
