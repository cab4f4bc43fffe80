"""meshroll init: an inventory to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshroll.commands.options import Options, how
from meshroll.core.errors import ExitCode, Problem, UsageError

if TYPE_CHECKING:
    from meshroll.adapters.new_inventory import Made


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "source",
    type=click.Choice(["contexts", "eks"]),
    default="contexts",
    show_default=True,
    help="The contexts of a kubeconfig, or the clusters of AWS accounts.",
)
@click.option(
    "--kubeconfig",
    metavar="FILE",
    help="Where the contexts are.  [default: $KUBECONFIG or ~/.kube/config]",
)
@click.option(
    "--region", "regions", metavar="REGION", multiple=True, help="With eks: look here; may be repeated."
)
@click.option(
    "--role-arn",
    "role_arns",
    metavar="ARN",
    multiple=True,
    help="With eks: assume this role, one an account; may be repeated.",
)
@how
def command(
    folder: Path, source: str, kubeconfig: str | None, regions: tuple[str, ...], role_arns: tuple[str, ...]
) -> ExitCode:
    """Write a commented inventory, from kubeconfig contexts or from AWS.

    \b
    meshroll init inventories/mine
    meshroll init inventories/fleet --from eks --region eu-central-1

    A context is a host; with --from eks, a file that finds clusters anew each time is written instead. Every setting
    stands in group_vars/all as a comment. An inventory that is there already stays as it is, and what it does not have
    yet is said.

    \b
    Exit codes: 0 written or compared, 2 options or kubeconfig are wrong, 3 another folder, or AWS refuses.
    """
    from meshroll.adapters import new_inventory
    from meshroll.paths import sample_inventory
    from meshroll.render.output import Output

    if source == "eks" and (kubeconfig or not regions):
        raise _wrong("--from eks goes with --region, and without --kubeconfig.")
    if source == "contexts" and (regions or role_arns):
        raise _wrong("--region and --role-arn go with --from eks.")
    options = Options.of(click.get_current_context())
    output = Output.of(options.output, options.quiet, options.verbose, options.no_color)
    sample = sample_inventory()
    if source == "eks":
        made = new_inventory.from_eks(folder, regions, role_arns, sample, output.note)
    else:
        made = new_inventory.from_contexts(folder, kubeconfig, sample)
    if output.json:
        output.object(_result(made))
    else:
        output.lines(_lines(made))
    return ExitCode.SUCCESS


def _wrong(message: str) -> UsageError:
    return UsageError(Problem("usage", message, "See `meshroll init --help`."))


def _result(made: Made) -> dict[str, object]:
    from meshroll import __version__
    from meshroll.adapters.events import now
    from meshroll.core.result import envelope

    moment = now()
    return envelope(
        command="init",
        version=__version__,
        run_id=None,
        started_at=moment,
        finished_at=moment,
        exit_code=ExitCode.SUCCESS,
        data={"init": made.as_dict()},
    )


def _lines(made: Made) -> list[str]:
    count = len(made.clusters)
    seen = f"{count} cluster{'' if count == 1 else 's'}" + (f": {', '.join(made.clusters)}" if count else "")
    after = ["", f"Next: meshroll status -i {made.folder}"]
    if made.written:
        return [f"Wrote {made.folder} for {seen}.", *(f"  {file}" for file in made.written), *after]
    if not made.would_add:
        return [f"{made.folder} has {seen}; nothing is missing, and nothing was changed.", *after]
    lines = [f"{made.folder} is an inventory already, and was not changed. It does not have:"]
    for each in made.would_add:
        lines += ["", f"in {each.file}:", *(f"  {line}" for line in each.text.splitlines())]
    return [*lines, *after]
