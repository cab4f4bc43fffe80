"""The few figures that say at a glance what a run made of its workloads: the worst of each signal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from meshroll.core.gate.directions import DIRECTIONS
from meshroll.core.report.model import Figure, WorkloadReport

# Signal -> which of the workloads' values is the worst.
WORST: dict[str, Callable[[Iterable[float]], float]] = {
    "success_ratio": min,
    "latency_p99_ms": max,
    "busiest_pod_to_mean": max,
    "mtls_ratio": min,
}


def figures_of(workloads: Sequence[WorkloadReport]) -> tuple[Figure, ...]:
    """Of what was judged; none of a signal that was judged nowhere."""
    figures = []
    for signal, worst in WORST.items():
        named = {f"{prefix}{signal}" for prefix in DIRECTIONS}
        rows = [row for each in workloads for row in each.rows if row.signal in named and row.outcome]
        now = [row.after for row in rows if row.after is not None]
        past = [row.before for row in rows if row.before is not None]
        alike = [row.like_for_like for row in rows if row.like_for_like is not None]
        if now:
            figures.append(
                Figure(
                    signal=signal,
                    after=worst(now),
                    before=worst(past) if past else None,
                    like_for_like=all(alike) if alike else None,
                )
            )
    return tuple(figures)
