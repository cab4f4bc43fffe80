"""Whose count of requests a finding is about: the prefix of its signal stands for an attribute of Signals."""

from __future__ import annotations

from meshroll.core.gate.signals import Signals, Traffic

# What decides a gate: one count of each direction.
DIRECTIONS = {"": "inbound", "outbound_": "outbound"}
# The same with what applications count of the same requests, beside the proxies.
COUNTED = {
    **DIRECTIONS,
    "application_": "application_inbound",
    "application_outbound_": "application_outbound",
}
# Without proxies, what stands beside them now was the only count.
_ALONE = {"application_inbound": "inbound", "application_outbound": "outbound"}


def prefix_of(signal: str) -> str:
    """``application_`` of ``application_failed_ratio``."""
    return max((prefix for prefix in COUNTED if signal.startswith(prefix)), key=len)


def decides(prefix: str) -> bool:
    """False: it may fail a gate, but what it leaves open is settled by the other count of the same requests."""
    return prefix in DIRECTIONS


def requests(prefix: str) -> str:
    """``outbound requests``, as a text says it."""
    return f"{prefix.replace('_', ' ')}requests"


def traffic_of(signals: Signals, attribute: str) -> Traffic | None:
    """By an attribute of COUNTED."""
    found: Traffic | None = getattr(signals, attribute)
    return found


def like(before: Signals, attribute: str) -> Traffic | None:
    """What ``attribute`` was before the change."""
    return traffic_of(before, attribute) or traffic_of(before, _ALONE.get(attribute, attribute))
