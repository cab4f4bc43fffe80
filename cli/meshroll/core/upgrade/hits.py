"""What the hops of an upgrade hit in the cluster: what refuses them, what is told, and what is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshroll.core.accepted import Accepted
from meshroll.core.errors import Problem
from meshroll.core.extensions import steps
from meshroll.core.hops import Hop
from meshroll.core.scan import Facts, idle, scan
from meshroll.core.settings import Acceptance


@dataclass(frozen=True)
class Hits:
    """Of all hops together, each once: what every upgrade meets is met by each of them."""

    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    accepted: tuple[Accepted, ...] = ()


def hits(
    hops: Sequence[Hop], begun: str | None, facts: Facts, accepted: Sequence[Acceptance], chart_source: str
) -> Hits:
    """``begun`` is the release of a hop that has begun: it is finished, or taken back, whatever it hits."""
    scans = [scan(hop.changes, facts, accepted) for hop in hops if str(hop.to) != begun]
    told = [line for scanned in scans for line in scanned.lines]
    told += [step.line for hop in hops for step in steps(facts.extensions, hop.to, chart_source)]
    return Hits(
        tuple(dict.fromkeys(problem for scanned in scans for problem in scanned.problems)),
        tuple(dict.fromkeys([*told, *(idle(accepted, scans) if hops else ())])),
        tuple(dict.fromkeys(each for scanned in scans for each in scanned.accepted)),
    )
