"""Where this machine keeps its copies of what clusters remember."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def runs_folder(environment: Mapping[str, str]) -> Path | None:
    """A folder for each cluster is in it: $XDG_STATE_HOME/meshroll/runs; None where there is no home."""
    state, home = environment.get("XDG_STATE_HOME"), environment.get("HOME")
    if not state and not home:
        return None
    return (Path(state) if state else Path(str(home)) / ".local" / "state") / "meshroll" / "runs"
