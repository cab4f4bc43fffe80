"""What does a restart take away? A rollout restarts every workload once, and asks no PodDisruptionBudget."""

from __future__ import annotations

from collections.abc import Iterator

from meshroll.core.checks.row import Case, Check
from meshroll.core.model import NamespaceView, Object, Workload
from meshroll.core.scan.row import Hit
from meshroll.core.selectors import selects
from meshroll.core.strategy import count, recreated, taken_away


def _single(case: Case) -> Iterator[Hit]:
    for namespace, space, workload in case.taken():
        if (
            workload.kind in ("Deployment", "StatefulSet")
            and workload.replicas == 1
            and workload.id in space.served
        ):
            moved = (
                "nobody answers while it restarts"
                if taken_away(workload)
                else "a restart moves all of its calls"
            )
            yield Hit(f"{workload.id} has one pod: {moved}.", namespace.name, workload.id)


def _undercut(case: Case) -> Iterator[Hit]:
    budgets = case.seen.objects("pod_disruption_budgets")
    for namespace, space, workload in case.taken():
        away = taken_away(workload)
        for budget in budgets:
            if budget["metadata"]["namespace"] != namespace.name or not _covers(budget, workload):
                continue
            allowed = _allowed(budget, space)
            if away > allowed:
                yield Hit(
                    f"A restart of {workload.id} takes up to {away} of its {workload.replicas} pods away at once; "
                    f"PodDisruptionBudget {budget['metadata']['name']} allows {allowed}.",
                    namespace.name,
                    workload.id,
                )


def _all_at_once(case: Case) -> Iterator[Hit]:
    for namespace, _, workload in case.taken():
        if workload.replicas > 1 and taken_away(workload) >= workload.replicas:
            yield Hit(
                f"A restart of {workload.id} takes all of its {workload.replicas} pods away at once"
                f"{' (strategy Recreate)' if recreated(workload) else ''}.",
                namespace.name,
                workload.id,
            )


def _covers(budget: Object, workload: Workload) -> bool:
    """A selector that is not there selects nothing; an empty one everything (kubernetes.io policy/v1)."""
    selector = budget["spec"].get("selector")
    return selector is not None and selects(
        selector, (workload.template.get("metadata") or {}).get("labels") or {}
    )


def _allowed(budget: Object, space: NamespaceView) -> int:
    """How many pods it lets go at once, of all that are to be there."""
    total = sum(workload.replicas for workload in space.workloads if _covers(budget, workload))
    spec = budget["spec"]
    if "minAvailable" in spec:
        return max(0, total - count(spec["minAvailable"], total, up=True))
    return count(spec.get("maxUnavailable", total), total, up=True)


CHECKS = (
    Check(
        "single-replica",
        "servers have more than one pod",
        _single,
        ("in", "upgrade"),
        severity="note",
        acceptable=True,
        why="A server with one pod has no other to take its calls while it restarts, and a gate has no sibling to "
        "compare it with.",
        fix="Run two replicas at least, or mesh it in a quiet hour.",
    ),
    Check(
        "disruption-budget-undercut",
        "restarts stay within PodDisruptionBudgets",
        _undercut,
        ("in", "upgrade"),
        severity="warn",
        needs=("pod_disruption_budgets",),
        acceptable=True,
        why="PodDisruptionBudgets bind evictions alone: a restart by the workload's own controller does not ask them "
        "(kubernetes.io/docs/concepts/workloads/pods/disruptions), so more pods go at once than the team allows.",
        fix="Lower the workload's maxUnavailable (with maxSurge above 0) to what its budget allows.",
    ),
    Check(
        "restarts-all-at-once",
        "restarts leave some pods serving",
        _all_at_once,
        ("in", "upgrade"),
        severity="warn",
        acceptable=True,
        why="A rollout restarts each workload by its own strategy. One that takes every pod away at once serves "
        "nobody until the new ones are Ready.",
        fix="Use strategy RollingUpdate with a maxUnavailable below 100 %.",
    ),
)
