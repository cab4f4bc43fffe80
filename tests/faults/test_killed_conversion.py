"""As test_killed_rollout, with a Service that is converted in place: in the middle of it, it leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from faults.conftest import Figure, leave
from faults.ends import EITHER, end_of
from faults.estate import Estate, Through, make_estate
from faults.fault import Undisturbed
from faults.kills import When, kills, run_killed

WRITES_MAX = 44
"""More than such a rollout makes."""
numbers = count(1)


@pytest.fixture
def in_place(through: Through) -> Iterator[Estate]:
    """A namespace whose Service is to become a ClusterIP Service itself."""
    estate = make_estate(through, f"in-place-{next(numbers)}", "in_place")
    yield estate
    leave(estate)


@kills(WRITES_MAX, in_short=[])
def test_resume_ends_in_the_new_or_the_old_state(
    in_place: Estate, figure: Figure, number: int, when: When
) -> None:
    killed = run_killed(in_place, number, when, "rollout")
    figure.row("conversion in place killed at each write, then resume")
    ran = in_place.run_to_end("resume")
    assert ran.code in (0, 4), (str(killed), ran.result["errors"])
    figure.end(end_of(in_place, EITHER, ran, lock_lapses=not killed.known))


@kills(WRITES_MAX, in_short=[])
def test_rollback_to_previous_ends_as_before(
    in_place: Estate, figure: Figure, number: int, when: When
) -> None:
    killed = run_killed(in_place, number, when, "rollout")
    figure.row("conversion in place killed at each write, then rollback to previous")
    ran = in_place.run("rollback", "--to", "previous")
    assert ran.code == 0, (str(killed), ran.result["errors"])
    figure.end(end_of(in_place, ("previous",), ran, lock_lapses=not killed.known))


@kills(WRITES_MAX, in_short=[])
def test_rollback_ends_in_the_fallback(in_place: Estate, figure: Figure, number: int, when: When) -> None:
    killed = run_killed(in_place, number, when, "rollout")
    figure.row("conversion in place killed at each write, then rollback to fallback")
    ran = in_place.run("rollback")
    assert ran.code == 0, (str(killed), ran.result["errors"])
    figure.end(end_of(in_place, ("fallback",), ran, lock_lapses=not killed.known))


@pytest.mark.exhaustive
def test_no_write_is_beyond_those_that_are_enumerated(in_place: Estate) -> None:
    with in_place.through.api.disturbed(Undisturbed()):
        ran = in_place.run("rollout")
    assert len(in_place.through.api.writes) <= WRITES_MAX
    end_of(in_place, ("new",), ran)
