"""How often the gate names the right pod: rows of the table that gate_accuracy.py prints.

A gate is WORKLOADS workloads of three pods, or ten, looked at in every block. Where nothing is wrong a run is
GATES gates, one pod of three workloads restarts, and at times all pods of a workload fail or are slow together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pod_generators import Fault, PodFamily

from meshroll.core.gate.pods import pod_findings

WORKLOADS, GATES = 10, 5
BLOCKS = 20
RATIO = 0.0005


@dataclass(frozen=True)
class Case:
    name: str
    target: str
    per_second: float
    fault: Fault
    pods: int = 3
    blocks: int = BLOCKS

    @property
    def sick(self) -> bool:
        return bool(self.fault.failing) or self.fault.times > 1


def failing(per_second: float, failed: float, blocks: int = BLOCKS, shocks: bool = False) -> Case:
    name = f"1 of 3 pods fails {100 * failed:g} %, {per_second:g}/s, {blocks / 2:g} min"
    shaken = ", and all at times" if shocks else ""
    return Case(name + shaken, ">= 95 %", per_second, Fault(failing=failed, shocks=shocks), blocks=blocks)


def slow(per_second: float, times: float, target: str) -> Case:
    return Case(
        f"1 of 3 pods: median x {times:g}, {per_second:g}/s, 10 min",
        target,
        per_second,
        Fault(times=times, shocks=False),
    )


CASES = (
    failing(5, 0.05),
    failing(5, 0.05, 120),
    failing(10, 0.05),
    failing(50, 0.05),
    failing(50, 0.05, shocks=True),
    *(slow(rate, 3.0, ">= 95 %") for rate in (5, 10, 50)),
    *(slow(rate, 2.0, "0 %") for rate in (5, 50, 500)),
    *(
        Case(f"no pod differs, {pods} pods, {rate}/s: runs of {GATES} gates", "<= 1 %", rate, Fault(), pods)
        for pods, rate in ((3, 5), (3, 50), (3, 500), (10, 50))
    ),
)


def lines(family: PodFamily, runs: int) -> Iterator[tuple[str, str, float, float]]:
    """(case, target, part of the runs in which a pod was Failed, part in which it was reported at least).

    With a fault only the pod that has it counts.
    """
    for case in CASES:
        failed = shown = 0
        for _ in range(runs):
            gates = [_gate(family, case) for _ in range(1 if case.sick else GATES)]
            failed += any(gate[0] for gate in gates)
            shown += any(gate[1] for gate in gates)
        yield case.name, case.target, failed / runs, shown / runs


def _gate(family: PodFamily, case: Case) -> tuple[bool, bool]:
    """Whether a pod was Failed, and whether it was, or was reported when the gate ended."""
    made = family.make(WORKLOADS, case.pods, case.blocks, case.per_second, RATIO, case.fault)
    blocks = made.readings()
    workloads = [f"Deployment/w{number}" for number in range(WORKLOADS)]
    found = []
    for seen in range(1, case.blocks + 1):
        by_workload = pod_findings(workloads, (), blocks[:seen], case.blocks)
        found = [
            each
            for many in by_workload.values()
            for each in many
            if not case.sick or "pod w0-0 " in each.text
        ]
        if any(each.outcome for each in found):
            return True, True
    return False, bool(found)
