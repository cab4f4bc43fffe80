"""meshroll config: the inventory as meshroll reads it."""

import click

from meshroll.commands.options import Options, where_and_how
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode


@click.group()
@where_and_how
def command() -> None:
    """Say what the inventory sets for each cluster, and where.

    \b
    meshroll config show -i inventories/prod --limit eu-1
    """


@command.command()
@where_and_how
def show() -> ExitCode:
    """Show each setting of each cluster: its value, and the file and line that it comes from.

    \b
    meshroll config show -i inventories/prod --limit eu-1
    meshroll config show -i inventories/prod -n charging --output json

    Reads the inventory and asks no cluster. A value is what is left after groups and hosts have overridden one another
    and templates were filled in. Not shown are logins in addresses, what Ansible Vault keeps, and chart values that are
    called like a secret.

    \b
    Exit codes: 0 told, 2 the inventory is wrong.
    """
    options = Options.of(click.get_current_context())
    named = "-n" if "namespace" in options.explicit else "$MESHROLL_NAMESPACE"
    return run_playbook("config", extra_vars={"config_namespace_from": named} if options.namespace else {})
