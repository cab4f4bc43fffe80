"""What a run says while it works: JSON lines in the file of ``$MESHROLL_EVENTS``, and the wish to stop."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from meshroll.core.errors import Interrupted, Problem
from meshroll.core.moments import rfc3339


def now() -> str:
    """This moment, RFC 3339 UTC, to the second."""
    return rfc3339(datetime.now(UTC))


def append(path: str, event: Mapping[str, Any]) -> bool:
    """One event, in one write. False where it cannot be (a full disk, a removed folder): no run ends because of it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, (json.dumps(event) + "\n").encode())
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Events:
    """Says things of one cluster. ``display`` is used where no event file is named (a playbook run by hand)."""

    cluster: str
    display: Callable[[str], None]
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def say(self, kind: str, message: str, level: str = "info", **fields: Any) -> None:
        """One event; ``kind`` is stage, progress, line or verdict. A line is written whole, so forks can share it."""
        path = self.environment.get("MESHROLL_EVENTS")
        event = {
            "time": now(),
            "cluster": self.cluster,
            "kind": kind,
            "message": message,
            "level": level,
            **fields,
        }
        if not (path and append(path, event)) and kind != "progress":
            self.display(f"[{self.cluster}] {message}")

    def stop_if_asked(self, begun: bool) -> None:
        """Raises Interrupted between two steps once the operator asked to stop (``$MESHROLL_STOP`` exists).

        What has not ``begun`` (a look, `verify`) has changed nothing and holds no lock.
        """
        path = self.environment.get("MESHROLL_STOP")
        if not path or not Path(path).exists():
            return
        if not begun:
            raise Interrupted(Problem("interrupted", "Stopped, as asked.", "Run the command again."))
        raise Interrupted(
            Problem(
                "interrupted",
                "Stopped between two steps, as asked; what was changed so far is kept.",
                "The same command goes on from here; `meshroll rollback` takes namespaces off the mesh.",
            )
        )
