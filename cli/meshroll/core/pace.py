"""How fast things may follow one another: a token bucket that is told what time it is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Pace:
    """In any t seconds at most ``burst`` + ``per_second`` * t, in the order in which they are booked.

    Kept as the moment at which the bucket is full again (GCRA, ITU-T I.371), so nothing has to be filled meanwhile.
    """

    per_second: float
    burst: int
    _full_at: float = field(default=float("-inf"), init=False)

    def wait_seconds(self, now: float) -> float:
        """Books the next one; how long after ``now`` (seconds of a clock that never goes back) it has to begin."""
        full_at = max(self._full_at, now)
        self._full_at = full_at + 1 / self.per_second
        return max(0.0, full_at - (self.burst - 1) / self.per_second - now)
