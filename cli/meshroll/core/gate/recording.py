"""What a gate measured, look by look: kept with its run, drawn by the report, and judged again by a replay."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from meshroll.core.gate.observation import Look, Observation, half_blocks, missed
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
        return [look.reading for *_, look in self._groups() if look.reading]

    def blocks_of(self, workload: str) -> list[Reading]:
        """The same for one workload: also looks that ended in Error for another's sake are blocks of their own."""
        prometheus = Prometheus(scrape_interval_seconds=self.scrape_interval_seconds)
        found: list[Reading] = []
        for group in self._groups():
            *earlier, last = group
            whole = [look for look in earlier if not missed(look, prometheus, workload)]
            found += half_blocks([(look, ()) for look in (*whole, last)])
        return found

    def _groups(self) -> list[list[Look]]:
        """The looks that measured something; those whose windows overlap are together."""
        found: list[list[Look]] = []
        half_seconds = -math.inf
        for look in self.looks:
            if look.reading is None:
                continue
            if look.reading.began_at_seconds < half_seconds:
                found[-1].append(look)
            else:
                found.append([look])
            half_seconds = look.reading.at_seconds - look.reading.window_seconds / 2
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
