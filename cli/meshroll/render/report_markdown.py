"""The report as Markdown, for a pull request or a chat: the verdict, a row a workload, what changed, how to undo it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from meshroll.core.report.model import Report, Row
from meshroll.render import report_words as words

# A comment on a pull request holds 65,536 characters.
ROWS_MAX = 100
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!])")


def markdown(report: Report) -> str:
    """GitHub's dialect."""
    lines = [
        f"## {words.sign(report)} {text(report.verdict)}: {text(report.headline)}",
        "",
        *([text(report.reason), ""] if report.reason else []),
        (
            f"Run {code(report.run_id)} ({report.command}) on {text(report.cluster)} by {text(report.holder)}, "
            f"{words.period(report)}."
        ),
        "",
        *figures(report),
        *(line for note in report.notes for line in (text(note), "")),
    ]
    if report.gates:
        rows = [
            [str(number), words.outcome(gate.outcome), text(gate.title), text(words.said(gate))]
            for number, gate in enumerate(report.gates, 1)
        ]
        lines += ["### Gates", "", *table(["Gate", "Outcome", "Wave", "What it saw"], rows)]
    if report.workloads:
        lines += [
            "### Before and after",
            "",
            *table(["Workload", "Outcome", *words.OVERVIEW], _workloads(report)),
        ]
        if words.not_alike(report):
            lines += [text(f"{words.NOT_ALIKE} {words.NOT_ALIKE_TEXT}."), ""]
    changed: dict[str, list[str]] = {}
    for _, name, why, _ in words.changed(report):
        changed.setdefault(name, []).append(why)
    lines += [f"### What changed: {len(changed)} object{'' if len(changed) == 1 else 's'}", ""]
    if changed:
        lines += table(
            ["Object", "Why"], [[text(name), text(", then ".join(whys))] for name, whys in changed.items()]
        )
    lines += [
        f"Undo: {code(report.undo)} {text(report.undo_text)}" if report.undo else text(report.undo_text),
        "",
    ]
    lines.append(
        f"Linkerd {text(report.linkerd_release or 'not known')}, Kubernetes "
        f"{text(report.kubernetes_version or 'not known')}, meshroll {report.meshroll_version}."
    )
    return "\n".join(lines) + "\n"


def figures(report: Report) -> list[str]:
    """A list with the worst of each signal, and the empty line after it."""
    lines = [f"- {text(name)}: **{text(said)}**" for name, said in words.figures(report)]
    return [*lines, ""] if lines else []


def _workloads(report: Report) -> Iterable[list[str]]:
    for workload in report.workloads:
        yield [
            text(words.full_name(report, workload)),
            words.outcome(workload.outcome),
            *(text(_cell(row)) for row in words.overview(workload).values()),
        ]


def _cell(row: Row | None) -> str:
    interval = words.interval(row.interval) if row and row.limit is not None else ""
    return words.change(row) + (f" ({interval})" if interval else "")


def table(heads: list[str], rows: Iterable[list[str]]) -> list[str]:
    """A table and the empty line after it, of no more rows than a comment has room for."""
    every = list(rows)
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(row)} |" for row in every[:ROWS_MAX]]
    if len(every) > ROWS_MAX:
        lines += ["", f"And {len(every) - ROWS_MAX} more."]
    return [*lines, ""]


def text(said: str) -> str:
    """Text that stays text: on one line, and nothing in it is markup or the end of a cell."""
    return _SPECIAL.sub(r"\\\1", " ".join(said.split()))


def code(said: str) -> str:
    """A code span, which nothing in the text can end."""
    return f"`{' '.join(said.replace('`', chr(39)).split())}`"
