"""meshroll rollback: off the mesh again."""

import click

from meshroll.commands.options import check_option, where_and_how
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode


@click.command()
@check_option
@click.option(
    "--to",
    type=click.Choice(["fallback", "previous"]),
    default="fallback",
    show_default=True,
    help="ClusterIP and dial per request, or the fields that the last run changed, as they were.",
)
@where_and_how
def command(check: bool, to: str) -> ExitCode:
    """Take namespaces off the mesh, or back to what the last run found.

    \b
    meshroll rollback -i inventories/prod -n charging
    meshroll rollback -i inventories/prod -n charging --to previous

    Works on namespaces that meshroll never touched, and changes nothing the second time.

    \b
    Exit codes: 0 done or nothing to do, 3 refused, 5 rollback incomplete,
    130 interrupted.
    """
    return run_playbook("rollback", check=check, extra_vars={"rollback_to": to})
