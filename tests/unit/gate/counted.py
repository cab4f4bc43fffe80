"""Traffic as counts, for the tests of what becomes of them."""

from __future__ import annotations

from meshroll.core.gate.signals import PROXIES, Traffic


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
