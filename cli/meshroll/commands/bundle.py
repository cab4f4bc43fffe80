"""meshroll bundle: one run for a colleague, without secrets."""

from __future__ import annotations

import click

from meshroll.commands.options import complete_runs, where_and_how
from meshroll.commands.run import play, play_report
from meshroll.core.errors import ExitCode


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.option("--log", metavar="FILE", help="The log of the run, where one was kept: a result names it.")
@click.option("--output-file", metavar="PATH", help="Where to.  [default: meshroll-RUN.tar.gz here]")
@where_and_how
def command(run: str, log: str | None, output_file: str | None) -> ExitCode:
    """Pack one run for whoever helps with it, secrets taken out.

    \b
    meshroll bundle 20261124t200539z-6f2330 -i inventories/prod --limit eu-1

    In the file are the run and its report, how the clusters stand now, the settings and where they come from, versions,
    and the log where one is given. Private keys, tokens, logins in addresses and whatever is called like a secret are
    taken out; names of clusters, namespaces and workloads stay. Changes nothing but that file.

    \b
    Exit codes: 0 written, 2 no such run, 3 a cluster could not be read.
    """
    from pathlib import Path

    from meshroll.adapters.bundle import read_log, write
    from meshroll.render.bundle import files_of, of_cluster

    kept = read_log(Path(log)) if log else None
    played, report = play_report(run)
    if report is None:
        return ExitCode(played.result["exit_code"])
    told = {
        "run": play("runs", extra_vars={"runs_show": report.run_id}, limit=report.cluster).result,
        "status": play("status", limit=report.cluster).result,
        "settings": play("config", limit=report.cluster).result,
        "report": of_cluster(played.result, report.cluster),
    }
    name = f"meshroll-{report.run_id}"
    path = Path(output_file or f"{name}.tar.gz")
    write(path, name, files_of(report.run_id, told, kept))
    output = played.output
    if output.json:
        output.object({**played.result, "data": {**played.result["data"], "bundle_file": str(path)}})
    else:
        output.lines([f"Written to {path}"])
        output.problems(played.result)
    return ExitCode(max(int(result["exit_code"]) for result in told.values()))
