"""One request to the API server, tried again while that may help and the patience lasts."""

from __future__ import annotations

import json
import random
import ssl
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import urllib3

from meshroll.adapters import clock
from meshroll.adapters.kube.connection import JSON, Connection
from meshroll.adapters.kube.errors import refusal, unreachable
from meshroll.adapters.kube.limits import Limits
from meshroll.core.errors import Refused
from meshroll.core.retry import Patience, may_help

# The lock's fence counts on this: a write of a run that has lost its lease has come to its end before another begins.
WRITE_TIMEOUT_SECONDS = 30.0
READ_TIMEOUT_SECONDS = 60.0
CONNECT_TIMEOUT_SECONDS = 5.0
WATCH_SLACK_SECONDS = 5.0
# The gate asks Prometheus again by itself.
PROXIED_PATIENCE = Patience(8.0)


@dataclass(frozen=True)
class Requests:
    """How requests of one client are made. ``before_write`` is called before every try of a write, and may raise.

    Without ``limits`` nothing waits for its turn.
    """

    connection: Connection
    log: Callable[[str], None]
    patience: Patience
    limits: Limits | None = None
    before_write: Callable[[], None] = lambda: None
    sleep: Callable[[float], None] = time.sleep
    seconds: Callable[[], float] = clock.seconds

    def send(
        self, method: str, path: str, body: Any = None, content_type: str = JSON, accept: str = JSON
    ) -> bytes:
        """The body of the success. Raises ApiError for a refusal, Refused where no answer came in time.

        A write whose answer was lost may be sent twice; that is safe, because JSON Patch tests old values, apply is
        idempotent, and create and replace know their own work.
        """
        if method != "GET":
            path = f"{path}{'&' if '?' in path else '?'}timeout={WRITE_TIMEOUT_SECONDS:.0f}s"
        return self._send(method, path, body, content_type, self.patience, accept=accept)

    def send_to_proxied(self, path: str) -> bytes:
        """A GET that the API server passes on: not answered by its clock, and not waited for as it is."""
        return self._send("GET", path, None, "", PROXIED_PATIENCE, own_answer=False)

    def stream(self, path: str, seconds: int) -> urllib3.BaseHTTPResponse:
        """A watch of ``seconds``, tried once; it breaks off where no byte comes for a little longer than that."""
        if self.limits:
            self.limits.start()
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=seconds + WATCH_SLACK_SECONDS)
        return self.connection.send("GET", path, None, "", timeout)

    def _send(
        self,
        method: str,
        path: str,
        body: Any,
        content_type: str,
        patience: Patience,
        own_answer: bool = True,
        accept: str = JSON,
    ) -> bytes:
        encoded = None if body is None else json.dumps(body).encode()
        begun, tries, unsure, renewed = 0.0, 0, False, False
        while True:
            tries += 1
            fence = self.before_write if method != "GET" else _nothing
            generation, asked_seconds = self.connection.generation, 0.0
            try:
                # The fence is asked within the turn: however long that was in coming, a write begins right after it.
                with self.limits.turn() if self.limits else nullcontext():
                    begun = begun if tries > 1 else self.seconds()
                    response = self.connection.send(
                        method, path, encoded, content_type, _timeout(method), fence, accept
                    )
                    data = bytes(response.read())
                    response.release_conn()
            except urllib3.exceptions.HTTPError as error:
                failure: Refused = unreachable(self.connection.host, error, self.seconds() - begun)
                failure.__cause__ = error
                why, again, unsure = type(error).__name__, not _lasts(error), True
            else:
                status, headers = response.status, response.headers
                if own_answer and status < 500:
                    self.connection.learn_clock(headers.get("Date", ""))
                if 200 <= status < 300:
                    return data
                failure = refused = refusal(status, method, path, data, headers, unsure)
                if status == 401 and not renewed and self.connection.renew(generation):
                    renewed = True
                    self.log(f"{method} {_bare(path)}: 401; again with credentials loaded anew")
                    continue
                why, again = str(status), may_help(method, path, body, status, tries)
                unsure = unsure or status >= 500
                asked_seconds = refused.retry_after_seconds
            wait_seconds = patience.wait_seconds(
                tries, self.seconds() - begun, random.random(), asked_seconds
            )
            if not again or wait_seconds is None:
                raise failure
            self.log(f"{method} {_bare(path)}: {why}; again in {wait_seconds:.1f} s")
            self.sleep(wait_seconds)


def _nothing() -> None:
    """Reads have no fence."""


def _timeout(method: str) -> urllib3.Timeout:
    if method == "GET":
        return urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS)
    return urllib3.Timeout(total=WRITE_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS)


def _lasts(error: Exception) -> bool:
    """A certificate that is not trusted, or an address that is none, does not get better."""
    cause = error.args[0] if error.args else None
    return isinstance(error, urllib3.exceptions.LocationValueError) or isinstance(
        cause, ssl.SSLCertVerificationError
    )


def _bare(path: str) -> str:
    return path.split("?")[0]
