"""meshroll releases: what there is, what a cluster may run, and what policy picks."""

from __future__ import annotations

from datetime import datetime

import click

from meshroll.commands.options import where_and_how
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode


@click.command()
@click.option(
    "--for", "cluster", metavar="CLUSTER", help="Look at this cluster and at what its chart source has."
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Answer as on this day (YYYY-MM-DD), by what was known then.  [default: today]",
)
@click.option(
    "--all", "everything", is_flag=True, help="Every release, not only the picked and the newer ones."
)
@where_and_how
def command(cluster: str | None, as_of: datetime | None, everything: bool) -> ExitCode:
    """Say which releases there are, which one policy picks, and why not a newer one.

    \b
    meshroll releases -i inventories/prod
    meshroll releases -i inventories/prod --for prod-eu
    meshroll releases -i inventories/prod --for prod-eu --as-of 2026-01-15

    Goes by meshroll_release and the catalogue. Without --for it asks nobody, and answers for every Kubernetes that
    meshroll_release allows. With it, also by the cluster's Kubernetes and its chart source; where Linkerd runs
    already, the hops from there to the picked release follow, with what each needs and breaks.

    \b
    Exit codes: 0 told, 2 no release fits, 3 none fits this Kubernetes, or the cluster could not be read.
    """
    asked = {"releases_as_of": f"{as_of:%Y-%m-%d}"} if as_of else {}
    return run_playbook(
        "releases",
        extra_vars={"releases_look": cluster is not None, **asked},
        in_full=everything,
        limit=cluster,
    )
