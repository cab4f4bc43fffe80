"""Seconds that go on while the machine sleeps: a closed laptop must not believe that no time has passed."""

from __future__ import annotations

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def seconds() -> float:
    """Only differences mean anything."""
    return time.clock_gettime(_CLOCK)
