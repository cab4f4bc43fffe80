"""A running playbook where there is no terminal: one line an event, with its time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from meshroll.render.streams import Lasting

# Not shown: the result repeats summaries and failures, and clusters are for laying out columns.
UNSAID = frozenset({"summary", "failure", "clusters"})


class SilentView:
    """Says nothing, for --quiet and JSON."""

    def event(self, event: Mapping[str, Any]) -> None: ...

    def note(self, message: str) -> None: ...


class LineView:
    """``verbose`` says every step of progress; without it only how each ended."""

    def __init__(self, stream: TextIO | Lasting, verbose: bool) -> None:
        self._stream = stream
        self._verbose = verbose

    def event(self, event: Mapping[str, Any]) -> None:
        if event["kind"] in UNSAID or not (self._verbose or worth_a_line(event)):
            return
        level = event.get("level", "info")
        mark = "" if level == "info" else f"{level.upper()} "
        self._say(f"{event['time']} {event['cluster']} {mark}{event['message']}")

    def note(self, message: str) -> None:
        self._say(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {message}")

    def _say(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


def worth_a_line(event: Mapping[str, Any]) -> bool:
    """Progress is, once it is complete; everything else is anyway."""
    if event["kind"] != "progress":
        return True
    total = event.get("total")
    return total is not None and event.get("done") == total
