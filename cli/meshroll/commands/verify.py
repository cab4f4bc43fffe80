"""meshroll verify: the gate on its own."""

import click

from meshroll.commands.options import where_and_how
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode


@click.command()
@where_and_how
def command() -> ExitCode:
    """Judge the golden signals of what is meshed, now.

    \b
    meshroll verify -i inventories/prod -n charging

    Changes nothing. Each namespace takes meshroll_gate.settle_seconds and window_seconds, and up to 45 s longer
    while it is undecided.

    \b
    Exit codes: 0 Successful, 9 Inconclusive, 10 Failed, 11 Error (could not
    be measured).
    """
    return run_playbook("verify")
