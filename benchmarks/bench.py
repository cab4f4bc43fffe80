"""What meshroll costs beyond what Kubernetes itself needs, as a table: docs/explanation/performance.md.

    python benchmarks/bench.py [PART ...]

Each part is measured in a sandbox of the benchmarks' own, side by side with what it is held against, and kept as a file
in build/bench; the page is made of all parts that are there. `kubectl` has to be on PATH.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict

import click
from scale import changes, gate, page, reading
from scale.place import HOME, bare_place, place, removed
from scale.processors import Profile
from scale.rows import Row

PARTS: dict[str, Callable[[int], Iterable[Row | Profile]]] = {
    "start": lambda _: reading.start(10),
    "loops": lambda _: changes.looped(place(), 1),
    "changes-100": lambda _: changes.rows(place(), 100, 1),
    "changes-300": lambda _: changes.rows(place(), 300, 1),
    "changes-500": lambda repeats: changes.rows(place(), 500, repeats),
    "changes-1000": lambda _: changes.rows(place(), 1000, 1),
    "clusters": lambda repeats: reading.clusters(place(), repeats),
    "large": lambda repeats: reading.large(bare_place(), repeats),
    "gate": lambda _: gate.rows(5),
}
# Each of these makes thousands of objects, which the next one must not find.
FRESH = {"large", "clusters", "changes-300", "changes-500", "changes-1000"}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice([*PARTS]))
@click.option("--repeats", default=3, show_default=True, help="Of those parts that take minutes.")
def main(parts: tuple[str, ...], repeats: int) -> None:
    """Measure PARTS (all by default) and write the page."""
    HOME.mkdir(parents=True, exist_ok=True)
    for part in parts or tuple(PARTS):
        if part in FRESH:
            removed()
        click.echo(f"-- {part}")
        found = list(PARTS[part](repeats))
        kept = {
            "at": page.where(),
            "rows": [asdict(each) for each in found if isinstance(each, Row)],
            "profiles": [asdict(each) for each in found if isinstance(each, Profile)],
        }
        (HOME / f"{part}.json").write_text(json.dumps(kept, indent=2))
    removed()
    page.write({part: HOME / f"{part}.json" for part in PARTS})


if __name__ == "__main__":
    main()
