"""When a scheduled upgrade may begin: in a window, and in no freeze, by the clocks of the inventory's zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from meshroll.core.settings import WEEKDAYS, Upgrade

# A freeze may be long; one that has no end within this is a decision against upgrades.
_SEARCHED_DAYS = 800
_DAY = timedelta(days=1)


def is_open(upgrade: Upgrade, moment: datetime) -> bool:
    """Whether a scheduled upgrade may begin at ``moment``."""
    if frozen(upgrade, moment):
        return False
    today = moment.astimezone(ZoneInfo(upgrade.timezone)).date()
    return not upgrade.windows or any(
        start <= moment < end for day in (today - _DAY, today) for start, end in _windows_from(upgrade, day)
    )


def frozen(upgrade: Upgrade, moment: datetime) -> str | None:
    """The freeze that ``moment`` is in, as a sentence's end; None where it is in none."""
    day = moment.astimezone(ZoneInfo(upgrade.timezone)).date()
    found = next((each for each in upgrade.freeze if each.first <= day <= each.last), None)
    if found is None:
        return None
    return f"a freeze until {found.last}{f' ({found.reason})' if found.reason else ''}"


def next_opening(upgrade: Upgrade, moment: datetime) -> datetime | None:
    """The first time from ``moment`` on at which one may begin; None where there is none in the next two years."""
    if is_open(upgrade, moment):
        return moment.astimezone(UTC)
    zone = ZoneInfo(upgrade.timezone)
    today = moment.astimezone(zone).date()
    for number in range(-1, _SEARCHED_DAYS):
        day = today + number * _DAY
        # Where a freeze ends in the middle of a window that began the day before, midnight is the first chance.
        midnight = datetime.combine(day, time(), zone).astimezone(UTC)
        chances = [midnight, *(start for start, _ in _windows_from(upgrade, day))]
        found = [each for each in chances if each > moment and is_open(upgrade, each)]
        if found:
            return min(found)
    return None


def _windows_from(upgrade: Upgrade, day: date) -> Iterator[tuple[datetime, datetime]]:
    """Those that start on that day, as (first moment, first moment after it) in UTC.

    Times of one zone are compared by what its clocks show, which is no order in a night on which they change.
    """
    zone = ZoneInfo(upgrade.timezone)
    for window in upgrade.windows:
        if window.days and WEEKDAYS[day.weekday()] not in window.days:
            continue
        starts, ends = time.fromisoformat(window.starts), time.fromisoformat(window.ends)
        last = day if ends > starts else day + _DAY
        yield (
            datetime.combine(day, starts, zone).astimezone(UTC),
            datetime.combine(last, ends, zone).astimezone(UTC),
        )
