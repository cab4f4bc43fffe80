"""Golden signals of a workload, typed. None is "no data"; nothing turns it into 0."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from meshroll.core.gate.evenness import Evenness

KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet"}
PROXIES = "proxy metrics"


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Requests in one direction over the window; ``source`` is what they were counted by."""

    source: str
    responses: float | None = None
    requests_per_second: float | None = None
    success_ratio: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None


class Signals(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one workload over the window.

    meshed_pair_requests    requests between this workload and others where both ends have a proxy
    mtls_ratio              share of those that went over mutual TLS
    unmeshed_caller_ratio   share of inbound requests that came without a mesh identity
    refused_connections     of this workload to the ``refused_ports``, which no Service declares
    """

    inbound: Traffic | None = None
    outbound: Traffic | None = None
    load: Evenness | None = None
    meshed_pair_requests: float | None = None
    mtls_ratio: float | None = None
    unmeshed_caller_ratio: float | None = None
    denied_requests: float | None = None
    refused_connections: float | None = None
    refused_ports: tuple[str, ...] = ()


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One look: signals by workload id, and by pod what is known of its proxy as a scrape target.

    ``unlabelled``: pods whose proxy is scraped, but whose series do not say which workload they belong to.
    ``warnings``: Prometheus itself says that its answers may be incomplete.
    """

    at_seconds: float
    window_seconds: float
    signals: Mapping[str, Signals]
    target_up: Mapping[str, bool]
    scrape_age_seconds: Mapping[str, float]
    unlabelled: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    def of(self, workload: str) -> Signals:
        return self.signals.get(workload) or Signals()


def workload_of(labels: Mapping[str, str], prefix: str = "") -> str | None:
    """``Deployment/omni`` from a proxy's labels (prefix ``dst_``: of the pod it called)."""
    for label, kind in KINDS.items():
        if labels.get(prefix + label):
            return f"{kind}/{labels[prefix + label]}"
    return None


def ratio(part: float | None, whole: float | None) -> float | None:
    """``part / whole``, or None where there is nothing to divide."""
    if part is None or whole is None or whole <= 0 or not math.isfinite(part):
        return None
    return part / whole
