"""The release catalogue, of this meshroll or of the inventory, and the breaking changes between releases."""

from __future__ import annotations

from importlib.resources import files

import yaml

from meshroll.adapters import places
from meshroll.adapters.safe_yaml import parsed
from meshroll.core.breaking_changes import BreakingChange, from_data
from meshroll.core.errors import Problem, Refused, UsageError
from meshroll.core.places import is_address, shown
from meshroll.core.releases import CATALOGUE_HINT, Catalogue

# A hundred releases are some 40 KiB.
BYTES_MAX = 4 * 1024 * 1024


def shipped() -> Catalogue:
    """The catalogue that came with this meshroll."""
    return _parsed(_data("releases.yml"), "data/releases.yml")


def breaking_changes() -> tuple[BreakingChange, ...]:
    """Those that this meshroll knows."""
    return from_data(parsed(_data("breaking_changes.yml")))


def read(place: str | None) -> Catalogue:
    """The catalogue at a file or an https:// address; None: the shipped one.

    Raises Refused catalogue-unreadable, UsageError catalogue-wrong.
    """
    if place is None:
        return shipped()
    try:
        return _parsed(places.read(place, BYTES_MAX), shown(place))
    except places.Unreadable as error:
        hint = (
            "Is meshroll_catalogue right, and may this machine reach it? Leave it out for the one of this meshroll."
            if is_address(place)
            else "`meshroll releases refresh` makes it; without meshroll_catalogue the one of this meshroll is used."
        )
        raise Refused(
            Problem("catalogue-unreadable", f"There is no catalogue at {shown(place)}: {error}.", hint)
        ) from error


def _parsed(text: bytes, name: str) -> Catalogue:
    try:
        data = parsed(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(
            Problem("catalogue-wrong", f"{name} is no YAML: {error}.", CATALOGUE_HINT)
        ) from error
    return Catalogue.from_data(data, name)


def _data(name: str) -> bytes:
    return (files("meshroll") / "data" / name).read_bytes()
