"""Queries as read from ``data/queries.yml``, and Prometheus' answers for one namespace and one window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshroll.core.settings import ApplicationQuery


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an instant vector. ``value`` is None where PromQL answered a ratio of nothing: NaN or infinity."""

    labels: Mapping[str, str]
    value: float | None


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a range: (Unix seconds, value) in order. No point where PromQL answered NaN or infinity."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Query:
    """PromQL with placeholders. ``processes`` selects the targets whose counter ``series`` is.

    ``fragments`` are pieces that many queries share; none refers to another.
    ``workload_label`` is set for the operator's own queries only: the label whose value names the workload.
    """

    id: str
    signal: str
    unit: str
    promql: str
    series: str = ""
    processes: str = 'namespace="{namespace}"'
    fragments: Mapping[str, str] = field(default_factory=dict)
    workload_label: str = ""

    def render(self, namespace: str, window_seconds: float) -> str:
        """The PromQL for one namespace and a window of at least a second.

        Replaces placeholders one by one, because PromQL itself is full of braces.
        """
        milliseconds = max(1000, round(window_seconds * 1000))
        text = self.promql
        for name, value in {
            **self.fragments,
            "series": self.series,
            "processes": self.processes,
            "namespace": namespace,
            "window": f"{milliseconds}ms",
            "window_seconds": f"{milliseconds / 1000:g}",
        }.items():
            text = text.replace("{" + name + "}", value)
        return text


@dataclass(frozen=True)
class Measurements:
    """All answers of one look, by query id.

    ``at_seconds`` is Unix time by Prometheus' clock, the end of the window.
    """

    namespace: str
    at_seconds: float
    window_seconds: float
    queries: Mapping[str, Query]
    samples: Mapping[str, Sequence[Sample]]

    def of(self, query_id: str) -> Sequence[Sample]:
        return self.samples.get(query_id, ())


def parse_queries(document: Mapping[str, Any], part: str = "queries") -> tuple[Query, ...]:
    """The queries of the parsed ``queries.yml``: a gate's, or those of another part."""
    return tuple(Query(**query, fragments=document["fragments"]) for query in document[part])


def operator_queries(queries: Sequence[ApplicationQuery]) -> tuple[Query, ...]:
    """The inventory's own PromQL (``application_queries``); it may use {namespace} and {window} too."""
    return tuple(
        Query(
            f"operator-{number}", query.signal, "as named", query.promql, workload_label=query.workload_label
        )
        for number, query in enumerate(queries)
    )
