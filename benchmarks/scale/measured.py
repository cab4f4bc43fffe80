"""One program as it runs: seconds, and the most memory that it and its children held at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
MESHROLL = str(BIN / "meshroll")
QUIET = ("--quiet", "-o", "json")
SAMPLE_SECONDS = 0.2
CALM_SECONDS = 120.0
IDLE = 3
"""The fourth of the processors' times (proc_stat(5))."""


@dataclass(frozen=True)
class Ran:
    """``mib`` is the largest sum of PSS seen (0 where nobody asked): what processes share counts once."""

    code: int
    stdout: str
    seconds: float
    mib: float


def run(
    argv: Sequence[str],
    codes: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
    memory: bool = False,
) -> Ran:
    """Raises SystemExit, with what the program said, unless it ends with one of ``codes``.

    Looking at ``memory`` costs time of its own, so a run that is looked at is not one to compare seconds of.
    """
    began = time.monotonic()
    own = {**os.environ, "PYTHONPATH": str(BENCHMARKS), **(environment or {})}
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=own
    ) as process:
        peak = _Peak(process.pid) if memory else None
        out, err = process.communicate()
        took = time.monotonic() - began
        mib = peak.stop() if peak else 0.0
    if process.returncode not in codes:
        sys.exit(f"{' '.join(argv)} ended with {process.returncode}:\n{out[-3000:]}\n{err[-3000:]}")
    return Ran(process.returncode, out, took, mib)


def calm() -> None:
    """Until controllers have nothing left to do of what came before: half of the machine is idle for five seconds."""
    until, idle_since = time.monotonic() + CALM_SECONDS, None
    while time.monotonic() < until:
        before = _cpu_times()
        time.sleep(1.0)
        spent = [after - earlier for after, earlier in zip(_cpu_times(), before, strict=True)]
        now = time.monotonic()
        idle_since = (idle_since or now) if spent[IDLE] > sum(spent) / 2 else None
        if idle_since is not None and now - idle_since >= 5.0:
            return


def _cpu_times() -> list[int]:
    return [int(number) for number in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]


class _Peak:
    """Samples /proc while a program runs."""

    def __init__(self, pid: int) -> None:
        self._pid, self._most_kib = pid, 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        self._ended.set()
        self._thread.join()
        return self._most_kib / 1024

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self._most_kib = max(self._most_kib, sum(_pss_kib(pid) for pid in _with_children(self._pid)))


def _with_children(pid: int) -> list[int]:
    found, left = [], [pid]
    while left:
        each = left.pop()
        found.append(each)
        with suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                left += [int(child) for child in (task / "children").read_text().split()]
    return found


def _pss_kib(pid: int) -> int:
    """Proportional set size (proc_pid_smaps(5)): a page that n processes share counts as an nth in each."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
