"""Prometheus, by URL or through the API server's Service proxy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from meshroll.adapters import prometheus_answers as answers
from meshroll.adapters.prometheus_access import PrometheusError
from meshroll.adapters.prometheus_transport import ApiServer, ServiceTransport, Transport, UrlTransport
from meshroll.core import prometheus_problems
from meshroll.core.errors import Problem, Refused
from meshroll.core.gate import trust
from meshroll.core.gate.measurements import (
    Measurements,
    Query,
    Sample,
    Series,
    operator_queries,
    parse_queries,
)
from meshroll.core.settings import ApplicationQuery, Prometheus

__all__ = ["PrometheusClient", "PrometheusError", "connect", "history", "measure", "queries"]

PARALLEL_QUERIES = 8
# Shorter than what a transport waits, so that it is Prometheus that says why it takes so long.
QUERY_TIMEOUT = "25s"
# Prometheus looks back five minutes by itself, so one look from here sees the last minute and four to come.
AHEAD_SECONDS = 240.0


@dataclass(frozen=True)
class PrometheusClient:
    """Queries over a transport. Safe for use from many threads.

    Each raises PrometheusError where there is no answer, or not the whole of it.
    """

    transport: Transport

    def now_seconds(self) -> float:
        """Unix time by Prometheus' own clock, so that windows do not depend on ours."""
        return answers.scalar(self._ask("query", "time()", {}), self.transport.where, "time()")

    def check(self, scrape_interval_seconds: float) -> None:
        """Raises PrometheusError unless it answers, and its newest scrape of anything is of now."""
        now_seconds = self.now_seconds()
        newest = "max(timestamp(up))"
        found = self.query(newest, now_seconds + AHEAD_SECONDS) or self.query(newest, now_seconds)
        age_seconds = now_seconds - found[0].value if found and found[0].value is not None else None
        problem = prometheus_problems.freshness(self.transport.where, age_seconds, scrape_interval_seconds)
        if problem:
            raise PrometheusError(problem)

    def query(self, promql: str, at_seconds: float | None) -> tuple[Sample, ...]:
        """An instant vector at a moment (Unix seconds; None: now)."""
        return self.decoded(self.answer(promql, at_seconds), promql)

    def answer(self, promql: str, at_seconds: float | None) -> bytes:
        """What ``query`` would decode."""
        params = {} if at_seconds is None else {"time": f"{at_seconds:.3f}"}
        return self._ask("query", promql, params)

    def decoded(self, body: bytes, promql: str) -> tuple[Sample, ...]:
        return answers.samples(body, self.transport.where, promql)

    def range(
        self, promql: str, start_seconds: float, end_seconds: float, step_seconds: float
    ) -> tuple[Series, ...]:
        """A value every ``step_seconds`` from start to end (Unix seconds), where there is one."""
        params = {
            "start": f"{start_seconds:.3f}",
            "end": f"{end_seconds:.3f}",
            "step": f"{step_seconds:.3f}",
        }
        return answers.series(self._ask("query_range", promql, params), self.transport.where, promql)

    def _ask(self, what: str, promql: str, params: Mapping[str, str]) -> bytes:
        return self.transport.get(f"/api/v1/{what}", {"query": promql, "timeout": QUERY_TIMEOUT, **params})


def connect(
    prometheus: Prometheus, api: ApiServer, log: Callable[[str], None] = lambda _: None
) -> PrometheusClient:
    """The client that the inventory describes; ``log`` hears of retries.

    Raises Refused where it names no Prometheus, PrometheusError where its ca_file cannot be used.
    """
    if prometheus.url:
        return PrometheusClient(UrlTransport(prometheus.url, log, access=prometheus))
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
    return (*parse_queries(_document()), *operator_queries(application_queries))


def drill_queries(ids: Collection[str]) -> tuple[Query, ...]:
    """Those of a drill, of which some are a gate's too."""
    known = (*queries(), *parse_queries(_document(), "drill_queries"))
    return tuple(query for query in known if query.id in ids)


@cache
def _document() -> Any:
    return yaml.safe_load(files("meshroll").joinpath("data/queries.yml").read_text(encoding="utf-8"))


def measure(
    client: PrometheusClient,
    queries: Sequence[Query],
    namespace: str,
    window_seconds: float,
    at_seconds: float,
) -> Measurements:
    """All queries for one namespace, side by side, over the window that ends at ``at_seconds``.

    Raises the first PrometheusError: a half-measured look is none, and neither is one that cannot be right.
    """

    asked = [query.render(namespace, window_seconds) for query in queries]
    with ThreadPoolExecutor(max_workers=PARALLEL_QUERIES) as pool:
        bodies = pool.map(lambda promql: client.answer(promql, at_seconds), asked)
        # Decoded one by one: side by side it is no faster, and takes three times the memory.
        found = [client.decoded(body, promql) for promql, body in zip(asked, bodies, strict=True)]
    measured = Measurements(
        namespace=namespace,
        at_seconds=at_seconds,
        window_seconds=window_seconds,
        queries={query.id: query for query in queries},
        samples={query.id: samples for query, samples in zip(queries, found, strict=True)},
    )
    if doubts := trust.problems(measured):
        raise PrometheusError(doubts)
    return measured


def history(
    client: PrometheusClient,
    queries: Sequence[Query],
    namespace: str,
    block_seconds: float,
    blocks: int,
    end_seconds: float,
) -> list[Measurements]:
    """What ``measure`` would have answered at the end of each of so many blocks that follow one another; oldest first.

    One range query for each query, however many blocks. Raises the first PrometheusError.
    """
    ends = [end_seconds - block_seconds * later for later in reversed(range(blocks))]

    def ask(query: Query) -> dict[int, list[Sample]]:
        found: dict[int, list[Sample]] = {}
        promql = query.render(namespace, block_seconds)
        for series in client.range(promql, ends[0], end_seconds, block_seconds):
            for at_seconds, value in series.points:
                place = round((at_seconds - ends[0]) / block_seconds)
                found.setdefault(place, []).append(Sample(series.labels, value))
        return found

    with ThreadPoolExecutor(max_workers=PARALLEL_QUERIES) as pool:
        answers = list(pool.map(ask, queries))
    return [
        Measurements(
            namespace=namespace,
            at_seconds=end,
            window_seconds=block_seconds,
            queries={query.id: query for query in queries},
            samples={query.id: found.get(place, ()) for query, found in zip(queries, answers, strict=True)},
        )
        for place, end in enumerate(ends)
    ]
