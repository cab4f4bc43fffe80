"""Reads the lists that a catalogue of releases is renewed from, and keeps the local catalogue."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from meshroll.adapters import catalogue as catalogues
from meshroll.adapters import places, whole_file
from meshroll.adapters.safe_yaml import parsed
from meshroll.core.errors import Problem, UsageError
from meshroll.core.places import is_address, shown
from meshroll.core.prometheus_url import readable_on_the_way
from meshroll.core.refresh import Change, renewed
from meshroll.core.release_sources import MILESTONES, NOTES, of_index, of_milestones, of_notes
from meshroll.core.releases import Catalogue, Release

Kind = Literal["index", "milestones", "notes"]
# The names under which a catalogue's `sources` has them; the index gives no marks.
SOURCE_NAMES: Mapping[Kind, str] = {"milestones": MILESTONES, "notes": NOTES}
BYTES_MAX = 64 * 1024 * 1024
HEAD = """---
# Kept by `meshroll releases refresh`: it adds releases, fills in what is not known, and sets marks. A mark of your own
# has a `source` of your own, and stays. Comments do not.
"""


@dataclass(frozen=True)
class Reading:
    """One source on the day that it is from: what it said, or why it could not be read."""

    kind: Kind
    place: str
    day: datetime.date
    found: list[Release] = field(default_factory=list)
    why_not: str | None = None


@dataclass(frozen=True)
class Refreshed:
    """What was done to the catalogue in ``file`` on the day ``today``."""

    file: Path
    today: datetime.date
    catalogue: Catalogue
    changes: list[Change]
    readings: list[Reading]

    def as_dict(self) -> dict[str, Any]:
        """As the result has it."""
        return {
            "file": str(self.file),
            "catalogue_as_of": str(self.catalogue.as_of),
            "catalogue_age_days": max((self.today - self.catalogue.as_of).days, 0),
            "sources": [
                {
                    "source": reading.kind,
                    "place": shown(reading.place),
                    "read": reading.why_not is None,
                    "reason": reading.why_not,
                }
                for reading in self.readings
            ],
            "changes": [asdict(change) for change in self.changes],
        }


def refresh(file: Path, wanted: Mapping[Kind, str], today: datetime.date) -> Refreshed:
    """Renews the catalogue in ``file``; where there is none, it begins with the shipped one.

    An address that does not answer is passed over: its reading says why. Raises UsageError for a file that cannot be
    read or written, for one that is not what it should be, and for an address without TLS.
    """
    shipped = catalogues.shipped()
    local = catalogues.read(str(file)) if file.exists() else shipped
    for place in wanted.values():
        if is_address(place) and readable_on_the_way(place):
            raise _wrong(place, "whoever is on the way could mark a release as recommended; use https://")
    with ThreadPoolExecutor(max_workers=len(wanted) or 1) as pool:
        readings = list(pool.map(lambda item: _read(item[0], item[1], today), wanted.items()))
    marking = [reading for reading in readings if reading.kind in SOURCE_NAMES and reading.why_not is None]
    as_of = max(local.as_of, shipped.as_of)
    if len(marking) == len(SOURCE_NAMES):
        # The marks are as new as the older of the two lists that give them.
        as_of = max(as_of, min(reading.day for reading in marking))
    named = {SOURCE_NAMES[reading.kind]: shown(reading.place) for reading in marking}
    begun = Catalogue(as_of, {**shipped.sources, **local.sources, **named}, local.releases)
    found = [*shipped.releases, *(release for reading in readings for release in reading.found)]
    after, changes = renewed(begun, found, {*shipped.sources, *SOURCE_NAMES.values()})
    if after != local or not file.exists():
        _write(file, after)
    return Refreshed(file, today, after, changes, readings)


def _read(kind: Kind, place: str, today: datetime.date) -> Reading:
    try:
        text = places.read(place, BYTES_MAX)
    except places.Unreadable as error:
        why = str(error)
    else:
        day = today if is_address(place) else min(today, _written_on(place))
        try:
            return Reading(kind, place, day, _parsed(kind, text, day))
        except (ValueError, yaml.YAMLError, msgspec.MsgspecError) as error:
            why = f"it is not what it should be: {error}"
    if not is_address(place):
        raise _wrong(place, why)
    return Reading(kind, place, today, why_not=why)


def _written_on(path: str) -> datetime.date:
    """A file's day: it says what was so when it was written, not when it is read."""
    written = Path(path).expanduser().stat().st_mtime
    return datetime.datetime.fromtimestamp(written, datetime.UTC).date()


def _parsed(kind: Kind, text: bytes, day: datetime.date) -> list[Release]:
    if kind == "notes":
        return of_notes(text.decode(), day)
    data: Any = parsed(text)
    return of_index(data) if kind == "index" else of_milestones(data)


class _Dumper(yaml.SafeDumper):
    """Writes a date that stands in two places twice, and no reference to the first."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _write(file: Path, catalogue: Catalogue) -> None:
    data = msgspec.to_builtins(catalogue, builtin_types=(datetime.date,))
    text = HEAD + yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    try:
        whole_file.write(file, text)
    except OSError as error:
        raise _wrong(str(file), f"it cannot be written: {error}") from error


def _wrong(place: str, why: str) -> UsageError:
    return UsageError(
        Problem(
            "refresh-source",
            f"{shown(place)}: {why}.",
            "`meshroll releases refresh --help` says what it reads. An address that does not answer is passed over.",
        )
    )
