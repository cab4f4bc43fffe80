"""What a run went on with although it was hit, because the inventory accepts it: kept with the run, told by results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from meshroll.core.journal import Record


class Accepted(msgspec.Struct, frozen=True):
    """What a check or a breaking change called ``id`` found, with the reason that the inventory gives."""

    id: str
    text: str
    reason: str
    namespace: str | None = None
    object: str | None = None

    @property
    def line(self) -> str:
        where = f"{self.namespace}: " if self.namespace else ""
        return f"Accepted ({self.id}): {where}{self.text} Reason: {self.reason}"


def accepted_of(record: Record | None) -> Sequence[Accepted]:
    """What the run began with: ``asked["accepted"]``, as msgspec.to_builtins makes it."""
    return msgspec.convert((record.asked.get("accepted") or []) if record else [], list[Accepted])


def still_accepted(records: Iterable[Record]) -> dict[str, str]:
    """Reasons by id that runs began with: whatever goes on with them goes on all the same."""
    return {each.id: each.reason for record in records for each in accepted_of(record)}
