"""meshroll preflight: is this cluster, and are these namespaces, fit for the mesh?"""

import click

from meshroll.commands.options import accept_option, accepting, where_and_how
from meshroll.commands.run import print_shipped, run_playbook
from meshroll.core.errors import ExitCode


@click.command()
@click.option("--only", metavar="ID", multiple=True, help="Only this check; may be given several times.")
@accept_option
@click.option(
    "--print-scrape-config", is_flag=True, help="Print what Prometheus needs to be told, and do nothing else."
)
@where_and_how
def command(only: tuple[str, ...], accept: tuple[str, ...], print_scrape_config: bool) -> ExitCode:
    """Say what of a cluster and its namespaces stands in the way; changes nothing.

    \b
    meshroll preflight -i inventories/prod -n charging
    meshroll preflight -i inventories/prod --only pod-security --output json

    Asks every check of docs/reference/checks.md, and says what a rollout would cost: restarts, minutes, and what the
    proxies ask of the nodes. `rollout` asks the same checks and refuses where one of them blocks.

    \b
    Exit codes: 0 nothing blocks, 2 no such check, 3 something blocks.
    """
    if print_scrape_config:
        return print_shipped("scrape_config.yml")
    return run_playbook("preflight", extra_vars={"preflight_only": list(only), **accepting(accept)})
