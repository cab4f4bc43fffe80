"""meshroll drill: a fault on purpose."""

from __future__ import annotations

import click

from meshroll.commands.options import where_and_how
from meshroll.commands.run import run_playbook
from meshroll.core.errors import ExitCode

# Those of core.drill.model, which is not imported for --help; a test holds them equal.
SCENARIOS = ("rolling-deploy", "pod-crash", "scale-up", "scale-down", "degraded-pod", "partition")


@click.command()
@click.argument("scenario", type=click.Choice([*SCENARIOS, "all", "undo"]), metavar="SCENARIO|all|undo")
@click.option(
    "--workload",
    metavar="KIND/NAME",
    help="The workload to drill; by default the first that can be, with proxies before without.",
)
@where_and_how
def command(scenario: str, workload: str | None) -> ExitCode:
    """Break something on purpose, say what callers notice, take it back.

    \b
    meshroll drill all -i inventories/staging -n charging
    meshroll drill pod-crash -i inventories/staging -n charging --workload Deployment/tariffs
    """
    told = {"drill_scenario": scenario, **({"drill_workload": workload} if workload else {})}
    return run_playbook("drill", extra_vars=told)
