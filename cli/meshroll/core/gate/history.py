"""What a workload was like before the change, from the blocks of a history: each share, and how it scatters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from meshroll.core.gate.directions import COUNTED, traffic_of
from meshroll.core.gate.measurements import Query
from meshroll.core.gate.rows import to_compare
from meshroll.core.gate.signals import FAILED, Past, Signals, Traffic
from meshroll.core.gate.traffic import CLIENTS, Counted

# Half an hour of 30 s blocks; the same again a day and a week earlier, where Prometheus has them.
BLOCKS = 60
DAYS_AGO = (7, 1, 0)
# With fewer, a share is known no better than it was in them.
BLOCKS_MIN = 8
SHARES = ("-responses", "-latency")
TOLD = ("success_ratio", "requests_per_second")


def share_queries(queries: Sequence[Query]) -> list[Query]:
    """Those that a history needs; of the inventory's own, what makes a share."""
    return [
        query
        for query in queries
        if (query.signal in TOLD if query.workload_label else query.id.endswith(SHARES))
    ]


def with_past(signals: Mapping[str, Signals], blocks: Sequence[Counted]) -> dict[str, Signals]:
    """The signals of a baseline, with what the scatter of a history says of each share."""
    return {
        workload: msgspec.structs.replace(
            each,
            **{
                attribute: _with_past(
                    traffic_of(each, attribute),
                    [block[attribute].get(workload) for block in blocks],
                )
                for attribute in COUNTED.values()
            },
        )
        for workload, each in signals.items()
    }


def _with_past(whole: Traffic | None, blocks: Sequence[Traffic | None]) -> Traffic | None:
    import numpy as np  # here, because it takes long to import and most commands judge nothing

    from meshroll.core.gate.noise import AS_MEASURED, DRAWN_TIMES, noise_of, upper_bound

    counted = [
        block for block in blocks if block and whole and block.source == whole.source and block.responses
    ]
    if whole is None or len(counted) < BLOCKS_MIN:
        return whole
    # A client's own clock has dialling and proxies in it, which are to change.
    bounds = [] if whole.source in CLIENTS.values() else [bound for bound in whole.buckets if bound != "inf"]
    names = [FAILED, *bounds]
    counts = np.array([[block.counts(name) for block in counted] for name in names])
    total, bad = counts[:, :, 0], counts[:, :, 1]
    drawn_times = np.array([DRAWN_TIMES if name == FAILED else AS_MEASURED for name in names])
    noise = noise_of(total, bad, drawn_times=drawn_times)
    upper = upper_bound(total, bad, noise)
    ratio = bad.sum(1) / np.maximum(total.sum(1), 1e-9)
    numbers = zip(names, ratio, upper, noise.clusters, noise.swings, strict=True)
    known = {name: Past(*(float(f"{number:.6g}") for number in rest)) for name, *rest in numbers}
    compared = to_compare(known, [float(bound) for bound in bounds])
    # The others are never looked at, and a journal has to hold these for every workload.
    kept = {FAILED, *(f"{bound:g}" for bound, _ in compared)}
    return msgspec.structs.replace(whole, past={name: known[name] for name in names if name in kept})
