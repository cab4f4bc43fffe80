"""Prometheus, by URL or through the API server's Service proxy.

PrometheusError (exit 3 where a look meets it; a gate turns it into its outcome Error)
  PrometheusUnreachable   no answer: prometheus-unreachable
  PrometheusRejected      an answer that says no: prometheus-query-failed
  PrometheusEmpty         an answer without a single scraped target: prometheus-empty
"""

from __future__ import annotations

import json
import math
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol
from urllib.parse import unquote, urlencode, urlsplit

import urllib3
import yaml

from meshroll.core.errors import MeshrollError, Problem, Refused
from meshroll.core.gate.measurements import Measurements, Query, Sample, operator_queries, parse_queries
from meshroll.core.settings import ApplicationQuery, Prometheus

# A gate asks again at its next interval anyway, so one request need not be stubborn.
RETRIES = urllib3.Retry(
    total=3,
    backoff_factor=0.5,
    backoff_jitter=0.5,
    backoff_max=8,
    status_forcelist=(429, 502, 503, 504),
    raise_on_status=False,
)
TIMEOUT = urllib3.Timeout(connect=5, read=30)
PARALLEL_QUERIES = 8
HINT_REACH = "Check meshroll_prometheus (url, or service with namespace, name and port), and the way there."


class PrometheusError(Refused):
    """Prometheus could not say what was asked."""


class PrometheusUnreachable(PrometheusError):
    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            Problem("prometheus-unreachable", f"Prometheus at {where} does not answer: {why}", HINT_REACH)
        )


class PrometheusRejected(PrometheusError):
    def __init__(self, where: str, why: str, query: str = "") -> None:
        of = f" the query {query}" if query else ""
        super().__init__(
            Problem(
                "prometheus-query-failed",
                f"Prometheus at {where} refused{of}: {why}",
                "If it is one of meshroll_gate.application_queries, correct it; else see Prometheus' log "
                "and limits (query.timeout, query.max-samples).",
            )
        )


class PrometheusEmpty(PrometheusError):
    def __init__(self, where: str) -> None:
        super().__init__(
            Problem(
                "prometheus-empty",
                f"Prometheus at {where} answers, but scrapes nothing at all.",
                "Is it the right one, and has it started to scrape? Its page /targets shows what it knows.",
            )
        )


class Transport(Protocol):
    """One GET below Prometheus' root. Returns the body of a success or of Prometheus' own JSON error.

    Raises MeshrollError where there is no answer.
    """

    @property
    def where(self) -> str: ...

    def get(self, path: str, params: Mapping[str, str]) -> bytes: ...


class UrlTransport:
    """Straight to a URL; certificates are verified, and credentials in the URL stay out of every message."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url.rstrip("/")
        self._where = f"{parts.scheme}://{parts.netloc.rsplit('@', 1)[-1]}{parts.path}".rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "meshroll"}
        if parts.username:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers |= urllib3.make_headers(basic_auth=credentials)
            self._url = self._where
        self._pool = urllib3.PoolManager(
            maxsize=PARALLEL_QUERIES,
            ssl_context=ssl.create_default_context(),
            timeout=TIMEOUT,
            retries=RETRIES,
        )

    @property
    def where(self) -> str:
        return self._where

    def get(self, path: str, params: Mapping[str, str]) -> bytes:
        try:
            response = self._pool.request(
                "GET", f"{self._url}{path}?{urlencode(params)}", headers=self._headers
            )
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise PrometheusUnreachable(self._where, _reason(error)) from error
        # Prometheus says why in JSON: 400 a bad query, 422 one that cannot be run, 503 one that took too
        # long.
        if response.status == 200 or (response.status in (400, 422, 503) and response.data[:1] == b"{"):
            return response.data
        raise PrometheusUnreachable(self._where, f"status {response.status} {response.reason or ''}".strip())


class ApiServer(Protocol):
    """What is needed of adapters.kube.client.Kube: the body of a GET."""

    def read_text(self, path: str, query: Mapping[str, str]) -> bytes: ...


class ServiceTransport:
    """Through the API server's Service proxy, with its credentials, retries and TLS."""

    def __init__(self, api: ApiServer, namespace: str, name: str, port: str) -> None:
        self._api = api
        self._root = f"/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy"
        self._where = f"Service {namespace}/{name}:{port}"

    @property
    def where(self) -> str:
        return self._where

    def get(self, path: str, params: Mapping[str, str]) -> bytes:
        try:
            return self._api.read_text(f"{self._root}{path}", params)
        except MeshrollError as error:
            if getattr(error, "status", None) in (400, 422):
                raise PrometheusRejected(self._where, str(error)) from error
            raise PrometheusUnreachable(self._where, str(error)) from error


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


def connect(prometheus: Prometheus, api: ApiServer) -> PrometheusClient:
    """The client that the inventory describes. Raises Refused where it names no Prometheus."""
    if prometheus.url:
        return PrometheusClient(UrlTransport(prometheus.url))
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


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", None) or error
    return f"{type(cause).__name__}: {cause}"
