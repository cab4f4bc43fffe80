"""meshroll drill: a fault on purpose; a rollback and back again; and how the approaches to balancing differ."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import click

from meshroll.commands.options import Options, where_and_how
from meshroll.commands.run import play, run_playbook
from meshroll.core.errors import ExitCode

if TYPE_CHECKING:
    from meshroll.core.drill.model import Scenario
    from meshroll.core.drill.rehearsal import Part

# Those of core.drill.model and of the sandbox, which are not imported for --help; a test holds them equal.
SCENARIOS = ("rolling-deploy", "pod-crash", "scale-up", "scale-down", "degraded-pod", "partition")
APPROACHES = ("pinned", "dial-per-request", "headless", "mesh")


@click.command()
@click.argument(
    "scenario",
    type=click.Choice([*SCENARIOS, "all", "rollback", "undo"]),
    metavar="SCENARIO|all|rollback|undo",
)
@click.option(
    "--workload",
    metavar="KIND/NAME",
    help="The Deployment to drill; by default the first that can be, with proxies before without.",
)
@click.option(
    "--approach",
    "approaches",
    type=click.Choice([*APPROACHES, "all"]),
    multiple=True,
    help="Ask no cluster: what the sandbox's traffic model says of this approach to balancing.",
)
@where_and_how
def command(scenario: str, workload: str | None, approaches: tuple[str, ...]) -> ExitCode:
    """Break something on purpose, say what callers notice, take it back.

    \b
    meshroll drill all -i inventories/staging -n charging
    meshroll drill pod-crash -i inventories/staging -n charging --workload Deployment/tariffs
    meshroll drill rollback -i inventories/staging -n charging
    meshroll drill all --approach all

    SCENARIO is rolling-deploy, pod-crash, scale-up, scale-down, degraded-pod or partition. Each has a hypothesis, one
    fault on one workload for a minute or so, and is broken off when many calls fail or another workload suffers. Only
    in a namespace labelled meshroll.io/drillable=true. What an earlier drill has left, killed midway, is taken back
    first; `undo` does only that. `rollback` rehearses: off the mesh and on it again, or the other way round, and says
    how long each took.

    \b
    Exit codes: 0 every hypothesis held or was skipped, 2 the command line or the inventory is wrong, 3 refused,
    5 not all is taken back, 6 clusters ended differently, 7 locked, 8 somebody else changed it meanwhile,
    9 inconclusive, 10 one did not hold or was broken off, 130 interrupted.
    """
    if approaches:
        if scenario in ("rollback", "undo") or workload:
            raise click.UsageError("--approach is about the six scenarios, and about no workload.")
        return _compare(scenario, APPROACHES if "all" in approaches else approaches)
    if scenario == "rollback":
        return _rehearse()
    return run_playbook("drill", extra_vars=_told(scenario, workload))


def _told(scenario: str, workload: str | None = None) -> dict[str, str]:
    return {"drill_scenario": scenario, **({"drill_workload": workload} if workload else {})}


def _rehearse() -> ExitCode:
    """Off the mesh and back, or the other way round, by the playbooks that it would be in earnest."""
    from meshroll.core.drill import rehearsal

    looked = play("drill", extra_vars=_told("rollback"))
    result = looked.result
    if result["exit_code"] == ExitCode.SUCCESS:
        order = rehearsal.parts_of(result["data"]["clusters"][0])
        wrong = rehearsal.against(play("rollout", check=True).result) if order[0] == "rollback" else []
        result = rehearsal.refused(result, wrong) if wrong else _rehearsed(result, order)
    looked.output.result(result, looked.to_repeat)
    return ExitCode(result["exit_code"])


def _rehearsed(looked: dict[str, Any], order: Sequence[Part]) -> dict[str, Any]:
    from meshroll.core.drill.rehearsal import Rehearsed, ended

    parts: list[Rehearsed] = []
    last: dict[str, Any] | None = None
    for command_name in order:
        if parts and command_name == "rollout" and not _callers_are_well():
            return ended(looked, None, parts)
        begun = time.monotonic()
        back = {"rollback_to": "previous"} if parts and command_name == "rollback" else {}
        last = play(command_name, extra_vars=back).result
        seconds = round(time.monotonic() - begun, 1)
        parts.append(Rehearsed(command_name, last["run_id"], seconds, last["exit_code"]))
        if last["exit_code"] != ExitCode.SUCCESS:
            break
    return ended(looked, last, parts)


def _callers_are_well() -> bool:
    """Waits for it, or as long as it may take; False once somebody asks to stop."""
    from meshroll.core.drill.rehearsal import ASK_AGAIN_SECONDS, CALLERS_SECONDS, is_unsettled

    until = time.monotonic() + CALLERS_SECONDS
    try:
        while time.monotonic() < until:
            planned = play("rollout", check=True).result
            if planned["exit_code"] == ExitCode.INTERRUPTED:
                return False
            if not is_unsettled(planned):
                return True
            time.sleep(ASK_AGAIN_SECONDS)
    except KeyboardInterrupt:
        return False
    return True


def _compare(scenario: str, approaches: Sequence[str]) -> ExitCode:
    """The table of what the model says, judged by the rules of real drills."""
    import dataclasses

    import msgspec

    from meshroll import __version__
    from meshroll.adapters.events import now
    from meshroll.core.drill.judge import judge
    from meshroll.core.drill.model import HYPOTHESES, Measures
    from meshroll.core.result import envelope
    from meshroll.core.settings import Limits
    from meshroll.render.output import Output
    from meshroll_sandbox import comparison

    wanted = SCENARIOS if scenario == "all" else (scenario,)
    may_fail = 1 - Limits().success_ratio_min
    rows = []
    for each, approach, row in comparison.compare(tuple(wanted), tuple(approaches)):
        measures = Measures(
            source=comparison.LABEL, precision_seconds=comparison.TICK_SECONDS, **dataclasses.asdict(row)
        )
        name = cast("Scenario", each)  # the sandbox's own word for it; a test holds them equal
        outcome, why = judge(name, measures, may_fail)
        told = {"scenario": each, "approach": approach, "hypothesis": HYPOTHESES[name]}
        rows.append({**told, "outcome": outcome, "why": why, "measures": msgspec.to_builtins(measures)})
    options, moment = Options.of(click.get_current_context()), now()
    Output.of(options.output, options.quiet, options.verbose, options.no_color).result(
        envelope(
            command="drill",
            version=__version__,
            run_id=None,
            started_at=moment,
            finished_at=moment,
            exit_code=ExitCode.SUCCESS,
            data={"comparison": {"source": comparison.LABEL, "drills": rows}},
        ),
        {},
    )
    return ExitCode.SUCCESS
