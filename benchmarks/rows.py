"""Rows of the table: each is measured with dice of its own, so that they may be measured in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from generators import Family, Judging, Tuning
from pod_generators import JudgingPods, PodFamily, TuningPods


@dataclass(frozen=True)
class Families:
    dice: np.random.Generator
    shares: Family
    pods: PodFamily


@dataclass(frozen=True)
class Row:
    """``work`` gives the part of all cases for each column; NaN where it has none."""

    case: str
    target: str
    work: Callable[[Families], Sequence[float]]

    def line(self, seed: Sequence[int], tuning: bool) -> str:
        """As Markdown. A process of its own may run it."""
        dice = np.random.default_rng([int(tuning), *seed])
        families = (
            Families(dice, Tuning(dice), TuningPods(dice))
            if tuning
            else Families(dice, Judging(dice), JudgingPods(dice))
        )
        cells = ["" if np.isnan(part) else f"{100 * part:.1f} %" for part in self.work(families)]
        return f"| {' | '.join([self.case, self.target, *cells])} |"
