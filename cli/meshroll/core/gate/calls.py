"""Who sends how much to one workload, and to which of its pods: what a pinned client is found in."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshroll.core.gate.evenness import CHANCE_MAX

REQUESTS_MIN, LOOKS_MIN = 30.0, 3
# A held connection that breaks once may lead elsewhere for a moment, and the client is pinned all the same.
NEARLY_ALL = 0.9
# Callers without a proxy cannot be told apart: one that is pinned is seen once it makes up the half of them.
HALF = 0.5
# A client that sends this many in one look, and no more than half of them to one pod, is spreading them.
SPREAD_FROM = 10.0


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """What one client pod asked of one workload, and how much of it one pod answered.

    client    the client's pod, with its namespace before it where it is another; "" stands for all callers that have
              no proxy, which nothing tells apart
    workload  of the client, as ``Deployment/omni``, with its namespace likewise; "" where it is unknown
    service   that its proxy was asked for, and so balanced; "" where it was given the address of a pod
    pod       that got most of them
    requests  of ``total`` that it got
    lasting   whether they came in three looks, or in all where there were fewer: a single burst is no pinned client
    """

    client: str
    workload: str
    service: str
    pod: str
    requests: float
    total: float
    lasting: bool = False

    @property
    def share(self) -> float:
        return self.requests / self.total

    @property
    def is_spread(self) -> bool:
        return bool(self.client) and self.total >= SPREAD_FROM and self.share <= HALF

    def is_pinned(self, pods: int) -> bool:
        """Whether they go to one of so many pods, and no balancer and no chance explains it.

        Of three and more the better of two gets at most 2/n. Of two it may get all, so that only a client that balances
        by itself, or not at all, is pinned to one: with all that it sends.
        """
        if pods < 2 or self.total < REQUESTS_MIN or not self.lasting:
            return False
        if pods == 2:
            return not self.service and self.total - self.requests < 1
        from meshroll.core.gate.tails import binomial_tail  # takes a third of a second to import

        return (
            self.share >= (NEARLY_ALL if self.client else HALF)
            and binomial_tail(self.requests, self.total, 2 / pods) < CHANCE_MAX
        )


def calls_of_all(many: Sequence[Sequence[Calls]]) -> tuple[Calls, ...]:
    """Looks that follow one another as one. A client that has stopped calling is left out: nothing is undone for it."""
    present = {(call.client, call.service) for look in many[-LOOKS_MIN:] for call in look}
    grouped: dict[tuple[str, str], list[Calls]] = {}
    for look in many:
        for call in look:
            if (call.client, call.service) in present:
                grouped.setdefault((call.client, call.service), []).append(call)
    return tuple(_summed(calls, len(many)) for _, calls in sorted(grouped.items()))


def _summed(calls: Sequence[Calls], looks: int) -> Calls:
    by_pod: dict[str, float] = {}
    for call in calls:
        by_pod[call.pod] = by_pod.get(call.pod, 0.0) + call.requests
    busiest = max(sorted(by_pod), key=lambda pod: by_pod[pod])
    return msgspec.structs.replace(
        calls[-1],
        pod=busiest,
        requests=by_pod[busiest],
        total=sum(call.total for call in calls),
        lasting=len(calls) >= min(LOOKS_MIN, looks),
    )
