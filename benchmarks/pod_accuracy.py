"""How often the gate names the right pod: rows of the table that gate_accuracy.py prints.

A gate is WORKLOADS workloads of three pods, or ten, looked at in every block; where a pod fails, only when it is acted
on. Where nothing is wrong a run is GATES gates, one pod of three workloads restarts, and at times all pods of a
workload fail or are slow together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pod_generators import Fault, PodFamily
from rows import Families, Row

from meshroll.core.gate.excess import looks_of
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
    ratio: float = RATIO

    @property
    def sick(self) -> bool:
        return bool(self.fault.failing) or self.fault.times > 1

    @property
    def looks(self) -> Sequence[int]:
        return list(looks_of(self.blocks)) if self.fault.failing else range(1, self.blocks + 1)


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


def nothing(pods: int, per_second: float, ratio: float = RATIO) -> Case:
    name = f"no pod differs, {pods} pods, {per_second:g}/s, {100 * (1 - ratio):g} %: runs of {GATES} gates"
    return Case(name, "<= 1 %", per_second, Fault(), pods, ratio=ratio)


CASES = (
    failing(5, 0.05),
    failing(5, 0.05, 120),
    failing(10, 0.05),
    failing(50, 0.05),
    failing(50, 0.05, shocks=True),
    *(slow(rate, 3.0, ">= 95 %") for rate in (5, 10, 50)),
    *(slow(rate, 2.0, "0 %") for rate in (5, 50, 500)),
    *(nothing(3, rate) for rate in (5, 50, 500)),
    nothing(10, 50),
    *(nothing(3, rate, ratio) for ratio in (0.005, 0.01) for rate in (5, 500)),
)


HEAD = "| case | target | a pod Failed | or reported |"


def rows(runs: int) -> Iterator[Row]:
    for case in CASES:
        yield Row(case.name, case.target, partial(measured, case=case, runs=runs))


def measured(families: Families, case: Case, runs: int) -> tuple[float, float]:
    """(Part of the runs in which a pod was Failed, part in which it was reported at least).

    With a fault only the pod that has it counts.
    """
    failed = shown = 0
    for _ in range(runs):
        gates = [_gate(families.pods, case) for _ in range(1 if case.sick else GATES)]
        failed += any(gate[0] for gate in gates)
        shown += any(gate[1] for gate in gates)
    return failed / runs, shown / runs


def _gate(family: PodFamily, case: Case) -> tuple[bool, bool]:
    """Whether a pod was Failed, and whether it was, or was reported when the gate ended."""
    made = family.make(WORKLOADS, case.pods, case.blocks, case.per_second, case.ratio, case.fault)
    blocks = made.readings()
    workloads = [f"Deployment/w{number}" for number in range(WORKLOADS)]
    found = []
    for seen in case.looks:
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
