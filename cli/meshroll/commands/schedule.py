"""meshroll schedule: a complete job for scheduled upgrades."""

from __future__ import annotations

from typing import Any

import click

from meshroll.commands.options import Options, where_and_how
from meshroll.commands.run import play
from meshroll.core.errors import ExitCode, Problem, UsageError


@click.command()
@click.option(
    "--as",
    "form",
    type=click.Choice(["cronjob", "systemd", "awx"]),
    required=True,
    help="Objects for kubectl, two units of systemd, or a playbook of awx.awx tasks.",
)
@click.option(
    "--image",
    metavar="NAME",
    help="Image with meshroll, its extra `eks` where it is used, and Helm: cronjob and awx need one; awx: the "
    "execution environment.",
)
@click.option(
    "--job-namespace",
    default="meshroll",
    show_default=True,
    metavar="NAME",
    help="Where the CronJob lives.",
)
@click.option(
    "--account",
    default="meshroll-upgrade",
    show_default=True,
    metavar="NAME",
    help="ServiceAccount of the CronJob, or the user of the systemd service.",
)
@where_and_how
def command(form: Any, image: str | None, job_namespace: str, account: str) -> ExitCode:
    """Print a complete job for `meshroll upgrade --scheduled`.

    \b
    meshroll schedule --as cronjob -i inventories/prod --image registry.example/meshroll:0.1.0 > upgrade.yml
    meshroll schedule --as systemd -i inventories/prod --account mesh
    meshroll schedule --as awx -i inventories/prod --image registry.example/meshroll-ee:0.1.0

    It begins at each start of the windows in meshroll_upgrade (every night at 03:00 where there are none) and does
    nothing unless an upgrade is due. Secrets are named and never printed; how to make them stands at its head. With a
    CronJob that reaches its cluster by its own account come the Roles for it. Reads the inventory and asks no cluster.

    \b
    Exit codes: 0 printed, 2 the inventory is wrong.
    """
    if image is None and form != "systemd":
        raise UsageError(
            Problem(
                "usage",
                "--image is missing.",
                "Name an image with meshroll and Helm; docs/how-to/image.md says how to build one.",
            )
        )
    from meshroll.adapters.inventory_files import named_files, vaulted
    from meshroll.render.schedule import Asked, jobs_in, written

    played = play("schedule", extra_vars={"schedule_service_account": f"{job_namespace}/{account}"})
    output, result, code = played.output, played.result, ExitCode(played.result["exit_code"])
    if code != ExitCode.SUCCESS:
        output.result(result, played.to_repeat)
        return code
    options = Options.of(click.get_current_context())
    folder, named, files = named_files(options.inventory or "")
    asked = Asked(
        folder=folder,
        named=named,
        files=files,
        vaulted=vaulted(folder, files),
        limit=options.limit,
        image=image or "",
        namespace=job_namespace,
        account=account,
    )
    lines = written(form, jobs_in(result), asked)
    if output.json:
        output.object({**result, "data": {**result["data"], "job": "\n".join(lines) + "\n"}})
    else:
        output.lines(lines)
    return code
