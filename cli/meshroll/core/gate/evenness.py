"""How evenly load is spread over the pods of a workload."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import msgspec

# Counts scatter by their square root; four times that is beyond what chance does to one pod in thousands of
# looks.
CHANCE_DEVIATIONS = 4.0


class Evenness(msgspec.Struct, frozen=True, kw_only=True):
    """Load over the pods that were there for the whole window. ``unit`` is what was counted."""

    by_pod: dict[str, float]
    unit: str
    source: str
    busiest_pod: str
    busiest_to_mean: float
    variation: float
    """Coefficient of variation: standard deviation over mean; 0 is perfectly even."""

    @property
    def mean(self) -> float:
        return sum(self.by_pod.values()) / len(self.by_pod)

    @property
    def beyond_chance(self) -> bool:
        """Whether the busiest pod stands out more than scatter explains; bytes and cores have none."""
        excess = self.by_pod[self.busiest_pod] - self.mean
        return self.unit != "requests" or excess > CHANCE_DEVIATIONS * math.sqrt(self.mean)


def evenness(
    load: Mapping[str, float], pods: Collection[str], young: Collection[str], unit: str, source: str
) -> Evenness | None:
    """Evenness over ``pods`` without the ``young`` ones, which have had less time to be busy.

    A pod without a sample had no load, and counts: otherwise a pinned pod would look even with itself. None
    for fewer than two pods or no load at all.
    """
    judged = {pod: load.get(pod, 0.0) for pod in sorted(set(pods) - set(young))}
    total = sum(judged.values())
    mean = total / len(judged) if judged else 0.0
    if len(judged) < 2 or mean <= 0:
        return None
    busiest = max(judged, key=lambda pod: judged[pod])
    deviation = math.sqrt(sum((value - mean) ** 2 for value in judged.values()) / len(judged))
    return Evenness(
        by_pod=judged,
        unit=unit,
        source=source,
        busiest_pod=busiest,
        busiest_to_mean=judged[busiest] / mean,
        variation=deviation / mean,
    )
