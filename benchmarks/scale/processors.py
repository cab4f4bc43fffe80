"""Who used the processors while something ran: the parts of the sandbox, and the program itself."""

from __future__ import annotations

import json
import os
import resource
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scale.place import SANDBOX

Spent = dict[str, float]
"""Seconds of processors, by process."""
ITSELF = "itself"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Profile:
    """Of meshroll's run, its gates too, and of what it is measured against."""

    what: str
    ours: Spent
    theirs: Spent


@contextmanager
def spending(kept: list[Spent]) -> Iterator[None]:
    """Adds to ``kept`` what each process took while the block ran."""
    before = _spent()
    yield
    kept.append({name: seconds - before.get(name, 0.0) for name, seconds in _spent().items()})


def medians(repeats: Sequence[Spent]) -> Spent:
    return {name: round(statistics.median(each.get(name, 0.0) for each in repeats), 1) for name in repeats[0]}


def _spent() -> Spent:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {ITSELF: ended.ru_utime + ended.ru_stime}
    for name, process in json.loads((SANDBOX / "state.json").read_text())["processes"].items():
        with suppress(OSError):
            found[name] = _seconds(process["pid"])
    return found


def _seconds(pid: int) -> float:
    """User and system time (proc_pid_stat(5)); the name before them may have spaces."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
