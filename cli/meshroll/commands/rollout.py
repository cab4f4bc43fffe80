"""meshroll rollout: the main job."""

import click

from meshroll.commands.options import (
    accept_option,
    accepting,
    check_option,
    emit_patches_option,
    emitting,
    take_option,
    where_and_how,
)
from meshroll.commands.run import run_playbook, taking
from meshroll.core.errors import ExitCode


@click.command()
@check_option
@take_option
@emit_patches_option
@accept_option
@where_and_how
def command(check: bool, take: list[str], emit_patches: str | None, accept: tuple[str, ...]) -> ExitCode:
    """Take namespaces onto the mesh, gate each wave, roll back on failure.

    \b
    meshroll rollout -i inventories/prod -n charging --check
    meshroll rollout -i inventories/prod -n charging --limit staging

    Looks first and refuses, with all reasons at once, what would fail. Installs Linkerd where there is none,
    injects wave by wave, judges each wave by its golden signals, and takes everything back when one fails.
    Run again, it changes nothing; after a pause or an interruption it goes on.

    \b
    Exit codes: 0 done or nothing to do, 3 refused, 4 failed and rolled back,
    5 rollback incomplete, 7 locked, 8 drift, 9 paused for a person, 130 interrupted.
    """
    asked = {**taking(take), **emitting(emit_patches), **accepting(accept)}
    return run_playbook("rollout", check=check, extra_vars=asked)
