"""meshroll status: how things stand."""

import click

from meshroll.commands.options import where_and_how
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode


@click.command()
@where_and_how
def command() -> ExitCode:
    """Say how clusters, namespaces and workloads stand.

    \b
    meshroll status -i inventories/prod
    meshroll status -i inventories/prod -n charging --output json

    Per workload: how many pods are meshed, with which release and which kind of sidecar, and why one is not. Then
    how long the mesh's certificates last, as far as the account may read them; the last 60 days are a warning.

    \b
    Exit codes: 0 told, 3 a cluster could not be read.
    """
    return run_playbook("status")
