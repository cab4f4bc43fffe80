"""One cluster's entry in the result: how it ended, what changed, before and after, and what to type next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from meshroll.core.accepted import accepted_of
from meshroll.core.changes import Change
from meshroll.core.errors import STATUS, ExitCode
from meshroll.core.history import DRILL
from meshroll.core.journal import OPEN, Record
from meshroll.core.outcome import Outcome
from meshroll.core.plan import Plan, change_rows


class Tells(msgspec.Struct, frozen=True):
    """What a command's result tells beside how it ended: how the cluster stands, the runs that it remembers, how long
    its certificates last, and when it is to be upgraded.
    """

    standing: bool = True
    runs: bool = False
    certificates: bool = False
    calendar: bool = False


TELLS = {
    "status": Tells(runs=True, certificates=True, calendar=True),
    "runs": Tells(runs=True),
    "report": Tells(standing=False),
    "preflight": Tells(standing=False),
    "lock": Tells(standing=False),
}


def tells(command: str) -> Tells:
    return TELLS.get(command, Tells())


def ended(
    cluster: str,
    outcome: Outcome,
    record: Record | None,
    plan: Plan | None,
    status: Mapping[str, Any],
    command: str,
    check_mode: bool,
    verdicts: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The entry. ``status`` is what the cluster looks like now; ``record`` what the run wrote down, if it began;
    ``verdicts`` are the gates of this run, in their order.
    """
    changes = [row for change in (record.changes if record else []) for row in change_rows("", change)]
    return {
        "name": cluster,
        "outcome": STATUS[outcome.exit_code],
        "exit_code": int(outcome.exit_code),
        **status,
        "waves": _waves(plan),
        "gate": list(verdicts),
        "changes": changes,
        "accepted": msgspec.to_builtins(accepted_of(record)),
        "plan": plan.summary() if plan else None,
        "summary": [
            *_summary(outcome, record, plan, status, check_mode),
            *(each.line for each in accepted_of(record)),
        ],
        "next": _next(outcome, record, plan, command, check_mode),
    }


def _waves(plan: Plan | None) -> list[dict[str, Any]]:
    return [
        {"name": step.title, "workloads": step.workloads, "changed": len(step.changes)}
        for step in (plan.steps if plan else [])
        if step.stage == "wave"
    ]


def _summary(
    outcome: Outcome,
    record: Record | None,
    plan: Plan | None,
    status: Mapping[str, Any],
    check_mode: bool,
) -> list[str]:
    code = outcome.exit_code
    lines = [why] if record and (why := record.asked.get("why")) else []
    hops = record.hops if record else []
    # The plan of an upgrade is that of a hop's data plane, which may have nothing to do.
    if plan and code == ExitCode.SUCCESS and plan.nothing_to_do and not hops:
        lines += [NOTHING_TO_DO[plan.direction]] if plan.direction in NOTHING_TO_DO else []
    elif check_mode and plan:
        pods = sum(change.pods for change in plan.changes())
        lines.append(f"Would change {_objects(plan.changes())} and restart {pods} pods.")
    elif record and record.command == DRILL:
        lines.append(f"Not taken back yet: {', '.join(record.pending)}." if record.pending else _NOTHING_LEFT)
    elif record and record.command != "uninstall":
        lines += [f"{hop.start} -> {hop.to}: done." for hop in hops if hop.done]
        lines.append(f"Changed {_objects(record.changes)}.")
    for namespace in status["namespaces"]:
        workloads = namespace["workloads"]
        meshed = sum(workload["meshed_pods"] for workload in workloads)
        pods = sum(workload["pods"] for workload in workloads)
        lines.append(f"{namespace['name']}: {meshed} of {pods} pods are meshed.")
    if code == ExitCode.ROLLED_BACK:
        lines.append(_taken_back(record))
    if code == ExitCode.PAUSED and record and record.command != DRILL:
        lines.append("Paused: what was changed stays, the lock is free.")
    # On the way in they are what a plan says beforehand; on the way out they are what is left to do by hand.
    told = plan is not None and (plan.direction != "in" or record is None)
    return [*lines, *(plan.notes if plan and told else [])]


_NOTHING_LEFT = "Nothing of a drill is left: every fault was taken back."


def _taken_back(record: Record | None) -> str:
    hop = record.open_hop if record else None
    if hop is None:
        return "The run failed and what it changed was taken back."
    return f"The hop to {hop.to} failed and was taken back: {hop.start} runs."


NOTHING_TO_DO = {
    "in": "Nothing to do: the cluster is as the inventory wants it.",
    "fallback": "Nothing to do: there is no proxy to take out and no client to set back.",
    "previous": "Nothing to do: no rollout of these namespaces is left to take back.",
    "none": "Nothing to resume: every run of these namespaces came to its end.",
}


def _objects(changes: Iterable[Change]) -> str:
    count = len({change.object for change in changes})
    return f"{count} object{'' if count == 1 else 's'}"


def _next(
    outcome: Outcome, record: Record | None, plan: Plan | None, command: str, check_mode: bool
) -> str | None:
    namespace = f" -n {record.namespaces[0]}" if record and len(record.namespaces) == 1 else ""
    code = outcome.exit_code
    if command == "uninstall":
        crds = " --crds" if record and record.asked.get("crds") else ""
        return f"meshroll uninstall{crds} goes on" if record and code != ExitCode.SUCCESS else None
    if command == "drill":
        return (
            f"meshroll drill undo{namespace}" if record and record.pending else f"meshroll status{namespace}"
        )
    if command == "preflight" and code == ExitCode.SUCCESS:
        return "meshroll plan says what a rollout would do, meshroll rollout does it"
    if command == "upgrade":
        return _next_of_upgrade(outcome, record, plan, check_mode)
    if code == ExitCode.PAUSED and record:
        return f"meshroll rollout{namespace} goes on; meshroll rollback{namespace} takes it back"
    if code == ExitCode.ROLLBACK_INCOMPLETE and record and not record.changes:
        return f"meshroll {command}{namespace} goes on with the install"
    if code == ExitCode.ROLLBACK_INCOMPLETE:
        return f"meshroll rollback{namespace} tries again"
    if code == ExitCode.INTERRUPTED and command != "verify":
        return f"meshroll resume{namespace} goes on; meshroll rollback{namespace} takes it back"
    if code != ExitCode.SUCCESS or plan is None or (plan.nothing_to_do and plan.direction != "verify"):
        return None
    if check_mode or command == "plan":
        back = {
            "fallback": "meshroll rollback",
            "previous": f"meshroll rollback --to {plan.to or 'previous'}",
        }
        return f"{back.get(plan.direction, 'meshroll rollout')}{namespace}"
    if command == "rollout":
        return f"meshroll status{namespace} shows it; meshroll rollback{namespace} takes it back"
    return f"meshroll status{namespace}" if command == "rollback" else None


def _next_of_upgrade(
    outcome: Outcome, record: Record | None, plan: Plan | None, check_mode: bool
) -> str | None:
    begun_and_open = record is not None and outcome.state in OPEN
    if outcome.exit_code in (ExitCode.PAUSED, ExitCode.INTERRUPTED) or begun_and_open:
        return "meshroll upgrade goes on"
    if outcome.exit_code == ExitCode.ROLLBACK_INCOMPLETE:
        return "meshroll upgrade tries again to take it back"
    if record and record.hops and outcome.exit_code == ExitCode.SUCCESS:
        return "meshroll status shows it"
    if outcome.exit_code != ExitCode.SUCCESS or plan is None or plan.nothing_to_do:
        return None
    return "meshroll upgrade" if check_mode else "meshroll status shows it"
