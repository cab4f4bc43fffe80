"""How long a fault is watched: until it is answered, or has to be taken back at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from meshroll.core.drill.looks import Count, Look
from meshroll.core.drill.measure import first_request, patience_seconds

ABORT_FAILED_RATIO = 0.2
ABORT_LOOKS = 3


def answered(
    before: Collection[str], looks: Sequence[Look], pods_wanted: int, gone: int, precision_seconds: float
) -> bool:
    """Whether there is nothing left to wait for: as many pods as are wanted are Ready, so many of those from before are
    gone, and each new one has taken traffic or had the time for it.
    """
    last = looks[-1]
    if not last.sent:
        return False
    source = next(iter(last.sent))
    ready = {pod.name: at for pod in last.pods if (at := pod.ready_at_seconds) is not None and not pod.ending}
    if len(ready) != pods_wanted or len(last.pods) != pods_wanted or len({*before} - {*ready}) < gone:
        return False
    latest = last.at_seconds - patience_seconds(precision_seconds)
    return all(
        at < latest or first_request(name, source, looks) is not None
        for name, at in ready.items()
        if name not in before
    )


def abort(looks: Sequence[Look]) -> str | None:
    """Why the fault has to be taken back at once; None where it may go on."""
    if looks[-1].unready:
        return f"{', '.join(looks[-1].unready)} of another workload is not Ready any more"
    recent = [_most_failed(earlier, later) for earlier, later in pairwise(looks[-ABORT_LOOKS - 1 :])]
    if len(recent) == ABORT_LOOKS and all(ratio > ABORT_FAILED_RATIO for ratio in recent):
        return f"more than {ABORT_FAILED_RATIO:.0%} of calls failed at {ABORT_LOOKS} looks in a row"
    return None


def _most_failed(earlier: Look, later: Look) -> float:
    """The largest share of calls that failed between two looks, by any source."""
    ratios = [0.0]
    for source, count in later.answers.items():
        responses, failures = earlier.answers.get(source, Count(0.0, 0.0))
        if count.responses > responses:
            ratios.append((count.failures - failures) / (count.responses - responses))
    return max(ratios)
