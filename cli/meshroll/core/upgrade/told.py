"""An upgrade as a result tells it: how it stands in the calendar, and what became of each hop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from meshroll.core.errors import ExitCode
from meshroll.core.journal import Record
from meshroll.core.upgrade.calendar import Due

HopState = Literal["done", "taken_back", "unfinished", "planned"]


class HopTold(msgspec.Struct, frozen=True):
    """``start`` is called ``from`` in JSON, as the hops of `releases` are."""

    start: str = msgspec.field(name="from")
    to: str
    state: HopState


class UpgradeTold(msgspec.Struct, frozen=True):
    """``due`` is as it was when the run looked."""

    due: Due
    hops: list[HopTold]


def told(due: Any, planned: Sequence[str], record: Record | None, exit_code: ExitCode) -> UpgradeTold:
    """``due`` as plain data; ``planned`` are the releases that the look wanted to go to, ``record`` what was done."""
    calendar = msgspec.convert(due, Due)
    hops = []
    for hop in record.hops if record else []:
        back: HopState = "taken_back" if exit_code == ExitCode.ROLLED_BACK else "unfinished"
        hops.append(HopTold(hop.start, hop.to, "done" if hop.done else back))
    last = hops[-1].to if hops else calendar.release
    for to in planned[len(hops) :]:
        hops.append(HopTold(last, to, "planned"))
        last = to
    return UpgradeTold(calendar, hops)
