"""The ways to Prometheus: straight to its URL, or through the API server's Service proxy.

Every failure is a PrometheusError with one of the problems in core.prometheus_problems.
"""

from __future__ import annotations

import http.client
import random
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import quote, unquote, urlencode, urlsplit

import urllib3
from urllib3 import exceptions

from meshroll.adapters import clock, prometheus_access
from meshroll.adapters.kube.errors import ApiError
from meshroll.adapters.prometheus_access import PrometheusError
from meshroll.adapters.prometheus_sigv4 import Signer
from meshroll.core import prometheus_problems as problems
from meshroll.core.errors import MeshrollError, Problem
from meshroll.core.retry import TRANSIENT, Patience, retry_after_seconds
from meshroll.core.settings import Prometheus

# Seconds, because whoever asks does so again: a gate at its next interval, a look when it is run again.
PATIENCE = Patience(8.0)
TIMEOUT = urllib3.Timeout(connect=5, read=30)
CONNECTIONS = 8
# Credentials do not follow to another host (urllib3's own rule).
REDIRECTS = urllib3.Retry(connect=0, read=0, status=0, other=0, redirect=3, respect_retry_after_header=False)


class Transport(Protocol):
    """One GET below Prometheus' root. Returns the body of a success or of Prometheus' own JSON error.

    Raises PrometheusError where there is no answer.
    """

    @property
    def where(self) -> str: ...

    def get(self, path: str, params: Mapping[str, str]) -> bytes: ...


class UrlTransport:
    """Straight to a URL; certificates are verified, and credentials in the URL stay out of every message.

    ``access`` holds what else lets one in. Raises PrometheusError where its ca_file cannot be used.
    """

    def __init__(
        self,
        url: str,
        log: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = clock.seconds,
        access: Prometheus | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._url = f"{parts.scheme}://{parts.netloc.rsplit('@', 1)[-1]}{parts.path}".rstrip("/")
        self._access = access or Prometheus()
        self._own: dict[str, str] = {}
        if parts.username:
            self._own = prometheus_access.basic_authorization(
                unquote(parts.username), unquote(parts.password or "")
            )
        self._log, self._sleep, self._seconds = log, sleep, seconds
        sigv4 = self._access.sigv4
        self._signer = Signer(sigv4, log, sleep, seconds) if sigv4 else None
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            ssl_context=prometheus_access.tls(self._access.ca_file),
            timeout=TIMEOUT,
            retries=REDIRECTS,
        )

    @property
    def where(self) -> str:
        return self._url

    def get(self, path: str, params: Mapping[str, str]) -> bytes:
        # AWS signs a space as %20, and takes a plus for one.
        url = f"{self._url}{path}?{urlencode(params, quote_via=quote, safe='')}"
        begun, tries = self._seconds(), 0
        while True:
            tries += 1
            said, asked_seconds = None, 0.0
            headers = prometheus_access.headers(self._access) | self._own
            if self._signer:
                headers |= self._signer.headers(url)
            try:
                # A signature is for one address, and urllib3 would send its session token along to another.
                response = self._pool.request("GET", url, headers=headers, redirect=self._signer is None)
            except (exceptions.HTTPError, ValueError) as error:
                problem, again = self._failure(error)
                why = problem.code.removeprefix("prometheus-")
            else:
                status, answered = response.status, response.headers
                if status == 200:
                    return response.data
                # It says why in JSON: 400 a bad query, 422 one that cannot be run, 503 one that took too long.
                if status in (400, 422, 503) and response.data[:1] == b"{":
                    said = response.data
                why, again = f"status {status} {response.reason or ''}".strip(), status in TRANSIENT
                asked_seconds = retry_after_seconds(answered.get("Retry-After", ""), answered.get("Date", ""))
                problem = _refusal(self._url, status, why, asked_seconds)
                if self._signer and (
                    denied := self._signer.refusal(self._url, status, answered, response.data)
                ):
                    problem, said = denied, None
            wait_seconds = PATIENCE.wait_seconds(
                tries, self._seconds() - begun, random.random(), asked_seconds
            )
            if not again or wait_seconds is None:
                if said is not None:
                    return said
                raise PrometheusError(problem)
            self._log(f"Prometheus at {self._url}: {why}; again in {wait_seconds:.1f} s")
            self._sleep(wait_seconds)

    def _failure(self, error: Exception) -> tuple[Problem, bool]:
        """What kept the answer away, and whether it may come at another try."""
        cause = getattr(error, "reason", None) or error
        inner = cause.args[-1] if cause.args else None
        if isinstance(inner, ssl.SSLCertVerificationError):
            return problems.untrusted(self._url, inner.verify_message, self._access.ca_file), False
        # A connection that is refused is a timeout too, in urllib3's eyes.
        if isinstance(cause, exceptions.TimeoutError) and not isinstance(
            cause, exceptions.NewConnectionError
        ):
            return problems.timed_out(self._url), True
        if isinstance(inner, http.client.IncompleteRead) or isinstance(cause, exceptions.DecodeError):
            return problems.half_an_answer(self._url), True
        why = f"{type(cause).__name__}: {cause}"
        return problems.unreachable(self._url, why), isinstance(error, exceptions.HTTPError)


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
        except ApiError as error:
            raise PrometheusError(self._refusal(error)) from error
        except MeshrollError as error:
            raise PrometheusError(problems.unreachable(self._where, str(error))) from error

    def _refusal(self, error: ApiError) -> Problem:
        if error.status in (401, 403):
            return problems.proxy_unauthorized(self._where, str(error))
        # The API server gives a reason of its own (no endpoints, say); what is behind it does not.
        if error.status in (400, 422) or (error.status == 503 and not error.reason):
            return problems.rejected(self._where, str(error))
        if error.status == 429:
            return problems.busy(self._where, str(error), 0.0)
        return problems.unreachable(self._where, str(error))


def _refusal(where: str, status: int, why: str, asked_seconds: float) -> Problem:
    if status in (401, 403):
        return problems.unauthorized(where, why)
    if status in (429, 503):
        return problems.busy(where, why, asked_seconds)
    if status in (400, 404, 405, 422):
        return problems.other_api(where, why)
    return problems.unreachable(where, why)
