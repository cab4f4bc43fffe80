"""meshroll status: how things stand."""

import click

from meshroll.commands.options import where_and_how
from meshroll.commands.run import play, print_shipped, run_playbook
from meshroll.core.errors import ExitCode


@click.command()
@click.option(
    "--metrics-file",
    type=click.Path(dir_okay=False),
    metavar="PATH",
    help="Write it as metrics too, for the textfile collector of Prometheus' node_exporter (a name with .prom).",
)
@click.option("--print-alert-rules", is_flag=True, help="Print alerts on those metrics, and do nothing else.")
@where_and_how
def command(metrics_file: str | None, print_alert_rules: bool) -> ExitCode:
    """Say how clusters, namespaces and workloads stand.

    \b
    meshroll status -i inventories/prod
    meshroll status -i inventories/prod -n charging --output json
    meshroll status -i inventories/prod --quiet --metrics-file /var/lib/node_exporter/meshroll.prom

    Per workload: how many pods are meshed, with which release and which kind of sidecar, and why one is not. Then
    how long the mesh's certificates last, as far as the account may read them; the last 60 days are a warning.

    \b
    Exit codes: 0 told, 3 a cluster could not be read.
    """
    if print_alert_rules:
        return print_shipped("alert_rules.yml")
    if not metrics_file:
        return run_playbook("status")
    from datetime import UTC, datetime
    from pathlib import Path

    from meshroll.adapters.metrics_file import write
    from meshroll.core.metrics_file import exposed

    played = play("status")
    # Where the inventory could not be read the old ones stay, and grow old.
    if clusters := played.result["data"].get("clusters"):
        write(Path(metrics_file), exposed(clusters, datetime.now(UTC)))
    played.output.result(played.result, played.to_repeat)
    return ExitCode(played.result["exit_code"])
