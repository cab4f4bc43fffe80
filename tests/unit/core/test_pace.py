"""A token bucket lets a burst through and then keeps its rate, in every window of time and not on average alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from meshroll.core.pace import Pace

# Exact in binary, so that no rounding decides.
PACES = some.builds(Pace, some.sampled_from([0.5, 1.0, 4.0, 64.0]), some.integers(1, 20))
# Most come at once, so that there is something to wait for.
GAPS = some.lists(some.sampled_from([0.0, 0.0, 0.0, 1 / 64, 0.25, 3.0, 40.0]), min_size=1, max_size=80)


def sent(pace: Pace, gaps: list[float]) -> list[tuple[float, float]]:
    """(asked at, sent at) of each."""
    now, found = 1000.0, []
    for gap in gaps:
        now += gap
        found.append((now, now + pace.wait_seconds(now)))
    return found


@given(PACES, GAPS)
def test_no_window_has_more_than_the_burst_and_what_its_time_allows(pace: Pace, gaps: list[float]) -> None:
    times = [at for _, at in sent(pace, gaps)]
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= pace.burst + pace.per_second * (times[last] - begin)


@given(PACES, GAPS)
def test_nothing_overtakes_and_nothing_is_sent_before_it_was_asked_for(pace: Pace, gaps: list[float]) -> None:
    found = sent(pace, gaps)
    assert all(asked <= at for asked, at in found)
    assert [at for _, at in found] == sorted(at for _, at in found)


@given(PACES, GAPS)
def test_nothing_waits_that_need_not(pace: Pace, gaps: list[float]) -> None:
    times = []
    for asked, at in sent(pace, gaps):
        # As early as all windows that end with it allow.
        allowed = [
            begin + (len(times) - first + 1 - pace.burst) / pace.per_second
            for first, begin in enumerate(times)
        ]
        assert at == max([asked, *allowed])
        times.append(at)


@pytest.mark.parametrize("burst", [1, 5])
def test_who_has_waited_long_may_send_a_burst_and_no_more(burst: int) -> None:
    pace = Pace(10.0, burst)
    pace.wait_seconds(0.0)
    waits = [pace.wait_seconds(1000.0) for _ in range(burst + 1)]
    assert waits == pytest.approx([0.0] * burst + [0.1])
