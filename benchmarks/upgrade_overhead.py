"""How long each hop of an upgrade takes beyond what pods need to roll and gates to watch.

    python benchmarks/upgrade_overhead.py INVENTORY

Runs `meshroll upgrade` with the inventory, whose cluster runs an older release, and reads the times from what it says
on the way. What a run does outside of its hops (the first look, the end) is a row of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

LINE = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) \S+ (?:WARNING |ERROR )?(.*)$")
VERDICTS = ("Successful:", "Failed:", "Inconclusive:", "Error:")


@dataclass(frozen=True)
class Said:
    at: datetime
    text: str


def kind_of(text: str) -> str | None:
    """What begins with this line; None where it only goes on."""
    if text.startswith("Gate: "):
        return "gates"
    if text.startswith("Hop to "):
        return "control plane"
    if text.startswith(("Wave ", "Prepare ")):
        return "waves"
    return "other" if text.startswith((*VERDICTS, "Looking ")) else None


def main() -> int:
    if len(sys.argv) != 2:
        sys.stdout.write(str(__doc__))
        return 2
    began = datetime.now().astimezone()
    ran = subprocess.run(
        [str(Path(sys.executable).parent / "meshroll"), "upgrade", "-i", sys.argv[1], "--verbose"],
        capture_output=True,
        text=True,
        check=False,
    )
    ended = datetime.now().astimezone()
    lines = [match for line in (ran.stderr + ran.stdout).splitlines() if (match := LINE.match(line))]
    said = [Said(datetime.fromisoformat(match[1]), match[2]) for match in lines]
    marks = [(each, kind) for each in said if (kind := kind_of(each.text))]
    spent: dict[tuple[str, str], float] = {}
    hop = "outside"
    for (here, kind), (after, _) in pairwise([*marks, (Said(ended, ""), "other")]):
        hop = here.text.removeprefix("Hop to ") if kind == "control plane" else hop
        place = "outside" if here.text.startswith("Looking ") else hop
        spent[place, kind] = spent.get((place, kind), 0.0) + (after.at - here.at).total_seconds()
    sys.stdout.write(f"exit {ran.returncode}, {(ended - began).total_seconds():.0f} s in all\n")
    for hop in dict.fromkeys(place for place, _ in spent):
        rows = {kind: seconds for (place, kind), seconds in spent.items() if place == hop}
        parts = ", ".join(f"{kind} {seconds:.0f} s" for kind, seconds in rows.items())
        sys.stdout.write(f"{hop}: {parts}\n")
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
