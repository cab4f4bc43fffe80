"""How evenly load is spread over the pods of a workload."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import msgspec

from meshroll.core.gate.numbers import numbers

# Far below one look of all workloads of all runs of a year.
CHANCE_MAX = 1e-5


class Evenness(msgspec.Struct, frozen=True, kw_only=True):
    """Load over the pods that were there for the whole window. ``unit`` is what was counted."""

    by_pod: Mapping[str, float]
    unit: str
    source: str
    busiest_pod: str
    busiest_to_mean: float
    variation: float
    """Coefficient of variation: standard deviation over mean; 0 is perfectly even."""

    @property
    def mean(self) -> float:
        return sum(self.by_pod.values()) / len(self.by_pod)

    def is_beyond(self, times: float) -> bool:
        """Whether the busiest pod's part of the requests is more than ``times`` the mean, and not by chance."""
        from meshroll.core.gate.tails import binomial_tail  # takes a third of a second to import

        share = times / len(self.by_pod)
        return (
            share < 1
            and binomial_tail(self.by_pod[self.busiest_pod], sum(self.by_pod.values()), share) < CHANCE_MAX
        )


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
        by_pod=numbers(judged),
        unit=unit,
        source=source,
        busiest_pod=busiest,
        busiest_to_mean=judged[busiest] / mean,
        variation=deviation / mean,
    )


def evenness_of_all(many: Sequence[Evenness | None]) -> Evenness | None:
    """Over looks that follow one another, as the latest counted it, and for the pods that were in all of them."""
    known = [each for each in many if each is not None]
    if not known:
        return None
    unit, source = known[-1].unit, known[-1].source
    alike = [each for each in known if (each.unit, each.source) == (unit, source)]
    pods = set.intersection(*(set(each.by_pod) for each in alike))
    summed = {pod: sum(each.by_pod[pod] for each in alike) for pod in pods}
    return evenness(summed, pods, (), unit, source)
