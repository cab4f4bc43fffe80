"""A scanner is a row: the id of a breaking change, and a pure function from the facts to what of them it hits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from meshroll.core.facts import Facts

NAMED_MAX = 3


@dataclass(frozen=True)
class Hit:
    """Something that a change hits. ``fix`` is what to do about this one; "": what the change's own fix says."""

    text: str
    namespace: str | None = None
    object: str | None = None
    fix: str = ""


# Yields what it finds and raises Unseen, at its end too, for what it could not look at.
Scanner = Callable[[Facts], Iterator[Hit]]


def listed(names: Iterable[str]) -> str:
    """``a, b, c and 4 more``."""
    known: Sequence[str] = sorted(set(names))
    more = len(known) - NAMED_MAX
    if more <= 1:
        return ", ".join(known)
    return f"{', '.join(known[:NAMED_MAX])} and {more} more"


def by_namespace(found: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """(namespace, object) pairs as the objects of each namespace, both in order."""
    spaces: dict[str, list[str]] = {}
    for namespace, name in sorted(set(found)):
        spaces.setdefault(namespace, []).append(name)
    return spaces


def one(names: Sequence[str]) -> str | None:
    """The object that a hit is about, where it is about one."""
    return names[0] if len(names) == 1 else None
