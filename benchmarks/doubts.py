"""What a gate makes of too little traffic and of half a measurement, look by look: never a success, never a failure.

Counters that are reset, series that end and duplicates are cases of test_queries.py and test_doubtful_prometheus.py in
tests/unit/gate instead, because it is Prometheus that has to count them rightly.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from generators import BOUNDS_MS, Blocks
from rows import Families, Row

from meshroll.core.gate.observation import Look, Observation
from meshroll.core.gate.signals import PROXIES, Reading, Signals, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.gate.verdict import Outcome
from meshroll.core.settings import Gate, Prometheus

BLOCKS, BLOCK_SECONDS = 20, 30.0
NAME = "Deployment/w0"
PODS = ("w0-0", "w0-1", "w0-2", "w0-3")
SUBJECT = Subject(workload=NAME, pods=PODS, meshed_pods=PODS, traffic_expected=True)

HEAD = "| case | target | Failed | Successful |"


def rows(runs: int) -> Iterator[Row]:
    cases = {
        "no traffic": partial(observed, per_second=0.0, before=0.0),
        "0.05/s: 30 requests in 10 min": partial(observed, per_second=0.05, before=0.05),
        "1/s, where there were 50/s": partial(observed, per_second=1.0, before=50.0),
        "50/s, half of the pods scraped": partial(observed, scraped=2),
        "50/s, Prometheus gone after half of the window": partial(observed, measured=10),
    }
    for case, work in cases.items():
        yield Row(case, "0 %, 0 %", partial(work, runs=runs))


def observed(
    families: Families,
    runs: int,
    per_second: float = 50.0,
    before: float = 50.0,
    scraped: int = len(PODS),
    measured: int = BLOCKS,
) -> tuple[float, float]:
    """A gate each of so many runs: the part that ended Failed, and Successful."""
    made = families.shares.make(runs, BLOCKS, per_second, 0.0005, None, None)
    gate = Gate(window_seconds=BLOCKS * BLOCK_SECONDS, window_max_seconds=BLOCKS * BLOCK_SECONDS)
    past = {NAME: Signals(inbound=Traffic(source=PROXIES, seconds=1.0, requests=before, responses=before))}
    ends = []
    for run in range(runs):
        watch = Observation(gate, Prometheus(scrape_interval_seconds=10.0), past)
        looks = (_look(made, run, number, scraped, number <= measured) for number in range(1, BLOCKS + 3))
        ends.append(next(verdict.outcome for look in looks if (verdict := watch.looked(look))))
    return ends.count(Outcome.FAILED) / runs, ends.count(Outcome.SUCCESSFUL) / runs


def _look(made: Blocks, run: int, number: int, scraped: int, measured: bool) -> Look:
    elapsed_seconds = number * BLOCK_SECONDS
    if not measured:
        return Look(elapsed_seconds=elapsed_seconds, subjects=(SUBJECT,), problem="It does not answer.")
    block = min(number, BLOCKS) - 1
    total = float(made.total[run, block])
    traffic = Traffic(
        source=PROXIES,
        seconds=BLOCK_SECONDS,
        requests=total,
        responses=total,
        failures=float(made.failed[run, block]),
        buckets={
            **{f"{bound:g}": total - float(made.slower[bound][run, block]) for bound in BOUNDS_MS},
            "1000": total,
            "inf": total,
        },
    )
    reading = Reading(
        at_seconds=elapsed_seconds,
        window_seconds=BLOCK_SECONDS,
        signals={NAME: Signals(inbound=traffic)},
        target_up=dict.fromkeys(PODS[:scraped], True),
        scrape_age_seconds=dict.fromkeys(PODS[:scraped], 5.0),
    )
    return Look(elapsed_seconds=elapsed_seconds, subjects=(SUBJECT,), reading=reading)
