"""Traffic as counts, for the tests of what becomes of them."""

from __future__ import annotations

from meshroll.core.gate.directions import COUNTED, traffic_of
from meshroll.core.gate.signals import PROXIES, Reading, Traffic
from meshroll.core.gate.traffic import Counted


def traffic(
    responses: float = 6000.0,
    success: float = 1.0,
    slow: float = 0.0,
    seconds: float = 120.0,
    source: str = PROXIES,
) -> Traffic:
    """All take between 10 and 20 ms, but for the share ``slow`` that takes more than a second."""
    quick = responses * (1 - slow)
    return Traffic(
        source=source,
        seconds=seconds,
        requests=responses,
        responses=responses,
        failures=responses * (1 - success),
        buckets={"10": 0.0, "20": quick, "1000": quick, "2000": responses, "inf": responses},
    )


def counts_of(block: Reading) -> Counted:
    """What a history would have read of the same block."""
    return {
        attribute: {
            workload: found
            for workload, signals in block.signals.items()
            if (found := traffic_of(signals, attribute)) is not None
        }
        for attribute in COUNTED.values()
    }
