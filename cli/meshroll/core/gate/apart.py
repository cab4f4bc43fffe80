"""Looks that began at the same moment, as blocks that follow one another."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from meshroll.core.gate.directions import COUNTED, traffic_of
from meshroll.core.gate.numbers import numbers
from meshroll.core.gate.signals import Reading, Signals, Traffic

# What the end of a look and its length may be rounded by.
ALIKE_SECONDS = 0.1
# What the inventory's own queries say is of a look as a whole: a ratio has no difference.
_COUNTED = [attribute for attribute in COUNTED.values() if attribute != "told"]


def apart(looks: Sequence[tuple[Reading, Collection[str]]]) -> list[Reading]:
    """Each look with the workloads that it measured by half, to blocks with the requests of each alone.

    Who is measured by half is in none but the last block, which has what was missed. What is no count of requests is in
    the last one too, of all of them. A look that began at another moment replaces those before it.
    """
    blocks: list[Reading] = []
    counted: dict[str, Signals] = {}
    for place, (look, half) in enumerate(looks):
        past, missed = looks[place - 1] if place else (None, ())
        if past and abs(look.began_at_seconds - past.began_at_seconds) <= ALIKE_SECONDS:
            blocks[-1] = _requests_alone(blocks[-1], missed)
            blocks.append(_since(look, past.at_seconds, counted))
        else:
            blocks, counted = [look], {}
        counted |= {workload: each for workload, each in look.signals.items() if workload not in half}
    return blocks


def _since(look: Reading, from_seconds: float, counted: Mapping[str, Signals]) -> Reading:
    """The look without the requests that were ``counted`` before it."""
    return msgspec.structs.replace(
        look,
        window_seconds=look.at_seconds - from_seconds,
        signals={
            workload: msgspec.structs.replace(
                signals,
                **{
                    attribute: _more(traffic_of(signals, attribute), traffic_of(counted[workload], attribute))
                    for attribute in _COUNTED
                },
            )
            if workload in counted
            else signals
            for workload, signals in look.signals.items()
        },
    )


def _requests_alone(block: Reading, missed: Collection[str]) -> Reading:
    return msgspec.structs.replace(
        block,
        signals={
            workload: msgspec.structs.replace(
                Signals(), **{attribute: traffic_of(signals, attribute) for attribute in _COUNTED}
            )
            for workload, signals in block.signals.items()
            if workload not in missed
        },
    )


def _more(now: Traffic | None, past: Traffic | None) -> Traffic | None:
    """What was counted since; all of it where something else counted then."""
    if now is None or past is None or now.source != past.source:
        return now
    responses = _left(now.responses, past.responses)
    return msgspec.structs.replace(
        now,
        seconds=now.seconds - past.seconds,
        requests=_left(now.requests, past.requests),
        responses=responses,
        failures=min(max(0.0, now.failures - past.failures), responses or 0.0),
        buckets=numbers(
            {bound: max(0.0, count - past.buckets.get(bound, 0.0)) for bound, count in now.buckets.items()}
        ),
    )


def _left(now: float | None, past: float | None) -> float | None:
    """A counter that was reset meanwhile may have less than it had."""
    return None if now is None else max(0.0, now - (past or 0.0))
