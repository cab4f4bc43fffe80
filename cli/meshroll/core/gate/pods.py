"""The pod that fails or is slow while the others of its workload are well: named, and told apart from a worse workload.

With two pods neither is the rule and neither the exception, so nothing is acted on. A workload of whose requests too
many fail is at fault already, and which of its pods makes them needs no more proof than a name does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from meshroll.core.gate.signals import PodTraffic, Reading
from meshroll.core.gate.text import count, milliseconds, share
from meshroll.core.gate.verdict import Finding, Outcome

if TYPE_CHECKING:
    from meshroll.core.gate.outliers import Compared
    from meshroll.core.gate.tails import Array, Flags

# The chance that a gate without any fault calls a pod Failed: all its pods and looks together.
FALSE_ALARMS_RATIO = 0.001
# The same for one workload, where a pod is only reported, or the workload is at fault already.
NAMING_LEVEL = 0.01
PODS_MIN = 3
# The arrays of thousands of pods and a hundred blocks would take tens of megabytes.
PODS_AT_ONCE = 1000


class Row(msgspec.Struct, frozen=True):
    """One pod of the latest block; ``siblings`` counts the others of its workload."""

    workload: str
    pod: str
    siblings: int


def pod_findings(
    workloads: Collection[str], failing: Collection[str], blocks: Sequence[Reading], planned_blocks: int
) -> dict[str, list[Finding]]:
    """By workload, at most one failing pod and one slow one: the worst. ``failing`` are workloads at fault already."""
    by_workload = _rows(workloads, blocks)
    pods = sum(map(len, by_workload))
    found: dict[str, list[Finding]] = {}
    some: list[Row] = []
    for number, rows in enumerate(by_workload, 1):
        some += rows
        if len(some) >= PODS_AT_ONCE or number == len(by_workload):
            found |= _findings(some, failing, blocks, planned_blocks, pods)
            some = []
    return found


def _findings(
    rows: Sequence[Row], failing: Collection[str], blocks: Sequence[Reading], planned_blocks: int, pods: int
) -> dict[str, list[Finding]]:
    """Of some of the ``pods`` of a gate; those of a workload follow one another."""
    # Here, because these take a third of a second to import and most commands judge nothing.
    import numpy as np

    from meshroll.core.gate import outliers, slowness

    names = [row.workload for row in rows]
    starts = [place for place, name in enumerate(names) if place == 0 or name != names[place - 1]]
    responses, failures, medians = _counted(rows, starts, blocks)
    naming = np.array([NAMING_LEVEL / (row.siblings + 1) for row in rows])
    many = np.array([row.siblings + 1 >= PODS_MIN for row in rows])
    found: dict[str, list[Finding]] = {}
    compared, shown = outliers.failing(responses, failures, starts, naming)
    fault = shown & np.array([row.workload in failing for row in rows])
    fault &= compared.value >= outliers.FAILING_RATIO_MIN
    fault |= at_fault(responses, failures, starts, max(planned_blocks, len(blocks)), pods)
    fault &= many
    shown |= fault
    for place in _worst(rows, shown, fault, compared):
        found.setdefault(names[place], []).append(_failing(rows[place], compared, place, bool(fault[place])))
    medians = np.where(responses >= slowness.MEDIAN_REQUESTS_MIN, medians, np.nan)
    siblings = slowness.siblings_median(medians, starts)
    compared, shown, fault = slowness.slower(responses, medians, siblings)
    resolved = [
        _resolved(rows[place], blocks, responses[place], medians[place], siblings[place])
        if shown[place]
        else (False, False)
        for place in range(len(rows))
    ]
    slower, by_far = np.array(resolved).T
    fault &= by_far & many
    for place in _worst(rows, shown & slower, fault, compared):
        found.setdefault(names[place], []).append(_slow(rows[place], compared, place, bool(fault[place])))
    return found


def at_fault(
    responses: Array, failures: Array, starts: Sequence[int], planned_blocks: int, pods: int
) -> Flags:
    """Which pods fail so much more than their siblings that it is acted on, ``pods`` of them in a gate.

    By the latest look that was due, as the shares of a workload are looked at: between the looks nothing changes.
    """
    import numpy as np

    from meshroll.core.gate import outliers
    from meshroll.core.gate.excess import looks_of

    looks = looks_of(planned_blocks)
    due = max((look for look in looks if look <= responses.shape[1]), default=0)
    if not due:
        return np.zeros(len(responses), bool)
    level = np.full(len(responses), FALSE_ALARMS_RATIO / pods * looks[due])
    compared, found = outliers.failing(responses[:, :due], failures[:, :due], starts, level)
    return found & (compared.value >= outliers.FAILING_RATIO_MIN)


def _rows(workloads: Collection[str], blocks: Sequence[Reading]) -> list[list[Row]]:
    """By workload, in the order of their names. One without siblings has nothing to be compared with."""
    rows = []
    for workload in workloads:
        latest = blocks[-1].of(workload).pods
        if len(latest) > 1:
            rows.append([Row(workload, pod, len(latest) - 1) for pod in sorted(latest)])
    return rows


def _counted(rows: Sequence[Row], starts: Sequence[int], blocks: Sequence[Reading]) -> Array:
    """Responses, failures and medians in milliseconds (NaN: none), each pods x blocks. Who is not there: none."""
    import numpy as np

    nothing = PodTraffic(0.0, 0.0)
    found = np.empty((3, len(rows), len(blocks)))
    for first, end in pairwise([*starts, len(rows)]):
        for number, block in enumerate(blocks):
            pods = block.of(rows[first].workload).pods
            each = [pods.get(row.pod, nothing) for row in rows[first:end]]
            found[:, first:end, number] = np.array(
                [(pod.responses, pod.failures, pod.median_ms or np.nan) for pod in each]
            ).T
    return found


def _worst(rows: Sequence[Row], shown: Flags, fault: Flags, compared: Compared) -> list[int]:
    """The worst of those shown in each workload, of those at fault where there are any."""
    worst: dict[str, int] = {}
    for place in (int(place) for place in shown.nonzero()[0]):
        other = worst.setdefault(rows[place].workload, place)
        if (fault[place], compared.value[place]) > (fault[other], compared.value[other]):
            worst[rows[place].workload] = place
    return list(worst.values())


def _resolved(
    row: Row, blocks: Sequence[Reading], responses: Array, medians: Array, siblings: Array
) -> tuple[bool, bool]:
    """Whether the buckets and the number of requests tell it from its siblings, and from one twice as slow as they."""
    import numpy as np

    from meshroll.core.gate.slowness import TIMES_FORGIVEN, beyond

    histograms: list[Mapping[float, float]] = [
        inbound.histogram if (inbound := block.of(row.workload).inbound) else {} for block in blocks
    ]
    bounds = np.array(sorted({bound for histogram in histograms for bound in histogram}))
    if not len(bounds) or not np.isinf(bounds[-1]):
        return False, False
    counts = np.array([[histogram.get(bound, 0.0) for bound in bounds] for histogram in histograms])
    arguments = (bounds, np.maximum.accumulate(counts, axis=1), responses, medians, siblings)
    return beyond(1.0, *arguments), beyond(TIMES_FORGIVEN, *arguments)


def _failing(row: Row, compared: Compared, place: int, fault: bool) -> Finding:
    value, others = float(compared.value[place]), float(compared.siblings[place])
    text = (
        f"pod {row.pod} fails {share(value)} of {count(compared.responses[place])} requests, "
        f"{_siblings(row)} {share(others)}"
    )
    return _finding("failing_pod", row, text, value, fault)


def _slow(row: Row, compared: Compared, place: int, fault: bool) -> Finding:
    value, others = float(compared.value[place]), float(compared.siblings[place])
    text = f"pod {row.pod} has a median of {milliseconds(value)}, {_siblings(row)} {milliseconds(others)}"
    return _finding("slow_pod", row, text, value, fault)


def _siblings(row: Row) -> str:
    return "its siblings" if row.siblings > 1 else "its only sibling"


def _finding(signal: str, row: Row, text: str, value: float, fault: bool) -> Finding:
    return Finding(
        signal=signal,
        value=value,
        outcome=Outcome.FAILED if fault else None,
        text=text,
        hint=f"Look at its node and its log (`kubectl describe pod {row.pod}`), and delete the pod: if the next one "
        "is like it, the fault is the workload's."
        if fault
        else "",
    )
