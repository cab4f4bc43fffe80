"""meshroll runs: what was run."""

import click

from meshroll.commands.options import where_and_how
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode


@click.command()
@where_and_how
def command() -> ExitCode:
    """List the runs that clusters remember.

    \b
    meshroll runs -i inventories/prod

    Reads each cluster's journal, newest run first: what it was, who started it, how it ended.

    \b
    Exit codes: 0 told, 3 a cluster could not be read.
    """
    return run_playbook("runs")
