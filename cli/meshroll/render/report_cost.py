"""What the proxies of a run's workloads cost, as a report says it."""

from __future__ import annotations

from collections.abc import Iterable

from meshroll.core.gate.proxy_cost import ProxyCost
from meshroll.core.report.build import PLOTTED_WORKLOADS
from meshroll.core.report.model import Report, WorkloadReport
from meshroll.render.signals import NO_DATA, number


def together(report: Report) -> ProxyCost | None:
    """Of all workloads; None where nothing was seen of any."""
    known = [each.proxies for each in report.workloads if each.proxies]
    if not known:
        return None
    return ProxyCost(
        pods=sum(each.pods for each in known),
        cores=_sum(each.cores for each in known),
        memory_bytes=_sum(each.memory_bytes for each in known),
    )


def dearest(report: Report) -> list[tuple[WorkloadReport, ProxyCost]]:
    """The workloads whose proxies hold the most memory, as many as are drawn."""
    known = [(each, each.proxies) for each in report.workloads if each.proxies]
    known.sort(key=lambda each: -(each[1].memory_bytes or 0.0))
    return known[:PLOTTED_WORKLOADS]


def cores(cost: ProxyCost, pods: int = 1) -> str:
    """``0.14 cores``, of one pod of so many."""
    return NO_DATA if cost.cores is None else f"{number('proxy_cores', cost.cores / pods)} cores"


def memory(cost: ProxyCost, pods: int = 1) -> str:
    """``160 MiB``, of one pod of so many."""
    return number("proxy_memory_bytes", None if cost.memory_bytes is None else cost.memory_bytes / pods)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
