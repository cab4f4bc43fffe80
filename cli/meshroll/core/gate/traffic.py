"""Traffic by workload from the three sources there are: proxies, applications, the inventory's queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from meshroll.core.gate.measurements import Measurements, Sample
from meshroll.core.gate.numbers import numbers
from meshroll.core.gate.signals import PROXIES, Traffic, workload_of

OPERATOR = "application queries of the inventory"
# What callers count is there in go-grpc-prometheus only.
CLIENTS = {"application-client": "application metrics (go-grpc-prometheus client)"}
# Prefix of the query ids -> what a verdict calls the source; of several that have data the first is used.
APPLICATIONS = {
    "application-grpc": "application metrics (go-grpc-prometheus)",
    "application-otel-rpc": "application metrics (OpenTelemetry RPC)",
    "application-otel-call": "application metrics (OpenTelemetry RPC)",
    "application-otel-http": "application metrics (OpenTelemetry HTTP)",
}

Owner = Callable[[Sample], str | None]
Counted = Mapping[str, Mapping[str, Traffic]]
"""Attribute of Signals (those of directions.COUNTED) -> workload -> traffic."""


def counted(measured: Measurements, owners: Mapping[str, str]) -> Counted:
    """Each direction by the best source there is, and beside it what other sources say of the same requests.

    ``owners`` maps pods to workload ids. It is all that a history is read for.
    """
    served, called = (_applications(measured, owners, names) for names in (APPLICATIONS, CLIENTS))
    by_proxies = _proxy_traffic(measured, "inbound")
    told = _told_traffic(measured, owners, {**by_proxies, **served})
    inbound = {**told, **served, **by_proxies}
    outbound = {**called, **_proxy_traffic(measured, "outbound")}
    return {
        "inbound": inbound,
        "outbound": outbound,
        "application_inbound": _beside(served, inbound),
        "application_outbound": _beside(called, outbound),
        "told": _beside(told, inbound),
    }


def _beside(other: Mapping[str, Traffic], first: Mapping[str, Traffic]) -> dict[str, Traffic]:
    """Without those where it is the first source itself."""
    return {workload: found for workload, found in other.items() if found is not first.get(workload)}


def _proxy_traffic(measured: Measurements, direction: str) -> dict[str, Traffic]:
    """``inbound`` or ``outbound`` traffic as the workloads' proxies count it."""
    # Requests begun are counted inbound; a caller's are its answered ones.
    begun = sum_by_workload(measured.of("inbound-requests")) if direction == "inbound" else {}
    return _traffic(measured, direction, PROXIES, lambda sample: workload_of(sample.labels), begun)


def _told_traffic(
    measured: Measurements, owners: Mapping[str, str], others: Mapping[str, Traffic]
) -> dict[str, Traffic]:
    """What comes in by the inventory's own queries. A success ratio is one of so many requests as they say themselves,
    or else as ``others`` counted; where neither is known it stays a ratio without a count.
    """
    found = {}
    for workload, told in _told_by_workload(measured, owners).items():
        asked = told.get("requests_per_second")
        begun = None if asked is None else asked * measured.window_seconds
        below = others.get(workload)
        answered = begun if begun is not None or below is None else below.responses
        success = told.get("success_ratio")
        found[workload] = Traffic(
            source=OPERATOR,
            seconds=measured.window_seconds,
            requests=begun,
            responses=answered if success is not None else None,
            failures=(1 - min(1.0, max(0.0, success))) * (answered or 0.0) if success is not None else 0.0,
            told=told,
        )
    return found


def _told_by_workload(measured: Measurements, owners: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """By workload and signal; the label of the queries holds a workload's name."""
    asked = [(query, label) for query in measured.queries.values() if (label := query.workload_label)]
    if not asked:
        return {}
    named: dict[str, set[str]] = defaultdict(set)
    for workload in owners.values():
        named[workload].add(workload)
        named[workload.split("/", 1)[1]].add(workload)
    values: dict[str, dict[str, float]] = defaultdict(dict)
    for query, label in asked:
        for sample in measured.of(query.id):
            for workload in named.get(sample.labels.get(label, ""), ()):
                if sample.value is not None:
                    values[workload][query.signal] = sample.value
    return dict(values)


def sum_by_workload(
    samples: Sequence[Sample], wanted: Callable[[Sample], bool] = lambda _: True
) -> dict[str, float]:
    """Sum of the wanted samples by the workload in the proxies' labels."""
    values: dict[str, float] = defaultdict(float)
    for sample in samples:
        workload = workload_of(sample.labels)
        if workload and sample.value is not None and wanted(sample):
            values[workload] += sample.value
    return dict(values)


def _applications(
    measured: Measurements, owners: Mapping[str, str], conventions: Mapping[str, str]
) -> dict[str, Traffic]:
    """By application metrics, whose pods ``owners`` maps to workloads."""
    found: dict[str, Traffic] = {}
    for prefix, source in conventions.items():
        new = _traffic(measured, prefix, source, lambda sample: owners.get(sample.labels.get("pod", "")), {})
        found = {**new, **found}
    return found


def _traffic(
    measured: Measurements, prefix: str, source: str, owner: Owner, begun: Mapping[str, float]
) -> dict[str, Traffic]:
    """Traffic from the pair of queries PREFIX-responses and PREFIX-latency."""
    answered, failed = answered_by(measured.of(f"{prefix}-responses"), owner)
    buckets = buckets_by(measured, f"{prefix}-latency", owner)
    return {
        workload: Traffic(
            source=source,
            seconds=measured.window_seconds,
            requests=begun.get(workload),
            responses=answered.get(workload),
            failures=failed.get(workload, 0.0),
            buckets=numbers(buckets.get(workload, {})),
        )
        for workload in {*answered, *begun}
    }


def answered_by(samples: Iterable[Sample], owner: Owner) -> tuple[dict[str, float], dict[str, float]]:
    """What ``owner`` says of a sample -> responses, and those of them that failed."""
    answered: dict[str, float] = defaultdict(float)
    failed: dict[str, float] = defaultdict(float)
    for sample in samples:
        name = owner(sample)
        if name and sample.value is not None:
            answered[name] += sample.value
            failed[name] += 0.0 if sample.labels.get("classification") == "success" else sample.value
    return dict(answered), dict(failed)


@cache
def _bound(le: str, scale: float) -> str:
    """A bucket's name: its upper bound in milliseconds. One object for all that have it."""
    return f"{float(le) * scale:g}"


def buckets_by(measured: Measurements, query_id: str, owner: Owner) -> dict[str, dict[str, float]]:
    """What ``owner`` says of a sample -> bucket bound in milliseconds -> cumulative count."""
    query = measured.queries.get(query_id)
    scale = 1000.0 if query and query.unit == "seconds" else 1.0
    buckets: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for sample in measured.of(query_id):
        workload = owner(sample)
        if workload and sample.value is not None and "le" in sample.labels:
            buckets[workload][_bound(sample.labels["le"], scale)] += sample.value
    return {workload: dict(counts) for workload, counts in buckets.items()}
