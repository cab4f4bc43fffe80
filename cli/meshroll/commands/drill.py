"""meshroll drill: a fault on purpose; a rollback and back again; and how the approaches to balancing differ."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click

from meshroll.commands.options import Options, where_and_how
from meshroll.commands.run import Played, play, run_playbook
from meshroll.core.errors import ExitCode, Problem, Refused

# Those of core.drill.model and of the sandbox, which are not imported for --help; a test holds them equal.
SCENARIOS = ("rolling-deploy", "pod-crash", "scale-up", "scale-down", "degraded-pod", "partition")
CALLERS_SECONDS = 150.0
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
    Exit codes: 0 every hypothesis held or was skipped, 3 refused, 5 not all is taken back, 7 locked,
    8 somebody else changed it meanwhile, 9 inconclusive, 10 one did not hold or was broken off, 130 interrupted.
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
    """Each cluster by itself: a namespace on the mesh goes off it and comes back, any other one the other way round."""
    looked = play("drill", extra_vars=_told("rollback"))
    clusters: list[dict[str, Any]] = looked.result["data"].get("clusters", [])
    if looked.result["exit_code"] == ExitCode.SUCCESS:
        from meshroll.core.result import with_cluster

        result = looked.result
        for cluster in clusters:
            entry, errors = _rehearsed(cluster)
            result = with_cluster(result, entry, errors, looked.result["finished_at"])
        looked = Played(result, looked.output, looked.to_repeat)
    looked.output.result(looked.result, looked.to_repeat)
    return ExitCode(looked.result["exit_code"])


def _rehearsed(cluster: dict[str, Any]) -> tuple[dict[str, Any], Sequence[dict[str, Any]]]:
    """The cluster's entry, with how long each part took, and what failed."""
    name = cluster["name"]
    meshed = any(each["meshed_pods"] for space in cluster["namespaces"] for each in space["workloads"])
    if meshed:
        planned = play("rollout", check=True, limit=name).result
        (plan,) = [each.get("plan") for each in planned["data"]["clusters"]]
        if planned["exit_code"] != ExitCode.SUCCESS or not plan or plan["steps"]:
            raise Refused(
                Problem(
                    "rehearsal-would-change",
                    f"{name}: the namespace is on the mesh, and not as the inventory wants it, so a rollout afterwards "
                    "would not leave it as it was found.",
                    "`meshroll plan` says what differs; `meshroll rollout` brings it there.",
                )
            )
    order = ("rollback", "rollout") if meshed else ("rollout", "rollback")
    parts: list[dict[str, Any]] = []
    entry, errors = cluster, []
    for command_name in order:
        begun = time.monotonic()
        back = {"rollback_to": "previous"} if not meshed and command_name == "rollback" else {}
        if parts and command_name == "rollout":
            _wait_for_callers(name)
            begun = time.monotonic()
        result = play(command_name, extra_vars=back, limit=name).result
        (entry,), errors = result["data"]["clusters"], result["errors"]
        code = result["exit_code"]
        seconds = round(time.monotonic() - begun, 1)
        parts.append(
            {"command": command_name, "run_id": result["run_id"], "seconds": seconds, "exit_code": code}
        )
        if code != ExitCode.SUCCESS:
            break
    took = ", ".join(f"{part['command']} {part['seconds']:.0f} s" for part in parts)
    summary = [*entry.get("summary", []), f"Rehearsed: {took}."]
    return {**entry, "rehearsal": parts, "summary": summary, "gate": []}, errors


def _wait_for_callers(cluster: str) -> None:
    """A rollout is refused as long as calls of the way out still fail (a headless Service's clients know no pod for up
    to 30 s after its pods were replaced).
    """
    until = time.monotonic() + CALLERS_SECONDS
    while time.monotonic() < until:
        errors = play("rollout", check=True, limit=cluster).result["errors"]
        if {error["code"] for error in errors} != {"namespace-outside-limits"}:
            return
        time.sleep(CALLERS_SECONDS / 30)


def _compare(scenario: str, approaches: Sequence[str]) -> ExitCode:
    """The table of what the model says, judged by the rules of real drills."""
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
        plain = {
            **msgspec.to_builtins(row),
            "source": comparison.LABEL,
            "precision_seconds": comparison.TICK_SECONDS,
        }
        measures = msgspec.convert(plain, Measures)
        name = next(known for known in HYPOTHESES if known == each)
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
