"""meshroll lock: the one run at a time that a cluster lets in."""

import click

from meshroll.commands.options import where_and_how
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode


@click.group()
@where_and_how
def command() -> None:
    """Take a cluster's lock from a run that hangs.

    \b
    meshroll lock steal -i inventories/prod --limit eu-1 --reason "laptop lost, run stands still since 21:40"

    The lock of a killed run frees itself: at once on the machine that it ran on, elsewhere within a minute.
    """


@command.command()
@click.option(
    "--reason", required=True, help="Why; it is written into the journal of the run that loses the lock."
)
@where_and_how
def steal(reason: str) -> ExitCode:
    """Take the lock from whoever holds it.

    The run that loses it stops before its next change. Until whatever it had begun has surely ended (about a minute)
    nobody gets the lock; then `meshroll resume` goes on, or `meshroll rollback` takes it back.

    \b
    Exit codes: 0 taken, 3 a cluster could not be reached, 7 nobody holds it.
    """
    return run_playbook("lock", extra_vars={"lock_reason": reason})
