"""meshroll runs: what was run, and what a run did."""

import click

from meshroll.commands.options import complete_runs, where_and_how
from meshroll.commands.run import play, run_playbook
from meshroll.core.errors import ExitCode


@click.group(invoke_without_command=True)
@where_and_how
@click.pass_context
def command(context: click.Context) -> ExitCode | None:
    """List the runs that clusters remember, or show one of them.

    \b
    meshroll runs -i inventories/prod
    meshroll runs show 20261124t200539z-6f2330 -i inventories/prod --diff

    Reads each cluster's journal, newest run first: what it was, who started it, how it ended.

    \b
    Exit codes: 0 told, 2 no such run, 3 a cluster could not be read.
    """
    return run_playbook("runs") if context.invoked_subcommand is None else None


@command.command()
@click.argument("run", shell_complete=complete_runs)
@click.option("--diff", is_flag=True, help="Each object's change, field by field.")
@where_and_how
def show(run: str, diff: bool) -> ExitCode:
    """Show one run: what was asked and planned, its gates, and every object that it changed.

    RUN is its id, or the beginning of it; of several clusters those that remember it are shown.

    \b
    Exit codes: 0 told, 2 no such run, 3 a cluster could not be read.
    """
    from meshroll.render.remembered import remembering

    played = play("runs", extra_vars={"runs_show": run})
    result, code = played.result, ExitCode(played.result["exit_code"])
    if found := remembering(result, "run", run):
        result = {**result, "data": {**result["data"], "clusters": found}}
    played.output.result(result, played.to_repeat, diff)
    return code
