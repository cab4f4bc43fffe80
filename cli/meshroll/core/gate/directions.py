"""Whose count of requests a finding is about: the prefix of its signal stands for an attribute of Signals."""

from __future__ import annotations

from meshroll.core.gate.signals import Signals, Traffic

# What decides a gate: one count of each direction.
DIRECTIONS = {"": "inbound", "outbound_": "outbound"}
# The same with what others say of the same requests: the applications, and the inventory's own queries.
COUNTED = {
    **DIRECTIONS,
    "application_": "application_inbound",
    "application_outbound_": "application_outbound",
    "told_": "told",
}
# Where nothing else counted, what stands beside another count now was the only one.
_ALONE = {"application_inbound": "inbound", "application_outbound": "outbound", "told": "inbound"}

_COUNTED_BY = {
    "application_": "by the application",
    "application_outbound_": "by the application",
    "told_": "by application_queries",
}


def prefix_of(signal: str) -> str:
    """``application_`` of ``application_failed_ratio``."""
    return max((prefix for prefix in COUNTED if signal.startswith(prefix)), key=len)


def sense_of(signal: str) -> str:
    """What is wrong by it, whoever counts it and whichever limit it misses: ``outbound_failed_ratio`` of
    ``application_outbound_success_ratio``.
    """
    counted = signal.removeprefix("application_").removeprefix("told_")
    return counted.replace("success_ratio", "failed_ratio")


def is_outbound(sense: str) -> bool:
    """What a workload is answered, and not what it answers."""
    return sense.startswith("outbound_")


def decides(prefix: str) -> bool:
    """False: it may fail a gate, but what it leaves open is settled by the other count of the same requests."""
    return prefix in DIRECTIONS


def said(prefix: str) -> tuple[str, str]:
    """Whose requests (``served`` by the workload, or its own ``calls``), and who counted them where that is to be said:
    ``by the application``.
    """
    return "calls" if is_outbound(sense_of(prefix)) else "served", _COUNTED_BY.get(prefix, "")


def requests(prefix: str) -> str:
    """``outbound requests``, as a text says it."""
    if prefix == "told_":
        return "requests (by application_queries)"
    return f"{prefix.replace('_', ' ')}requests"


def traffic_of(signals: Signals, attribute: str) -> Traffic | None:
    """By an attribute of COUNTED."""
    found: Traffic | None = getattr(signals, attribute)
    return found


def like(before: Signals, attribute: str) -> Traffic | None:
    """What ``attribute`` was before the change."""
    return traffic_of(before, attribute) or traffic_of(before, _ALONE.get(attribute, attribute))
