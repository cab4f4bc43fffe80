"""meshroll report: one run as a page to read, to print or to send."""

from __future__ import annotations

from typing import Any

import click

from meshroll.commands.options import Options, complete_runs, where_and_how
from meshroll.commands.run import play_report
from meshroll.core.errors import ExitCode, Problem, UsageError

SUFFIXES = {"html": "html", "json": "json", "markdown": "md"}
STDOUT = "-"


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(SUFFIXES)),
    default="html",
    show_default=True,
    help="A page with plots, data, or a comment for a pull request.",
)
@click.option(
    "--output-file",
    metavar="PATH",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Where to; - is stdout.  [default: meshroll-RUN.html here, stdout for the other formats]",
)
@where_and_how
def command(run: str, form: Any, output_file: str | None) -> ExitCode:
    """Write the report of one run: verdict, before and after, plots, what changed.

    \b
    meshroll report 20261124t200539z-6f2330 -i inventories/prod
    meshroll report 20261124t2005 -i inventories/prod --format markdown | gh pr comment -F -

    RUN is its id, or the beginning of it; of several clusters the one that remembers it is taken. The page is one
    file that loads nothing from elsewhere. Changes nothing but that file, which is written anew if it is there.

    \b
    Exit codes: 0 written, 2 no such run, 3 a cluster could not be read.
    """
    from pathlib import Path

    from meshroll.adapters.report import write
    from meshroll.render.report import written

    if output_file == STDOUT and Options.of(click.get_current_context()).output == "json":
        raise UsageError(
            Problem(
                "report-not-written",
                "--output-file - and --output json both want stdout.",
                "Leave one of them out; `--format json` prints the report's own JSON.",
            )
        )
    played, report = play_report(run)
    output, code = played.output, ExitCode(played.result["exit_code"])
    if report is None:
        return code
    text = written(report, form, played.to_repeat)
    if output_file is None and form != "html" and not output.json:
        output_file = STDOUT
    if output_file == STDOUT:
        output.lines(text.splitlines())
        output.problems(played.result)
        return code
    path = Path(output_file or f"meshroll-{report.run_id}.{SUFFIXES[form]}")
    write(path, text)
    if output.json:
        output.object({**played.result, "data": {**played.result["data"], "report_file": str(path)}})
    else:
        output.lines([f"{report.verdict}: {report.headline}", f"Written to {path}"])
        output.problems(played.result)
    return code
