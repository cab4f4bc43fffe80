"""meshroll resume: go on with what did not come to its end."""

import click

from meshroll.commands.options import on_inconclusive_option, take_option, where_and_how
from meshroll.commands.run import run_playbook, taking
from meshroll.core.errors import ExitCode


@click.command()
@on_inconclusive_option
@take_option
@where_and_how
def command(on_inconclusive: str, take: list[str]) -> ExitCode:
    """Finish what an earlier run left half done, forward or back.

    \b
    meshroll resume -i inventories/prod
    meshroll resume -i inventories/prod --limit staging --on-inconclusive continue

    Finds the run that was interrupted, killed or paused, reads what is really there, and says which way it goes and
    why: a rollout goes on to its end, unless it was on its way back or had failed a gate. Changes nothing where every
    run came to its end.

    \b
    Exit codes: 0 done or nothing to do, 3 refused, 4 failed and rolled back,
    5 rollback incomplete, 7 locked, 8 drift, 9 paused for a person, 130 interrupted.
    """
    return run_playbook("resume", extra_vars={"meshroll_on_inconclusive": on_inconclusive, **taking(take)})
