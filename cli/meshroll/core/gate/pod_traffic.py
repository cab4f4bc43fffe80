"""What each pod of a workload answered in one block, by the same instrument as its workload's requests."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from meshroll.core.gate.latency import QUANTILES, quantile
from meshroll.core.gate.measurements import Measurements, Sample
from meshroll.core.gate.numbers import Named
from meshroll.core.gate.signals import PROXIES, PodTraffic, Traffic
from meshroll.core.gate.traffic import APPLICATIONS, answered_by, buckets_by

MEDIAN = QUANTILES["latency_p50_ms"]
OF_A_POD = 3


class Pods(Named[PodTraffic]):
    """Three numbers of each; NaN stands for no median."""

    __slots__ = ()

    def __getitem__(self, name: str) -> PodTraffic:
        at = OF_A_POD * self.places[name]
        responses, failures, median_ms = self.cells[at : at + OF_A_POD]
        return PodTraffic(responses, failures, None if math.isnan(median_ms) else median_ms)


def traffic_of_pods(
    measured: Measurements,
    owners: Mapping[str, str],
    young: Collection[str],
    inbound: Mapping[str, Traffic],
) -> dict[str, Pods]:
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
    return {workload: _pods(by_pod) for workload, by_pod in found.items()}


def _pods(by_pod: Mapping[str, PodTraffic]) -> Pods:
    cells: list[float] = []
    for pod in by_pod.values():
        cells += (pod.responses, pod.failures, math.nan if pod.median_ms is None else pod.median_ms)
    return Pods(tuple(by_pod), cells)


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
