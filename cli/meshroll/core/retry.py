"""When a request may be tried again, how soon, and what tells that a lost answer had been a yes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 8.0
TRANSIENT = frozenset({429, 500, 502, 503, 504})
# The API server repeats such a write itself before it says 409; a webhook that says so always is not waited for.
CONFLICTS_MAX = 5


@dataclass(frozen=True)
class Patience:
    """How long one request may be tried in all, counted from its first try."""

    seconds: float

    def wait_seconds(
        self, tries: int, elapsed_seconds: float, chance: float, asked_seconds: float = 0.0
    ) -> float | None:
        """How long to wait before the next try, None where there is to be none.

        The last try falls on the patience's end; a server
        that asks (Retry-After) for a pause beyond that end is not asked again before it.
        """
        left = self.seconds - elapsed_seconds
        if left <= 0 or asked_seconds > left:
            return None
        return max(asked_seconds, min(left, backoff_seconds(tries, chance)))


def backoff_seconds(tries: int, chance: float) -> float:
    """Longer after each try; ``chance`` in [0, 1) spreads those who failed together."""
    return min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(tries - 1, 16)) * (0.5 + chance / 2)


def may_help(method: str, path: str, body: Any, status: int, tries: int) -> bool:
    """Whether the same request, sent again, can be answered otherwise.

    A dry run is a question about the admission webhooks, and a 500 is their answer to it.
    """
    if status == 500 and "dryRun=All" in path:
        return False
    if status == 409:
        # The API server's own race of two writes; not where the request itself names the version that it replaces.
        return method in ("PUT", "PATCH") and tries < CONFLICTS_MAX and not _names_version(body)
    return status in TRANSIENT


def retry_after_seconds(retry_after: str, date: str) -> float:
    """Retry-After's seconds, or its date seen from the answer's own Date; 0 where it says nothing."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - parsedate_to_datetime(date)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def holds(present: Any, wanted: Any) -> bool:
    """Whether everything of ``wanted`` is in ``present``; versions aside, because each write makes a new one."""
    if isinstance(wanted, Mapping):
        return isinstance(present, Mapping) and all(
            key == "resourceVersion" or (key in present and holds(present[key], value))
            for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(present, list)
            and len(present) == len(wanted)
            and all(holds(one, other) for one, other in zip(present, wanted, strict=True))
        )
    return bool(present == wanted)


def _names_version(body: Any) -> bool:
    if isinstance(body, list):
        return any(operation.get("path") == "/metadata/resourceVersion" for operation in body)
    return isinstance(body, Mapping) and "resourceVersion" in (body.get("metadata") or {})
