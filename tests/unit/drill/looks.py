"""Looks at a workload of three pods."""

from __future__ import annotations

from typing import Any

from meshroll.core.drill.looks import CALLERS, Count, Look, PodSeen

BEGAN = 1000.0
BEFORE = ("a", "b", "c")


def there(*names: str, ready_at: float = 0.0) -> tuple[PodSeen, ...]:
    return tuple(PodSeen(name, ready_at, False) for name in names)


def at(
    seconds: float,
    sent: dict[str, float],
    pods: tuple[PodSeen, ...] = there(*BEFORE),
    failed: float = 0.0,
    source: str = CALLERS,
    **others: Any,
) -> Look:
    fields: dict[str, Any] = {"medians_ms": {}, "slowest_ms": {}, **others}
    return Look(
        at_seconds=BEGAN + seconds,
        sent={source: sent} if sent else {},
        answers={source: Count(sum(sent.values()), failed)} if sent else {},
        pods=pods,
        **fields,
    )
