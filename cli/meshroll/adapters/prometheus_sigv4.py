"""Signature Version 4, with which Amazon Managed Service for Prometheus lets one in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from meshroll.adapters.aws import Aws, Renewed
from meshroll.adapters.prometheus_access import PrometheusError
from meshroll.core import prometheus_problems as problems
from meshroll.core.aws import ROLE_SECONDS, Said, error_code
from meshroll.core.errors import Problem, Refused
from meshroll.core.retry import Patience
from meshroll.core.settings import Sigv4

SERVICE = "aps"
# The only one of its permissions that queries need.
ASKED = "aps:QueryMetrics"
# As long as a query itself may be tried.
PATIENCE = Patience(8.0)


class Signer:
    """Signs requests to one workspace, with credentials that are renewed. Safe for use from many threads."""

    def __init__(
        self,
        sigv4: Sigv4,
        log: Callable[[str], None],
        sleep: Callable[[float], None],
        seconds: Callable[[], float],
    ) -> None:
        self._aws = Aws(sigv4.region, sigv4.role_arn, "prometheus", log, PATIENCE, sleep, seconds)
        self._lock = threading.Lock()
        self._credentials: Renewed[Any] | None = None

    def headers(self, url: str) -> dict[str, str]:
        """Of one GET of ``url``, which has to be sent as it is here. Raises PrometheusError without credentials."""
        try:
            credentials = self._current()
            return self._aws.call("a signature", None, lambda: self._signed(url, credentials))
        except Refused as error:
            raise PrometheusError(error.problems) from None

    def refusal(self, where: str, status: int, headers: Mapping[str, str], body: bytes) -> Problem | None:
        """What an answer means that is AWS' own and not Prometheus'. None for every other answer."""
        said = Said(
            error_code(headers.get("x-amzn-ErrorType", "")),
            _message(body),
            status,
            ASKED,
            self._aws.region,
            self._aws.role_arn,
        )
        return problems.aws_unauthorized(where, said) if status in (401, 403) or said.is_of_access else None

    def _signed(self, url: str, credentials: Any) -> dict[str, str]:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method="GET", url=url)
        SigV4Auth(credentials.get_frozen_credentials(), SERVICE, self._aws.region).add_auth(request)
        return dict(request.headers.items())

    def _current(self) -> Any:
        with self._lock:
            if self._credentials is None:
                self._credentials = Renewed(self._made, ROLE_SECONDS / 2, ROLE_SECONDS, self._aws.seconds)
            return self._credentials.current()

    def _made(self, patience: Patience | None) -> Any:
        aws = replace(self._aws, patience=patience or PATIENCE)
        return aws.credentials(aws.session())


def _message(body: bytes) -> str:
    """Of AWS' JSON, which calls it ``message`` or ``Message``; empty where there is none."""
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    if not isinstance(answer, dict):
        return ""
    return str(answer.get("message") or answer.get("Message") or "")
