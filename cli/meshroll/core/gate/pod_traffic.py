"""What each pod of a workload answered in one block, by the same instrument as its workload's requests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from meshroll.core.gate.latency import QUANTILES, quantile
from meshroll.core.gate.measurements import Measurements, Sample
from meshroll.core.gate.signals import PROXIES, PodTraffic, Traffic
from meshroll.core.gate.traffic import APPLICATIONS, answered_by, buckets_by

MEDIAN = QUANTILES["latency_p50_ms"]


def traffic_of_pods(
    measured: Measurements,
    owners: Mapping[str, str],
    young: Collection[str],
    inbound: Mapping[str, Traffic],
) -> dict[str, dict[str, PodTraffic]]:
    """Workload id -> Ready pod -> its part of the workload's ``inbound``, without the ``young``: they warm up."""
    by_source = {PROXIES: _by_proxies(measured)}
    found: dict[str, dict[str, PodTraffic]] = defaultdict(dict)
    for pod, workload in owners.items():
        whole = inbound.get(workload)
        if whole is None or pod in young:
            continue
        if whole.source not in by_source:
            by_source[whole.source] = _by_applications(measured, whole.source)
        if pod in by_source[whole.source]:
            found[workload][pod] = by_source[whole.source][pod]
    return dict(found)


def _by_proxies(measured: Measurements) -> dict[str, PodTraffic]:
    medians = {
        sample.labels["pod"]: sample.value
        for sample in measured.of("inbound-median-by-pod")
        if sample.labels.get("pod")
    }
    return _with_medians(measured.of("inbound-by-pod"), medians)


def _by_applications(measured: Measurements, source: str) -> dict[str, PodTraffic]:
    found: dict[str, PodTraffic] = {}
    for prefix, name in APPLICATIONS.items():
        if source == name:
            buckets = buckets_by(measured, f"{prefix}-latency", _pod)
            medians = {
                pod: quantile({float(bound): count for bound, count in counts.items()}, MEDIAN)
                for pod, counts in buckets.items()
            }
            found = {**_with_medians(measured.of(f"{prefix}-responses"), medians), **found}
    return found


def _with_medians(responses: Iterable[Sample], medians: Mapping[str, float | None]) -> dict[str, PodTraffic]:
    answered, failed = answered_by(responses, _pod)
    return {pod: PodTraffic(count, failed[pod], medians.get(pod)) for pod, count in answered.items()}


def _pod(sample: Sample) -> str | None:
    return sample.labels.get("pod")
