"""A row of the table: what meshroll took beside what it is measured against, in the same run."""

from __future__ import annotations

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """``ours[n]`` and ``theirs[n]`` were measured one after the other, in ``unit``; ``theirs`` is empty for a figure
    that has a limit of its own. ``note`` says what else one must know to read it.
    """

    what: str
    against: str
    unit: str
    ours: list[float]
    theirs: list[float]
    ratio_max: float | None = None
    ratio_min: float | None = None
    ours_max: float | None = None
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """Ours to theirs; the other way round where at least so much faster is wanted."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return [theirs / ours if self.ratio_min else ours / theirs for ours, theirs in pairs]

    @property
    def met(self) -> bool | None:
        """By the medians: a single repeat may meet a machine that is busy with something else. None without limits."""
        if not self.wanted:
            return None
        ratio = statistics.median(self.ratios) if self.theirs else None
        return (
            (self.ours_max is None or statistics.median(self.ours) <= self.ours_max)
            and (self.ratio_max is None or (ratio is not None and ratio <= self.ratio_max))
            and (self.ratio_min is None or (ratio is not None and ratio >= self.ratio_min))
        )

    @property
    def wanted(self) -> str:
        limits = (
            (f"<= {self.ratio_max:g}x" if self.ratio_max is not None else ""),
            (f">= {self.ratio_min:g}x faster" if self.ratio_min is not None else ""),
            (f"<= {self.ours_max:g} {self.unit}".rstrip() if self.ours_max is not None else ""),
        )
        return ", ".join(limit for limit in limits if limit)
