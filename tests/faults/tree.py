"""Killing a process and all that came of it, so that nothing of it can write any more."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path


def kill_tree(root: int, patience_seconds: float = 10.0) -> None:
    """SIGKILL for ``root`` and every descendant; returns once none of them runs.

    They are stopped first, parents before children, until no new one is found: what is killed one by one could start
    another process in between, and an orphan could no longer be told from a stranger.
    """
    stopped: list[int] = []
    while fresh := [pid for pid in descendants(root) if pid not in stopped]:
        for pid in fresh:
            _send(pid, signal.SIGSTOP)
            stopped.append(pid)
    for pid in stopped:
        _send(pid, signal.SIGKILL)
    deadline = time.monotonic() + patience_seconds
    while any(runs(pid) for pid in stopped):
        assert time.monotonic() < deadline, f"of {stopped} some do not end"
        time.sleep(0.005)


def descendants(root: int) -> list[int]:
    """``root`` and all that came of it, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children.setdefault(stat[1], []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def runs(pid: int) -> bool:
    """A zombie does not: its parent is only late in collecting it."""
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX"


def _stat(pid: int) -> tuple[str, int] | None:
    """State and parent, from /proc/PID/stat; the program's name before them may hold anything."""
    with suppress(OSError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], int(fields[1])
    return None


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
