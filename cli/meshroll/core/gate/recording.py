"""What a gate measured, look by look: kept with its run, drawn by the report, and judged again by a replay."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meshroll.core.gate.observation import Look, Observation
from meshroll.core.gate.signals import Reading, Signals
from meshroll.core.gate.verdict import Verdict
from meshroll.core.settings import Gate, Prometheus


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One gate. The signals from before the run are not in it: the run has them once, for all its gates.

    began_at_seconds   Unix time by Prometheus' clock at which the first look began; what came between the change and
                       it was let settle
    """

    namespace: str
    began_at_seconds: float
    gate: Gate
    scrape_interval_seconds: float
    looks: tuple[Look, ...]
    verdict: Verdict

    @property
    def blocks(self) -> list[Reading]:
        """What the verdict rests on, without gaps: a look that ended in Error is covered by the one after it."""
        found: list[Reading] = []
        for reading in (look.reading for look in self.looks if look.reading):
            while found and reading.began_at_seconds < found[-1].at_seconds - found[-1].window_seconds / 2:
                found.pop()
            found.append(reading)
        return found


def recorded(observation: Observation, namespace: str, verdict: Verdict) -> Recording:
    """The recording of an observation that has ended with this verdict."""
    first = next((look.reading for look in observation.looks if look.reading), None)
    return Recording(
        namespace=namespace,
        began_at_seconds=first.began_at_seconds if first else 0.0,
        gate=observation.gate,
        scrape_interval_seconds=observation.prometheus.scrape_interval_seconds,
        looks=tuple(observation.looks),
        verdict=verdict,
    )


def replayed(recording: Recording, before: Mapping[str, Signals], gate: Gate | None = None) -> Verdict:
    """The verdict on the same looks, by another policy where ``gate`` gives one.

    Looks that the new policy would not have waited for are left out. Where it would have looked on, what there is
    decides.
    """
    prometheus = Prometheus(scrape_interval_seconds=recording.scrape_interval_seconds)
    observation = Observation(gate or recording.gate, prometheus, before, recording.verdict.wave)
    for look in recording.looks:
        verdict = observation.looked(look)
        if verdict:
            return verdict
    return observation.ended()
