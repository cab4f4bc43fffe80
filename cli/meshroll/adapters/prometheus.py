"""Prometheus, by URL or through the API server's Service proxy.
Its errors are those of prometheus_transport.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from meshroll.adapters.prometheus_transport import (
    ApiServer,
    PrometheusEmpty,
    PrometheusError,
    PrometheusRejected,
    PrometheusUnreachable,
    ServiceTransport,
    Transport,
    UrlTransport,
)
from meshroll.core.errors import Problem, Refused
from meshroll.core.gate.measurements import Measurements, Query, Sample, operator_queries, parse_queries
from meshroll.core.settings import ApplicationQuery, Prometheus

__all__ = ["PrometheusClient", "PrometheusError", "connect", "measure", "queries"]

PARALLEL_QUERIES = 8


@dataclass(frozen=True)
class PrometheusClient:
    """Instant queries over a transport. Safe for use from many threads."""

    transport: Transport

    def now_seconds(self) -> float:
        """Unix time by Prometheus' own clock, so that windows do not depend on ours."""
        return float(self._document("time()", {"query": "time()"})["data"]["result"][0])

    def check(self) -> None:
        """Raises PrometheusError unless it answers and has at least one target."""
        if not self.query("count(up)", None)[0]:
            raise PrometheusEmpty(self.transport.where)

    def query(self, promql: str, at_seconds: float | None) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
        """An instant vector at a moment (None: now), and Prometheus' warnings that it may be incomplete."""
        params = {"query": promql} | ({} if at_seconds is None else {"time": f"{at_seconds:.3f}"})
        document = self._document(promql, params)
        data = document["data"]
        if data.get("resultType") != "vector":
            raise PrometheusRejected(
                self.transport.where, f"it gives a {data.get('resultType')}, not a vector", promql
            )
        samples = tuple(Sample(entry["metric"], _number(entry["value"][1])) for entry in data["result"])
        return samples, tuple(document.get("warnings") or ())

    def _document(self, promql: str, params: Mapping[str, str]) -> Any:
        body = self.transport.get("/api/v1/query", params)
        try:
            document = json.loads(body)
            if document["status"] == "success":
                document["data"]["result"]
                return document
            why = f"{document.get('errorType', 'error')}: {document.get('error', '')}"
        except (ValueError, KeyError, TypeError) as error:
            raise PrometheusUnreachable(
                self.transport.where, "what answers is not Prometheus' query API"
            ) from error
        raise PrometheusRejected(self.transport.where, why, promql)


def connect(
    prometheus: Prometheus, api: ApiServer, log: Callable[[str], None] = lambda _: None
) -> PrometheusClient:
    """The client that the inventory describes; ``log`` hears of retries. Raises Refused where it names none."""
    if prometheus.url:
        return PrometheusClient(UrlTransport(prometheus.url, log))
    if prometheus.service:
        service = prometheus.service
        return PrometheusClient(ServiceTransport(api, service.namespace, service.name, service.port))
    raise Refused(
        Problem(
            "prometheus-not-set",
            "The inventory names no Prometheus, and a gate cannot judge without one.",
            "Set meshroll_prometheus.url, or meshroll_prometheus.service with namespace, name and port.",
        )
    )


def queries(application_queries: Sequence[ApplicationQuery] = ()) -> tuple[Query, ...]:
    """All queries of a gate: meshroll's own and the inventory's."""
    text = files("meshroll").joinpath("data/queries.yml").read_text(encoding="utf-8")
    return (*parse_queries(yaml.safe_load(text)), *operator_queries(application_queries))


def measure(
    client: PrometheusClient,
    queries: Sequence[Query],
    namespace: str,
    window_seconds: float,
    at_seconds: float,
) -> Measurements:
    """All queries for one namespace, side by side, over the window that ends at ``at_seconds``.

    Raises the first PrometheusError: a half-measured look is none.
    """

    def ask(query: Query) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
        return client.query(query.render(namespace, window_seconds), at_seconds)

    with ThreadPoolExecutor(max_workers=PARALLEL_QUERIES) as pool:
        answers = list(pool.map(ask, queries))
    return Measurements(
        namespace=namespace,
        at_seconds=at_seconds,
        window_seconds=window_seconds,
        queries={query.id: query for query in queries},
        samples={query.id: samples for query, (samples, _) in zip(queries, answers, strict=True)},
        warnings=tuple(dict.fromkeys(warning for _, warnings in answers for warning in warnings)),
    )


def _number(text: str) -> float | None:
    """Prometheus writes numbers as strings; NaN is a ratio of nothing, so no data."""
    value = float(text)
    return None if math.isnan(value) else value
