"""What the tasks of a playbook took, host by host."""

from __future__ import annotations

import json
from pathlib import Path

CALLBACK = Path(__file__).with_name("callback")


def slowest_seconds(file: Path) -> float:
    """The sum over tasks of the host that took longest at each."""
    slowest: dict[str, float] = {}
    for line in file.read_text().splitlines():
        _, task, seconds = json.loads(line)
        slowest[task] = max(slowest.get(task, 0.0), seconds)
    return sum(slowest.values())
