"""meshroll rollback: off the mesh again."""

import click

from meshroll.commands.options import check_option, complete_way_back, take_option, way_back, where_and_how
from meshroll.commands.run import run_playbook, taking
from meshroll.core.errors import ExitCode


@click.command()
@check_option
@click.option(
    "--to",
    metavar="fallback|previous|RUN",
    default="fallback",
    show_default=True,
    callback=way_back,
    shell_complete=complete_way_back,
    help="ClusterIP and dial per request; as the last run found it; or as RUN left it.",
)
@take_option
@where_and_how
def command(check: bool, to: str, take: list[str]) -> ExitCode:
    """Take namespaces off the mesh, or back to what the last run found.

    \b
    meshroll rollback -i inventories/prod -n charging
    meshroll rollback -i inventories/prod -n charging --to previous

    Works on namespaces that meshroll never touched, and changes nothing the second time. The ways other than
    fallback put fields back from the journal; what somebody else has changed since is shown and left, unless --take
    names it. The way to fallback goes from what is there, and needs no --take.

    \b
    Exit codes: 0 done or nothing to do, 3 refused, 5 rollback incomplete,
    7 locked, 8 drift, 130 interrupted.
    """
    return run_playbook("rollback", check=check, extra_vars={"rollback_to": to, **taking(take)})
