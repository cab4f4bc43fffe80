"""The page that the benchmarks write: docs/explanation/performance.md, from what they measured."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scale.measured import BENCHMARKS
from scale.processors import Profile
from scale.rows import Row

from meshroll_sandbox.toolspecs import KUBERNETES_VERSION

PAGE = BENCHMARKS.parent / "docs" / "explanation" / "performance.md"
MADE, SAID = "<!-- made by make bench, from here", "<!-- to here -->"


def where() -> dict[str, str]:
    """The machine, the versions and the day."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory_kib = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    commit = subprocess.run(
        [shutil.which("git") or "git", "-C", str(BENCHMARKS), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        "machine": f"{os.cpu_count()} processors ({cpu}), {memory_kib / 2**20:.0f} GiB",
        "versions": f"Kubernetes {KUBERNETES_VERSION}, ansible-core {version('ansible-core')}, "
        f"Python {platform.python_version()}",
        "day": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
    }


def write(parts: Mapping[str, Path]) -> None:
    """Puts the table between the page's two marks."""
    found = [json.loads(file.read_text()) for file in parts.values() if file.is_file()]
    rows = [(Row(**row), part["at"]) for part in found for row in part["rows"]]
    before, _, rest = PAGE.read_text().partition(MADE)
    _, _, after = rest.partition(SAID)
    machines = sorted({f"{at['machine']}; {at['versions']}" for _, at in rows})
    days = sorted({f"{at['day']} ({at['commit']})" for _, at in rows})
    table = "\n".join(_line(row) for row, _ in rows)
    PAGE.write_text(
        f"{before}{MADE} -->\n\n"
        f"Measured on {'; on '.join(machines)}; on {', '.join(days)}. Each figure is the median of its repeats, "
        "with the lowest and the highest in brackets.\n\n"
        "| what | against | meshroll | the other | ratio | wanted | met |\n|---|---|---|---|---|---|---|\n"
        f"{table}\n\n{_notes(rows)}\n{_profiles(found)}{SAID}{after}"
    )


def _line(row: Row) -> str:
    ratio = f"{_figures(row.ratios, 2)}" if row.theirs else ""
    theirs = f"{_figures(row.theirs)} {row.unit}" if row.theirs else ""
    met = {None: "", True: "yes", False: "**no**"}[row.met]
    cells = (
        row.what,
        row.against,
        f"{_figures(row.ours)} {row.unit}".rstrip(),
        theirs,
        ratio,
        row.wanted,
        met,
    )
    return f"| {' | '.join(cells)} |"


def _profiles(parts: list[dict[str, Any]]) -> str:
    """A line a run: who used the processors meanwhile, as "meshroll's / the other's"."""
    profiles = [Profile(**profile) for part in parts for profile in part.get("profiles", [])]
    if not profiles:
        return ""
    names = sorted(
        {name for each in profiles for name in each.ours}, key=lambda name: -profiles[0].ours.get(name, 0.0)
    )
    said = (
        "Seconds of processors that each process took meanwhile, with meshroll / with the other; of meshroll the whole "
        "command, its look before and its gates too."
    )
    head = f"| run | all | {' | '.join(names)} |\n|{'---|' * (len(names) + 2)}\n"
    lines = ""
    for each in profiles:
        pairs = [(sum(each.ours.values()), sum(each.theirs.values()))]
        pairs += [(each.ours.get(name, 0.0), each.theirs.get(name, 0.0)) for name in names]
        lines += f"| {each.what} | {' | '.join(f'{ours:.0f} / {theirs:.0f}' for ours, theirs in pairs)} |\n"
    return f"{said}\n\n{head}{lines}\n"


def _figures(values: list[float], digits: int = 1) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    if len(values) == 1:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f}, n={len(values)})"


def _notes(rows: list[tuple[Row, dict[str, str]]]) -> str:
    notes: dict[str, list[str]] = {}
    for row, _ in rows:
        if row.note:
            notes.setdefault(row.note, []).append(row.what)
    return "".join(f"- {'; '.join(whats)}: {note}.\n" for note, whats in notes.items())


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
