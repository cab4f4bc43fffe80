"""Golden signals of a workload as counts, which add up over time. None is "no data"; nothing turns it into 0."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from meshroll.core.gate.calls import Calls
from meshroll.core.gate.evenness import Evenness
from meshroll.core.gate.latency import QUANTILES, Bucket, bucket, quantile
from meshroll.core.gate.numbers import NOTHING
from meshroll.core.gate.proxy_cost import ProxyCost

KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet"}
PROXIES = "proxy metrics"
# A share of requests goes by this name, or by a bucket's bound.
FAILED = "failed"


class Past(msgspec.Struct, frozen=True):
    """One share of requests over a history of blocks: what it was, its 95 % upper bound, and how it scatters."""

    ratio: float
    upper: float
    clusters: float
    swings: float


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Requests in one direction over so many seconds; ``source`` is what they were counted by.

    requests   begun
    responses  answered, ``failures`` of them with an error
    buckets    upper bound in milliseconds, as text -> how many took no longer
    past       of a baseline with a history: each share by its name (``failed``, or a bucket's bound)
    told       what the inventory's own queries say, by signal, where they are the source
    """

    source: str
    seconds: float = 0.0
    requests: float | None = None
    responses: float | None = None
    failures: float = 0.0
    buckets: Mapping[str, float] = NOTHING
    told: Mapping[str, float] = NOTHING
    past: Mapping[str, Past] = NOTHING

    @property
    def requests_per_second(self) -> float | None:
        begun = self.responses if self.requests is None else self.requests
        return self.told.get("requests_per_second", ratio(begun, self.seconds))

    @property
    def success_ratio(self) -> float | None:
        failed = ratio(self.failures, self.responses)
        return self.told.get("success_ratio") if failed is None else 1 - failed

    def counts(self, share: str) -> tuple[float, float]:
        """(requests, the bad ones among them): those that failed, or took longer than the bucket's bound ``share``."""
        if share == FAILED:
            return self.responses or 0.0, self.failures
        timed = self.buckets.get("inf", 0.0)
        return timed, max(0.0, timed - self.buckets.get(share, timed))

    @property
    def histogram(self) -> dict[float, float]:
        """Upper bound in milliseconds, infinity the last -> how many took no longer."""
        return {float(bound): count for bound, count in self.buckets.items()}

    def latency_ms(self, name: str) -> float | None:
        """``latency_p99_ms`` and the like."""
        return self.told.get(name, quantile(self.histogram, QUANTILES[name]))

    def bucket_ms(self, name: str) -> Bucket | None:
        """That ``latency_ms`` lies in; None where no histogram says so."""
        return None if name in self.told else bucket(self.histogram, QUANTILES[name])


class PodTraffic(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one pod answered in one block: ``failures`` of its ``responses``, and the median of their latency."""

    responses: float
    failures: float
    median_ms: float | None = None


class Signals(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one workload over some time.

    application_inbound, application_outbound   what the application itself counted, where proxies counted too: the
                            same instrument as before there were proxies, and it sees what fails before it reaches one
    secured_requests        inbound ones that came over mutual TLS
    meshed_pair_requests    between this workload and others where both ends have a proxy; ``mtls_requests`` of them
                            over mutual TLS
    refused_connections     of this workload to the ``refused_ports``, which no Service declares
    pods                    of one block only, because medians do not add up: the inbound traffic of each Ready pod
    calls                   who calls it and does not spread its calls
    balanced_requests       to it that callers' proxies balanced
    called                  workloads of the namespace that its own proxies saw it call
    closed_connections      of callers, ``broken_connections`` of them with an error
    told                    what the inventory's own queries say of what comes in, where something else counted that
    """

    inbound: Traffic | None = None
    outbound: Traffic | None = None
    application_inbound: Traffic | None = None
    application_outbound: Traffic | None = None
    load: Evenness | None = None
    secured_requests: float | None = None
    meshed_pair_requests: float | None = None
    mtls_requests: float | None = None
    denied_requests: float | None = None
    refused_connections: float | None = None
    refused_ports: tuple[str, ...] = ()
    pods: Mapping[str, PodTraffic] = NOTHING
    calls: tuple[Calls, ...] = ()
    balanced_requests: float | None = None
    called: tuple[str, ...] = ()
    closed_connections: float | None = None
    broken_connections: float | None = None
    told: Traffic | None = None
    proxy: ProxyCost | None = None

    @property
    def mtls_ratio(self) -> float | None:
        return ratio(self.mtls_requests, self.meshed_pair_requests)

    @property
    def unmeshed_caller_ratio(self) -> float | None:
        """Share of inbound requests that came without a mesh identity."""
        secured = ratio(self.secured_requests, self.inbound.requests if self.inbound else None)
        return None if secured is None else 1 - secured


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One look: signals by workload id, and by pod what is known of its proxy as a scrape target.

    ``unlabelled``: pods whose proxy is scraped, but whose series do not say which workload they belong to.
    """

    at_seconds: float
    window_seconds: float
    signals: Mapping[str, Signals]
    target_up: Mapping[str, bool]
    scrape_age_seconds: Mapping[str, float]
    unlabelled: frozenset[str] = frozenset()

    @property
    def began_at_seconds(self) -> float:
        return self.at_seconds - self.window_seconds

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
