"""Which end a run has come to, and that it is one of those that it may come to."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from faults.estate import Estate, targets
from faults.judge import why_not_fallback, why_not_new, why_not_previous
from sandbox.support import Ran

End = Literal["new", "fallback", "previous"]
OLD: tuple[End, ...] = ("fallback", "previous")
EITHER: tuple[End, ...] = ("new", *OLD)


def end_of(estate: Estate, allowed: tuple[End, ...], ran: Ran, lock_lapses: bool = False) -> End:
    """The end that the namespace is in. Fails with what is wrong for each of those that are allowed.

    ``lock_lapses``: a run was killed before its journal told of it, or when that was closed already, so that the next
    one found nothing to do. Nobody frees its lock, but whoever comes next on this machine takes it at once, and on any
    other after a minute.
    """
    lock_lapses = lock_lapses or any(line.startswith("Nothing to ") for line in ran.cluster["summary"])
    state, target = estate.state(), targets(estate.name, estate.method)["TARGET"]
    if lock_lapses:
        state = replace(state, lease=None)
    judged: dict[End, list[str]] = {
        "new": why_not_new(state, estate.original, target),
        "fallback": why_not_fallback(state, estate.original, target),
        "previous": why_not_previous(state, estate.original),
    }
    for end in allowed:
        if not judged[end]:
            return end
    told = "\n".join(f"not {end}: {'; '.join(judged[end])}" for end in allowed)
    raise AssertionError(f"{told}\nexit code {ran.code}, {ran.codes}, {ran.result['errors']}")
