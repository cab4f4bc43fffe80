"""Whether a look at a namespace can be judged at all: answers that are whole may still be wrong ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from meshroll.core.errors import Problem
from meshroll.core.gate.measurements import Measurements, Query

# A proxy has each of them from its first scrape on, without any traffic: probes of its admin server are counted.
PROXY_METRICS = ("request_total", "response_total", "response_latency_ms_bucket")
# Rates of two metrics that are scraped apart may make a ratio of a little more than 1. Much more are percent, of which
# any but the last one or two would pass for a success of all.
RATIO_MAX = 2.0


def problems(measured: Measurements) -> list[Problem]:
    """Why nothing may be concluded from this look; empty where it can be read."""
    return [
        *_scraped_twice(measured),
        *_missing_metrics(measured),
        *_wrong_labels(measured),
        *_no_ratio(measured),
    ]


def _scraped_twice(measured: Measurements) -> Iterator[Problem]:
    """Two replicas behind one querier, or two scrape jobs: every sum would count double."""
    twice = measured.of("scraped-twice")
    if len(twice) < 2:
        return
    differing = [
        label
        for label in sorted({label for sample in twice for label in sample.labels})
        if len({sample.labels.get(label, "") for sample in twice}) > 1
    ]
    if "job" in differing:
        jobs = sorted({sample.labels.get("job", "") for sample in twice})
        hint = f"Keep one of the scrape jobs {', '.join(jobs)} for what this Prometheus scrapes."
    else:
        hint = (
            "Ask where replicas are merged: a Thanos querier with --query.replica-label for this label, Mimir or "
            "Cortex with their HA tracker, or one Prometheus alone. If the label names clusters, ask this one's own."
        )
    yield Problem(
        "prometheus-duplicates",
        f"Prometheus has pod {twice[0].labels.get('pod')} of {measured.namespace} {len(twice)} times, with another "
        f"{', '.join(differing)} each time, so its requests would count as often.",
        hint,
        namespace=measured.namespace,
    )


def _missing_metrics(measured: Measurements) -> Iterator[Problem]:
    scraped = sum(1 for sample in measured.of("proxy-targets") if sample.value)
    present = {sample.labels.get("__name__") for sample in measured.of("proxy-metrics")}
    missing = [name for name in PROXY_METRICS if name not in present]
    if scraped and missing:
        yield Problem(
            "proxy-metrics-missing",
            f"Prometheus scrapes {scraped} proxies of {measured.namespace}, and has no {', no '.join(missing)} of any.",
            "Does metric_relabel_configs (metricRelabelings of a PodMonitor) drop or rename it, or does this release "
            "of the proxy call it otherwise? Without it nothing can be judged; it is not that there is no traffic.",
            namespace=measured.namespace,
        )


def _wrong_labels(measured: Measurements) -> Iterator[Problem]:
    """An operator's query without its label gives nothing, and one with several samples a workload any of them."""
    for query in measured.queries.values():
        samples = measured.of(query.id) if query.workload_label else ()
        named = Counter(
            sample.labels[query.workload_label]
            for sample in samples
            if sample.labels.get(query.workload_label)
        )
        if samples and not named:
            labels = ", ".join(sorted({label for sample in samples for label in sample.labels})) or "none"
            yield _label_problem(
                measured, query, f"answers without the label {query.workload_label}; its labels: {labels}"
            )
        for name, count in named.most_common(1):
            if count > 1:
                yield _label_problem(measured, query, f"gives {count} samples for {name}, one was wanted")


def _no_ratio(measured: Measurements) -> Iterator[Problem]:
    for query in measured.queries.values():
        asked = query.workload_label and query.signal == "success_ratio"
        values = [sample.value for sample in measured.of(query.id) if sample.value is not None]
        if asked and max(values, default=0.0) > RATIO_MAX:
            yield Problem(
                "application-query-value",
                f"The application query for success_ratio gives {max(values):g}, and a ratio is 0 to 1: {query.promql}",
                "If it gives percent, divide it by 100 (meshroll_gate.application_queries).",
                namespace=measured.namespace,
            )


def _label_problem(measured: Measurements, query: Query, what: str) -> Problem:
    return Problem(
        "application-query-labels",
        f"The application query for {query.signal} {what}: {query.promql}",
        f"Aggregate it by the workload, as `sum by ({query.workload_label}) (...)`, or set workload_label "
        "(meshroll_gate.application_queries).",
        namespace=measured.namespace,
    )
