"""What the API server says no with, and what is said where it says nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from meshroll.core.errors import Problem, Refused
from meshroll.core.retry import retry_after_seconds

_HINTS = {
    401: "The credentials are refused or have expired: log in again (aws sso login, or a new token). "
    "On EKS: has whoever this is an access entry in the cluster?",
    403: "The account lacks this permission; docs/reference/rbac.md lists what each command needs.",
    409: "Somebody changed the object at the same moment; run the command again.",
    422: "The API server says why; nothing was changed by this request.",
}


class ApiError(Refused):
    """An answer of the API server that is not a success; ``status`` is its HTTP code.

    A refusal like any other; core.outcome takes the run back where it had changed something by then. ``unsure``
    where an earlier try of the same request may have been carried out without an answer. ``retry_after_seconds`` is
    what the answer asks for, 0 where it says nothing.
    """

    def __init__(
        self,
        status: int,
        method: str,
        path: str,
        message: str,
        reason: str = "",
        unsure: bool = False,
        retry_after_seconds: float = 0.0,
    ) -> None:
        self.status = status
        self.reason = reason
        self.unsure = unsure
        self.retry_after_seconds = retry_after_seconds
        super().__init__(
            Problem(
                f"api-{status}",
                f"The API server refused {method} {path.split('?')[0]}: {message} ({status}).",
                _HINTS.get(status, "See the API server's message."),
                object=path.split("?")[0],
            )
        )


class SuppressStatus(suppress):
    """``with SuppressStatus(404):`` ignores ApiErrors of these HTTP codes, and nothing else."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(ApiError)
        self._statuses = statuses

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return isinstance(error, ApiError) and error.status in self._statuses


def refusal(
    status: int, method: str, path: str, data: bytes, headers: Mapping[str, str], unsure: bool = False
) -> ApiError:
    """The error that an answer tells of."""
    try:
        parsed = json.loads(data)
        # What is behind the Service proxy (Prometheus) says it in "error".
        message = str(parsed.get("message") or parsed.get("error") or "")
        reason = str(parsed.get("reason", ""))
    except (ValueError, AttributeError):
        message, reason = data[:256].decode(errors="replace"), ""
    asked_seconds = retry_after_seconds(headers.get("Retry-After", ""), headers.get("Date", ""))
    return ApiError(status, method, path, message, reason, unsure, asked_seconds)


def unreachable(host: str, error: Exception, tried_seconds: float) -> Refused:
    return Refused(
        Problem(
            "api-unreachable",
            f"The API server {host} cannot be reached (tried for {tried_seconds:.0f} s): {error}",
            "Is the cluster up, is this machine allowed to reach it, and is meshroll_cluster.context the right one?",
        )
    )
