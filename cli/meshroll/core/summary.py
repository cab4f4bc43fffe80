"""One cluster's entry in the result: how it ended, what changed, before and after, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshroll.core.errors import STATUS, ExitCode
from meshroll.core.journal import Record
from meshroll.core.outcome import Outcome
from meshroll.core.plan import Plan, change_rows


def ended(
    cluster: str,
    outcome: Outcome,
    record: Record | None,
    plan: Plan | None,
    status: Mapping[str, Any],
    command: str,
    check_mode: bool,
    verdict: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The entry. ``status`` is what the cluster looks like now; ``record`` what the run wrote down, if it began;
    ``verdict`` is that of a command that writes nothing down.
    """
    verdicts = list(record.verdicts) if record else [verdict] if verdict else []
    changes = [row for change in (record.changes if record else []) for row in change_rows("", change)]
    return {
        "name": cluster,
        "outcome": STATUS[outcome.exit_code],
        "exit_code": int(outcome.exit_code),
        **status,
        "waves": _waves(plan),
        "gate": verdicts,
        "changes": changes,
        "plan": plan.summary() if plan else None,
        "summary": _summary(outcome, record, plan, status, check_mode),
        "next": _next(outcome, record, command, check_mode),
    }


def run_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """The runs that a cluster remembers, newest first, as `runs` and `status` list them."""
    return [
        {
            "run_id": record.run_id,
            "command": record.command,
            "state": record.state,
            "namespaces": record.namespaces,
            "holder": record.holder,
            "started_at": record.started_at,
            "finished_at": record.finished_at,
            "release": record.release,
            "changed_objects": len({change.object for change in record.changes}),
            "reason": record.reason,
        }
        for record in records
    ]


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
    lines = []
    if plan and outcome.exit_code == ExitCode.SUCCESS and plan.nothing_to_do:
        lines.append("Nothing to do: the cluster is as the inventory wants it.")
    elif check_mode and plan:
        planned = list(plan.changes())
        lines.append(
            f"Would change {len(planned)} objects and restart {sum(change.pods for change in planned)} pods."
        )
    elif record:
        objects = {change.object for change in record.changes}
        lines.append(f"Changed {len(objects)} objects.")
    for namespace in status["namespaces"]:
        workloads = namespace["workloads"]
        meshed = sum(workload["meshed_pods"] for workload in workloads)
        pods = sum(workload["pods"] for workload in workloads)
        lines.append(f"{namespace['name']}: {meshed} of {pods} pods are meshed.")
    if outcome.exit_code == ExitCode.ROLLED_BACK:
        lines.append("The run failed and everything it changed was taken back.")
    if outcome.exit_code == ExitCode.PAUSED:
        lines.append("Paused: what was changed stays, the lock is free.")
    if plan:
        lines += plan.notes
    return lines


def _next(outcome: Outcome, record: Record | None, command: str, check_mode: bool) -> str | None:
    namespace = f" -n {record.namespaces[0]}" if record and len(record.namespaces) == 1 else ""
    code = outcome.exit_code
    if code == ExitCode.PAUSED:
        return f"meshroll rollout{namespace} goes on; meshroll rollback{namespace} takes it back"
    if code == ExitCode.ROLLBACK_INCOMPLETE and record and not record.changes:
        return f"meshroll {command}{namespace} goes on with the install"
    if code == ExitCode.ROLLBACK_INCOMPLETE:
        return f"meshroll rollback{namespace} tries again"
    if code == ExitCode.INTERRUPTED:
        return f"meshroll {command}{namespace} goes on"
    if code != ExitCode.SUCCESS:
        return None
    if check_mode or command == "plan":
        return f"meshroll rollout{namespace}"
    if command == "rollout":
        return f"meshroll status{namespace} shows it; meshroll rollback{namespace} takes it back"
    return f"meshroll status{namespace}" if command == "rollback" else None
