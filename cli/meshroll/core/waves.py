"""Which workloads are injected together, and in which order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from meshroll.core.budget import limits_of
from meshroll.core.errors import Problem, UsageError
from meshroll.core.model import ClusterView, Workload, labels_of
from meshroll.core.plan import Step
from meshroll.core.settings import Settings, Wave


@dataclass(frozen=True)
class PlannedWave:
    name: str
    workloads: tuple[Workload, ...]


def planned_waves(
    rules: Sequence[Wave], workloads: Sequence[Workload], clients: Sequence[str]
) -> list[PlannedWave]:
    """Every workload in exactly one wave: each rule takes from what earlier rules left, a last wave takes the rest.

    ``clients`` are workload ids, callers first: balancing begins with the caller's proxy. A share is of all
    workloads, rounded up. CronJobs restart nothing, so they never make a wave of their own at the front.
    Raises UsageError where a rule names a workload that is not there.
    """
    left = sorted(workloads, key=lambda workload: _order(workload, clients))
    waves = []
    for number, rule in enumerate(rules, 1):
        picked = _pick(rule, left, len(workloads), clients)
        left = [workload for workload in left if workload not in picked]
        if picked:
            waves.append(PlannedWave(rule.name or f"wave {number}", tuple(picked)))
    if left:
        waves.append(PlannedWave("rest", tuple(left)))
    return waves


def budgeted(steps: Sequence[Step], view: ClusterView, settings: Settings) -> list[Step]:
    """Those steps that have something to do, with how many pods may be restarting at once."""
    in_cluster = sum(workload.replicas for workload in view.all_workloads)
    in_namespace = {
        name: sum(workload.replicas for workload in space.workloads)
        for name, space in view.namespaces.items()
    }
    return [
        msgspec.structs.replace(step, limits=limits_of(settings, in_namespace[step.namespace], in_cluster))
        for step in steps
        if step.to_do
    ]


def _pick(rule: Wave, left: list[Workload], total: int, clients: Sequence[str]) -> list[Workload]:
    if rule.workloads is not None:
        by_id = {workload.id: workload for workload in left}
        absent = [name for name in rule.workloads if name not in by_id]
        if absent:
            raise UsageError(
                Problem(
                    "wave-workload-unknown",
                    f"Wave {rule.name or ''} names {', '.join(absent)}, which the namespace does not have, "
                    "which opts out, or which an earlier wave took.",
                    "Correct the wave's `workloads` in the inventory.",
                )
            )
        return [by_id[name] for name in dict.fromkeys(rule.workloads)]
    if rule.labels is not None:
        wanted = rule.labels.items()
        return [
            workload for workload in left if all(labels_of(workload.template).get(k) == v for k, v in wanted)
        ]
    if rule.clients is not None:
        running = [workload for workload in left if workload.kind != "CronJob"]
        return ([workload for workload in running if workload.id in clients] or running)[: rule.clients]
    # Rounded first: 0.07 * 100 is a little more than 7, and 7 % of 100 workloads are not 8.
    return left[: math.ceil(round((rule.share or 1.0) * total, 9))]


def _order(workload: Workload, clients: Sequence[str]) -> tuple[bool, int, str]:
    caller_rank = clients.index(workload.id) if workload.id in clients else len(clients)
    return workload.kind == "CronJob", caller_rank, workload.id
