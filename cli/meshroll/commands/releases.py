"""meshroll releases: what there is, what a cluster may run, and what policy picks."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from meshroll.commands.options import Options, how, where_and_how
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode

INDEX = "https://helm.linkerd.io/edge/index.yaml"
MILESTONES = "https://raw.githubusercontent.com/linkerd/website/main/linkerd.io/data/versions.yaml"
NOTES = "https://api.github.com/repos/linkerd/linkerd2/releases?per_page=100"


@click.group(invoke_without_command=True)
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
@click.pass_context
def command(
    context: click.Context, cluster: str | None, as_of: datetime | None, everything: bool
) -> ExitCode | None:
    """Say which releases there are, which one policy picks, and why not a newer one.

    \b
    meshroll releases -i inventories/prod
    meshroll releases -i inventories/prod --for prod-eu
    meshroll releases -i inventories/prod --for prod-eu --as-of 2026-01-15

    Goes by meshroll_release and the catalogue. Without --for it asks nobody, and answers for every Kubernetes that
    meshroll_release allows. With it, also by the cluster's Kubernetes and its chart source; where Linkerd runs
    already, the hops from there to the picked release follow, with what each needs, what of this cluster it breaks and
    how to mend that, and the commands for Linkerd's extensions.

    \b
    Exit codes: 0 told, 2 no release fits or the inventory is wrong, 3 none fits this Kubernetes, or the cluster could
    not be read.
    """
    if context.invoked_subcommand is not None:
        return None
    asked = {"releases_as_of": f"{as_of:%Y-%m-%d}"} if as_of else {}
    return run_playbook(
        "releases",
        extra_vars={"releases_look": cluster is not None, **asked},
        in_full=everything,
        limit=cluster,
    )


@command.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--index", default=INDEX, metavar="PLACE", help=f"The Helm repository's index.  [default: {INDEX}]"
)
@click.option(
    "--milestones",
    default=MILESTONES,
    metavar="PLACE",
    help="Linkerd's list of its versions.  [default: versions.yaml of Linkerd's website]",
)
@click.option(
    "--notes",
    default=NOTES,
    metavar="PLACE",
    help="Release notes, as GitHub's API gives them, or text with a heading for each release.  "
    "[default: those of Linkerd's last 100 releases]",
)
@how
def refresh(file: Path, **wanted: Any) -> ExitCode:
    """Renew the catalogue in FILE, and show what is different. Where there is none, it is made.

    \b
    meshroll releases refresh releases.yml
    meshroll releases refresh releases.yml --notes notes.json --index charts/index.yaml

    FILE is what meshroll_catalogue of the inventory names. A PLACE is a file or an https:// address. Releases that are
    not known yet are added, unknown facts filled in, and what the notes call "not recommended" is marked so. A mark
    with a source of your own stays. An address that does not answer is passed over; what FILE has then counts on.

    \b
    Exit codes: 0 renewed as far as sources answer, 2 a file is missing or wrong.
    """
    import datetime as clock

    from meshroll import __version__
    from meshroll.adapters import refresh as adapter
    from meshroll.adapters.events import now
    from meshroll.core.result import envelope
    from meshroll.render.output import Output

    options, begun = Options.of(click.get_current_context()), now()
    output = Output.of(options.output, options.quiet, options.verbose, options.no_color)
    done = adapter.refresh(file, wanted, clock.date.fromisoformat(begun[:10]))
    output.result(
        envelope(
            command="releases refresh",
            version=__version__,
            run_id=None,
            started_at=begun,
            finished_at=now(),
            exit_code=ExitCode.SUCCESS,
            data={"catalogue": done.as_dict()},
        ),
        {},
    )
    return ExitCode.SUCCESS
