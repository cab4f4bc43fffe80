"""How long a fault is there: until it could have been seen to do harm, and no longer than that."""

from __future__ import annotations

import pytest
from unit.drill.looks import BEFORE, BEGAN, at, there

from meshroll.core.drill.looks import Look
from meshroll.core.drill.model import Scenario
from meshroll.core.drill.watch import WATCH_SECONDS_MAX, abort, watched


def ended(scenario: Scenario, *looks: Look) -> bool:
    """With looks a second apart, exact to 2 s."""
    return watched(scenario, BEGAN, BEFORE, looks, 1.0, 2.0)


def test_a_new_pod_is_waited_for_until_it_has_taken_traffic_or_had_the_time_for_it_and_a_look_more() -> None:
    more = (*there(*BEFORE), *there("d", ready_at=BEGAN))
    idle, busy = at(1, {"b": 9}, more), at(2, {"b": 9, "d": 1}, more)
    assert not ended("scale-up", idle)
    assert not ended("scale-up", idle, busy)
    assert ended("scale-up", idle, busy, at(3, {"b": 9, "d": 2}, more))
    assert not ended("scale-up", idle, at(32, {"b": 9}, more), at(33, {"b": 9}, more))
    assert ended("scale-up", idle, at(33, {"b": 9}, more), at(34, {"b": 9}, more))
    assert not ended("scale-up", *(at(seconds, {"a": 9}) for seconds in (1, 2, 60)))


def test_a_pod_that_ends_is_watched_until_it_could_be_seen_to_be_called_on_once_it_is_gone() -> None:
    """Until then it may yet answer what it is sent; what fails afterwards counts."""
    ending = (*there("b", "c"), there("a")[0]._replace(ending=True))
    rest = there("b", "c")
    looks = [at(1, {"b": 9}, ending), at(40, {"b": 99}, ending), at(41, {"b": 99}, rest)]
    assert not ended("scale-down", *looks)
    assert not ended("scale-down", *looks, at(53, {"b": 199}, rest))
    assert ended("scale-down", *looks, at(53, {"b": 199}, rest), at(54, {"b": 209}, rest))


def test_a_deploy_is_watched_until_the_last_old_pod_has_been_gone_for_as_long() -> None:
    # Midway there may be as many pods as are wanted, some of them old.
    mixed = (*there("c"), *there("d", "e", ready_at=BEGAN))
    fresh = there("d", "e", "f", ready_at=BEGAN)
    sent = {"d": 1.0, "e": 1.0, "f": 1.0}
    looks = [at(seconds, sent, mixed) for seconds in (5, 20, 40)]
    assert not ended("rolling-deploy", *looks)
    assert not ended("rolling-deploy", *looks, at(41, sent, fresh), at(53, sent, fresh))
    assert ended("rolling-deploy", *looks, at(41, sent, fresh), at(54, sent, fresh))


@pytest.mark.parametrize("scenario", ["degraded-pod", "partition"])
def test_what_lasts_is_watched_for_as_long_whatever_is_seen(scenario: Scenario) -> None:
    assert not ended(scenario, at(12.9, {"a": 9}))
    assert ended(scenario, at(13, {}))


def test_nothing_is_watched_for_ever() -> None:
    assert ended("scale-up", at(WATCH_SECONDS_MAX, {}))


def aborted(*counts: tuple[float, float], every_seconds: float = 1.0) -> str | None:
    """After looks at (answers, failures) since the fault began."""
    return abort(
        BEGAN,
        [
            at((number + 1) * every_seconds, {"a": sent}, failed=failed)
            for number, (sent, failed) in enumerate(counts)
        ],
    )


def test_many_failures_in_a_row_abort_and_a_few_looks_of_them_do_not() -> None:
    assert aborted((10, 5), (20, 10)) is None
    assert aborted((10, 0), (20, 5), (30, 10)) is None
    assert aborted((10, 0), (20, 5), (30, 10), (40, 10)) is None
    reason = aborted((10, 0), (20, 3), (30, 6), (40, 9))
    assert reason is not None
    assert "20%" in reason
    # No answer at all is no failure.
    assert aborted((10, 0), (10, 0), (10, 0), (10, 0)) is None


@pytest.mark.parametrize("interval_seconds", [2.0, 10.0, 30.0])
def test_also_where_few_looks_fit_into_a_fault_it_is_aborted_before_the_last_of_them(
    interval_seconds: float,
) -> None:
    """What lasts is there for 10 s and two scrapes."""
    reason = aborted((10, 4), (20, 8), every_seconds=interval_seconds)
    assert reason is not None
    assert f"for {2 * interval_seconds:.0f} s" in reason
    assert aborted((10, 4), every_seconds=interval_seconds) is None


def test_another_workload_that_suffers_aborts_at_once() -> None:
    reason = abort(BEGAN, [at(1, {"a": 9}, unready=("tariffs-1",))])
    assert reason is not None
    assert "tariffs-1" in reason
