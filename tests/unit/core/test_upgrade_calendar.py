"""When an upgrade is due and when a scheduled one may begin, also on nights on which clocks change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from unit.core.factories import cluster, settings
from unit.core.release_cases import CATALOGUE

from meshroll.core.eks_facts import Support
from meshroll.core.errors import Refused
from meshroll.core.journal import HopTaken, Record
from meshroll.core.model import ControlPlane
from meshroll.core.releases import Catalogue, Edge, Release
from meshroll.core.settings import WEEKDAYS, Upgrade
from meshroll.core.upgrade.calendar import (
    OVERDUE_AFTER,
    Due,
    calendar_of,
    due,
    installed_edge,
    rests_since,
)
from meshroll.core.upgrade.windows import frozen, is_open, next_opening

QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
# Clocks change in the nights to 29 March and 25 October 2026 in Berlin, to 8 March and 1 November in New York.
CHANGES = {
    "UTC": (),
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
}
SPANS = ((date(2026, 3, 5), 40), (date(2026, 10, 20), 20), (date(2026, 6, 1), 20))
CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
WINDOWS = st.builds(
    lambda clocks, days: {"starts": clocks[0], "ends": clocks[1], "days": days},
    st.tuples(CLOCKS, CLOCKS).filter(lambda clocks: clocks[0] != clocks[1]),
    st.lists(st.sampled_from(WEEKDAYS), unique=True, max_size=3),
)
DAYS = st.sampled_from(SPANS).flatmap(
    lambda span: st.integers(0, span[1]).map(lambda number: span[0] + number * DAY)
)
FREEZES = st.builds(
    lambda first, length: {"first": first, "last": first + length * DAY}, DAYS, st.integers(0, 6)
)
UPGRADES = st.builds(
    lambda zone, windows, freezes: msgspec.convert(
        {"timezone": zone, "windows": windows, "freeze": freezes}, Upgrade
    ),
    st.sampled_from(sorted(CHANGES)),
    st.lists(WINDOWS, max_size=2),
    st.lists(FREEZES, max_size=2),
)
MOMENTS = st.builds(
    lambda day, number: datetime(day.year, day.month, day.day, tzinfo=UTC) + number * QUARTER,
    DAYS,
    st.integers(0, 95),
)
NIGHTS = st.sampled_from([(zone, change) for zone, days in CHANGES.items() for change in days])
IN_SUCH_A_NIGHT = st.builds(
    lambda night, clocks, number: (
        upgrade(window(*clocks), zone=night[0]),
        datetime(night[1].year, night[1].month, night[1].day, tzinfo=UTC) + number * QUARTER,
    ),
    NIGHTS,
    st.lists(st.sampled_from(["01:45", "02:15", "02:30", "03:15"]), min_size=2, max_size=2, unique=True),
    st.integers(-8, 48),
)


def upgrade(*windows: dict[str, Any], zone: str = "Europe/Berlin", **others: Any) -> Upgrade:
    return msgspec.convert({"timezone": zone, "windows": list(windows), **others}, Upgrade)


def window(starts: str, ends: str, *days: str) -> dict[str, Any]:
    return {"starts": starts, "ends": ends, "days": list(days)}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def opens(found: Upgrade, moment: str) -> str | None:
    opening = next_opening(found, utc(moment))
    return f"{opening:%Y-%m-%dT%H:%M}" if opening else None


@hypothesis(max_examples=200)
@given(st.tuples(UPGRADES, MOMENTS) | IN_SUCH_A_NIGHT)
def test_the_next_opening_is_open_and_nothing_before_it_is(case: tuple[Upgrade, datetime]) -> None:
    found, moment = case
    opening = next_opening(found, moment)
    until = min(opening, moment + 9 * DAY) if opening else moment + 9 * DAY
    while moment < until:
        assert not is_open(found, moment), moment
        moment += QUARTER
    assert opening is None or is_open(found, opening)


@given(UPGRADES, MOMENTS)
def test_on_days_without_a_change_of_clocks_a_window_is_what_a_clock_on_the_wall_says(
    found: Upgrade, moment: datetime
) -> None:
    wall = moment.astimezone(ZoneInfo(found.timezone)).replace(tzinfo=None)
    if any(abs(wall.date() - change) <= DAY for change in CHANGES[found.timezone]):
        return
    clock, today, yesterday = f"{wall:%H:%M}", wall.weekday(), (wall - DAY).weekday()
    inside = not found.windows or any(
        (on(each.days, today) and each.starts <= clock < each.ends)
        if each.starts < each.ends
        else (on(each.days, today) and clock >= each.starts)
        or (on(each.days, yesterday) and clock < each.ends)
        for each in found.windows
    )
    cold = any(each.first <= wall.date() <= each.last for each in found.freeze)
    assert is_open(found, moment) == (inside and not cold)


def on(days: list[Any], number: int) -> bool:
    return not days or WEEKDAYS[number] in days


@given(UPGRADES, MOMENTS, st.sampled_from(sorted(CHANGES)))
def test_it_is_the_moment_that_counts_and_not_the_clock_that_it_is_told_by(
    found: Upgrade, moment: datetime, zone: str
) -> None:
    there = moment.astimezone(ZoneInfo(zone))
    assert is_open(found, there) == is_open(found, moment)
    assert next_opening(found, there) == next_opening(found, moment)


def test_a_window_that_the_change_of_clocks_leaves_out_costs_that_night_and_no_more() -> None:
    """02:30 is not there on 29 March in Berlin; at 03:15 the window is over."""
    found = upgrade(window("02:30", "03:15"))
    assert opens(found, "2026-03-28T12:00") == "2026-03-30T00:30"


def test_a_window_over_the_hour_that_is_left_out_is_an_hour_shorter() -> None:
    found = upgrade(window("01:00", "05:00"))
    assert [is_open(found, utc(f"2026-03-29T0{hour}:30")) for hour in range(4)] == [True, True, True, False]


def test_a_window_over_the_hour_that_comes_twice_is_an_hour_longer() -> None:
    found = upgrade(window("01:00", "05:00"), zone="America/New_York")
    expected = [False, True, True, True, True, True, False]
    assert [is_open(found, utc(f"2026-11-01T{hour:02}:30")) for hour in range(4, 11)] == expected


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    found = upgrade(window("22:00", "04:00", "fri"))
    assert opens(found, "2026-06-01T00:00") == "2026-06-05T20:00"
    assert is_open(found, utc("2026-06-06T01:30")), "on Saturday"
    assert not is_open(found, utc("2026-06-06T20:30"))


def test_a_freeze_ends_a_window_at_midnight_and_its_own_end_opens_one_in_the_middle() -> None:
    frosty = upgrade(window("22:00", "04:00"), freeze=[{"first": date(2026, 6, 3), "last": date(2026, 6, 4)}])
    assert is_open(frosty, utc("2026-06-02T21:45"))
    assert not is_open(frosty, utc("2026-06-02T22:00"))
    assert opens(frosty, "2026-06-03T00:00") == "2026-06-04T22:00"


def test_without_windows_any_time_will_do_but_for_freezes() -> None:
    frosty = upgrade(freeze=[{"first": date(2026, 6, 3), "last": date(2026, 6, 3), "reason": "fair"}])
    assert opens(frosty, "2026-06-02T10:00") == "2026-06-02T10:00"
    assert opens(frosty, "2026-06-03T10:00") == "2026-06-03T22:00"
    assert frozen(frosty, utc("2026-06-03T10:00")) == "a freeze until 2026-06-03 (fair)"
    assert frozen(frosty, utc("2026-06-03T22:00")) is None


def test_a_freeze_without_an_end_never_opens() -> None:
    frosty = upgrade(freeze=[{"first": date(2026, 1, 1), "last": date(2036, 1, 1)}])
    assert opens(frosty, "2026-06-02T10:00") is None


RUNNING = Release(edge="edge-25.10.7", date=date(2025, 10, 31), milestone="2.19", mark="recommended")
TARGET = Release(edge="edge-26.6.3", date=date(2026, 6, 20), milestone="2.20", mark="recommended")
NOW = utc("2026-08-01T12:00")


def standing(
    now: datetime = NOW,
    target: Release | None = TARGET,
    changed_at: datetime | None = None,
    running: Release = RUNNING,
    unfinished: str | None = None,
    age_days: int = 0,
    **asked: Any,
) -> Due:
    inventory = settings(upgrade=asked, release={"minimum_age_days": age_days})
    return due(running, target, changed_at, inventory, now, unfinished)


def test_an_upgrade_is_due_once_the_release_is_old_enough_and_the_cluster_has_rested() -> None:
    rested = {"changed_at": utc("2026-05-01T00:00"), "interval_days": 90}
    assert standing(**rested).since == "2026-07-30T00:00:00Z"
    assert standing(**rested, age_days=45).since == "2026-08-04T00:00:00Z"
    assert standing(**rested, age_days=45).state == "waiting"
    assert standing(changed_at=None).since == "2026-06-20T00:00:00Z", "nobody knows of a change: long ago"


@given(
    st.integers(-400, 400),
    st.integers(0, 200),
    st.integers(0, 90),
    st.booleans(),
    st.lists(WINDOWS, max_size=1),
)
def test_an_upgrade_waits_then_is_due_then_overdue_and_may_begin_when_a_window_is_open(
    hours: int, interval_days: int, age_days: int, withdrawn: bool, windows: list[dict[str, Any]]
) -> None:
    asked = {"interval_days": interval_days, "windows": windows, "timezone": "Europe/Berlin"}
    running = msgspec.structs.replace(RUNNING, mark="not_recommended", reason="It leaks.")
    how = {
        "running": running if withdrawn else RUNNING,
        "changed_at": utc("2026-05-01T00:00"),
        "age_days": age_days,
        **asked,
    }
    since = datetime.fromisoformat(str(standing(**how).since))
    found = standing(now=(now := since + timedelta(hours=hours * 3)), **how)
    late = now - since
    assert found.state == ("waiting" if late < 0 * DAY else "overdue" if late > OVERDUE_AFTER else "due")
    assert found.to_begin == (late >= 0 * DAY)
    assert found.next_start is not None
    opening = datetime.fromisoformat(found.next_start)
    assert opening >= max(now, since)
    assert is_open(msgspec.convert(asked, Upgrade), opening)
    assert ("It leaks." in found.why) == withdrawn
    if withdrawn:
        assert since == utc("2026-06-20T00:00") + age_days * DAY, "a release that is withdrawn has no rest"


@pytest.mark.parametrize("target", [None, RUNNING, Release(edge="edge-25.8.5")])
def test_there_is_nothing_to_begin_where_policy_picks_nothing_newer(target: Release | None) -> None:
    found = standing(target=target)
    assert (found.state, found.to_begin, found.since, found.next_start) == ("current", False, None, None)
    assert found.why == "Policy picks nothing newer than edge-25.10.7."


def test_an_upgrade_that_did_not_end_is_no_matter_of_the_calendar() -> None:
    found = standing(unfinished="r1")
    assert (found.state, found.to_begin) == ("unfinished", False)
    assert found.why == "Upgrade r1 did not come to its end."


def test_a_clock_that_goes_backwards_makes_an_upgrade_wait() -> None:
    found = standing(changed_at=NOW + 3 * DAY, interval_days=0)
    assert (found.state, found.since) == ("waiting", "2026-08-04T12:00:00Z")


def test_a_release_that_comes_later_makes_an_upgrade_no_less_overdue() -> None:
    """Each week has its edge: one that is always due since last week would never be overdue."""
    first, later = (
        Release(edge=edge, date=day, mark="recommended", marked_on=marked)
        for edge, day, marked in (
            ("edge-26.2.1", date(2026, 2, 5), date(2026, 2, 20)),
            ("edge-26.7.4", date(2026, 7, 28), None),
        )
    )
    withdrawn = Release(edge="edge-26.1.1", date=date(2026, 1, 8), mark="not_recommended", reason="It leaks.")
    known = Catalogue(NOW.date(), {}, [RUNNING, withdrawn, first, later])

    def since(**policy: Any) -> tuple[str, str | None]:
        inventory = settings(release=policy)
        view = cluster(plane=PLANE, kubernetes="v1.33.1")
        found = calendar_of(view, None, (), inventory, known, {}, NOW)
        assert found
        return found.state, found.since

    assert since() == ("overdue", "2026-02-20T00:00:00Z")
    assert since(minimum_age_days=30) == ("overdue", "2026-03-07T00:00:00Z")
    assert since(channel="edge-26.7.4") == ("due", "2026-07-28T00:00:00Z")
    assert since(deny=["edge-26.2.1"]) == ("due", "2026-07-28T00:00:00Z")


def ended(state: str, on: str, *hops: HopTaken) -> Record:
    return Record(
        run_id=f"r{on}",
        command="upgrade",
        holder="someone",
        namespaces=["charging"],
        started_at=f"2026-{on}T00:00:00Z",
        finished_at=f"2026-{on}T01:00:00Z",
        state=state,  # type: ignore[arg-type]
        hops=list(hops),
    )


def killed(on: str, *hops: HopTaken) -> Record:
    return msgspec.structs.replace(ended("running", on, *hops), finished_at=None)


DONE = HopTaken("edge-25.10.7", "edge-26.6.3", 1, 0, done=True)
BACK = HopTaken("edge-26.6.3", "edge-26.8.3", 2, 0)
CAUGHT_UP = HopTaken("edge-26.6.3", "edge-26.6.3", None, 0, done=True)
# What Helm says after each: the way back is a change to it too.
HELM = utc("2026-07-01T00:30")


@pytest.mark.parametrize(
    ("records", "since"),
    [
        ([], HELM),
        ([ended("succeeded", "07-01", DONE)], utc("2026-07-01T01:00")),
        ([ended("succeeded", "06-01", DONE)], HELM),
        ([ended("rolled_back", "07-01", BACK), ended("succeeded", "06-01", DONE)], utc("2026-06-01T01:00")),
        ([ended("rolled_back", "07-01", DONE, BACK)], utc("2026-07-01T01:00")),
        ([ended("rolled_back", "07-01", BACK), killed("06-30", DONE, BACK)], utc("2026-06-30T00:00")),
        ([ended("succeeded", "07-01", CAUGHT_UP)], HELM),
        ([ended("rolled_back", "07-01", BACK)], None),
    ],
    ids=[
        "by Helm alone",
        "by an upgrade",
        "by somebody after an upgrade",
        "not by a hop that was taken back",
        "by the hop before the one that was taken back",
        "by a hop of a run that was killed",
        "by Helm before proxies were brought up",
        "not by the only hop, which was taken back",
    ],
)
def test_the_rest_begins_when_the_control_plane_last_became_another(
    records: list[Record], since: datetime | None
) -> None:
    assert rests_since(HELM, records) == since


def test_without_helms_word_the_journal_tells_when_the_rest_began() -> None:
    assert rests_since(None, [ended("succeeded", "07-01", DONE)]) == utc("2026-07-01T01:00")
    assert rests_since(None, []) is None


SUPPORTS = {"1.33": Support(date(2026, 9, 1), date(2027, 9, 1))}
PLANE = ControlPlane(True, "linkerd", "edge-25.10.7", injectors_ready=2)


def told(release: str | None = "edge-25.10.7", records: tuple[Record, ...] = (), **policy: Any) -> Due | None:
    plane = replace(PLANE, installed=release is not None, release=release)
    inventory = settings(release=policy)
    view = cluster(plane=plane, kubernetes="v1.33.1-eks-1")
    return calendar_of(view, None, records, inventory, CATALOGUE, SUPPORTS, NOW)


def test_status_tells_of_the_release_that_policy_picks_or_of_none() -> None:
    found = told()
    assert found and (found.state, found.target) == ("overdue", "edge-26.6.3")
    found = told(deny=[release.edge for release in CATALOGUE.releases])
    assert found and (found.state, found.target) == ("current", None)


def test_status_tells_of_what_ends_beside_the_upgrade() -> None:
    found = told()
    assert found and [each.is_renewed for each in found.deadlines] == [False, False]
    assert found.why.endswith("Standard support of Kubernetes 1.33 on EKS ends on 2026-09-01.")


def test_status_tells_of_an_upgrade_that_did_not_end() -> None:
    found = told(records=(ended("interrupted", "07-01", BACK),))
    assert found and found.state == "unfinished"


@pytest.mark.parametrize(
    "release", [None, "stable-2.14.10", "enterprise-2.18.1", "edge-26.6.3-fork", "dev-1"]
)
def test_of_a_mesh_that_is_no_edge_release_no_upgrade_is_told_and_none_begins(release: str | None) -> None:
    assert told(release) is None
    with pytest.raises(Refused):
        installed_edge(cluster(plane=replace(PLANE, installed=release is not None, release=release)))


def test_the_release_that_runs_is_the_control_planes() -> None:
    assert installed_edge(cluster(plane=PLANE)) == Edge(25, 10, 7)
