"""meshroll plan: what would be done, object by object."""

import click

from meshroll.commands.options import (
    accept_option,
    accepting,
    complete_way_back,
    emit_patches_option,
    emitting,
    way_back,
    where_and_how,
)
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode


@click.command()
@click.option(
    "--rollback",
    metavar="fallback|previous|RUN",
    callback=way_back,
    shell_complete=complete_way_back,
    help="Plan a rollback to there instead of a rollout.",
)
@emit_patches_option
@accept_option
@where_and_how
def command(rollback: str | None, emit_patches: str | None, accept: tuple[str, ...]) -> ExitCode:
    """Say what a rollout or rollback would do; changes nothing.

    \b
    meshroll plan -i inventories/prod -n charging
    meshroll plan -i inventories/prod -n charging --rollback fallback

    Lists each object, field by field with its value before and after, and how many pods restart: the same
    list that the real run works through.

    \b
    Exit codes: 0 with or without changes, 3 refused.
    """
    asked = {"plan_direction": rollback or "in", **emitting(emit_patches), **accepting(accept)}
    return run_playbook("plan", extra_vars=asked)
