"""The ways to Prometheus: straight to its URL, or through the API server's Service proxy.

PrometheusError (exit 3 where a look meets it; a gate turns it into its outcome Error)
  PrometheusUnreachable   no answer: prometheus-unreachable
  PrometheusRejected      an answer that says no: prometheus-query-failed
  PrometheusEmpty         an answer without a single scraped target: prometheus-empty
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import unquote, urlencode, urlsplit

import urllib3

from meshroll.adapters import clock
from meshroll.core.errors import MeshrollError, Problem, Refused
from meshroll.core.retry import TRANSIENT, Patience, retry_after_seconds

# Seconds, because whoever asks does so again: a gate at its next interval, a look when it is run again.
PATIENCE = Patience(8.0)
TIMEOUT = urllib3.Timeout(connect=5, read=30)
CONNECTIONS = 8
REDIRECTS = urllib3.Retry(connect=0, read=0, status=0, other=0, redirect=3, respect_retry_after_header=False)
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

    def __init__(
        self,
        url: str,
        log: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = clock.seconds,
    ) -> None:
        parts = urlsplit(url)
        self._url = url.rstrip("/")
        self._where = f"{parts.scheme}://{parts.netloc.rsplit('@', 1)[-1]}{parts.path}".rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "meshroll"}
        if parts.username:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers |= urllib3.make_headers(basic_auth=credentials)
            self._url = self._where
        self._log, self._sleep, self._seconds = log, sleep, seconds
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS, ssl_context=ssl.create_default_context(), timeout=TIMEOUT, retries=REDIRECTS
        )

    @property
    def where(self) -> str:
        return self._where

    def get(self, path: str, params: Mapping[str, str]) -> bytes:
        begun, tries = self._seconds(), 0
        while True:
            tries += 1
            said, asked_seconds = None, 0.0
            try:
                response = self._pool.request(
                    "GET", f"{self._url}{path}?{urlencode(params)}", headers=self._headers
                )
            except (urllib3.exceptions.HTTPError, ValueError) as error:
                why, again = _reason(error), isinstance(error, urllib3.exceptions.HTTPError)
            else:
                status, headers = response.status, response.headers
                if status == 200:
                    return response.data
                # It says why in JSON: 400 a bad query, 422 one that cannot be run, 503 one that took too long.
                if status in (400, 422, 503) and response.data[:1] == b"{":
                    said = response.data
                why, again = f"status {status} {response.reason or ''}".strip(), status in TRANSIENT
                asked_seconds = retry_after_seconds(headers.get("Retry-After", ""), headers.get("Date", ""))
            wait_seconds = PATIENCE.wait_seconds(
                tries, self._seconds() - begun, random.random(), asked_seconds
            )
            if not again or wait_seconds is None:
                if said is not None:
                    return said
                raise PrometheusUnreachable(self._where, why)
            self._log(f"Prometheus at {self._where}: {why}; again in {wait_seconds:.1f} s")
            self._sleep(wait_seconds)


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


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", None) or error
    return f"{type(cause).__name__}: {cause}"
