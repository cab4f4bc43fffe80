"""Numbers by name in little room: a long gate of a large namespace holds millions, and looks have most names in common.

As dicts of floats they take eight times as much. In JSON they are objects like any other (``enc_hook=dict``).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")


@lru_cache(maxsize=10_000)
def places_of(names: tuple[str, ...]) -> Mapping[str, int]:
    """Name -> its place: one object for all that have the same names."""
    return {name: place for place, name in enumerate(names)}


class Named(Mapping[str, T]):
    """By name, what ``cells`` hold at its place; a subclass says what that is."""

    __slots__ = ("cells", "places")

    def __init__(self, names: tuple[str, ...], cells: Sequence[float]) -> None:
        self.places, self.cells = places_of(names), array("d", cells)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, name: object) -> bool:
        return name in self.places


class Numbers(Named[float]):
    __slots__ = ()

    def __getitem__(self, name: str) -> float:
        return self.cells[self.places[name]]


def numbers(by_name: Mapping[str, float]) -> Numbers:
    return Numbers(tuple(by_name), list(by_name.values()))


# One for all that have none.
NOTHING: Mapping[str, Any] = numbers({})


def total(many: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """Each name's sum over all that have it."""
    same = [each for each in many if isinstance(each, Numbers)]
    if same and len(same) == len(many) and all(each.places is same[0].places for each in same):
        columns = zip(*(each.cells for each in same), strict=True)
        return Numbers(tuple(same[0]), [sum(column) for column in columns])
    found: dict[str, float] = {}
    for each in many:
        for name, number in each.items():
            found[name] = found.get(name, 0.0) + number
    return numbers(found)
