"""A rollout is killed at each of its writes; whatever is asked for next is what the namespace ends as."""

from __future__ import annotations

import pytest
from faults.conftest import Figure
from faults.ends import EITHER, end_of
from faults.estate import Estate
from faults.fault import Undisturbed
from faults.kills import When, kills, run_killed

WRITES_MAX = 40
"""More than a rollout of the estate makes."""


@kills(WRITES_MAX, in_short=[(7, "after")])
def test_resume_ends_in_the_new_or_the_old_state(
    estate: Estate, figure: Figure, number: int, when: When
) -> None:
    killed = run_killed(estate, number, when, "rollout")
    figure.row("rollout killed at each write, then resume")
    ran = estate.run_to_end("resume")
    assert ran.code in (0, 4), (str(killed), ran.result["errors"])
    figure.end(end_of(estate, EITHER, ran, lock_lapses=not killed.known))


@kills(WRITES_MAX, in_short=[])
def test_rollback_ends_in_the_fallback(estate: Estate, figure: Figure, number: int, when: When) -> None:
    killed = run_killed(estate, number, when, "rollout")
    figure.row("rollout killed at each write, then rollback to fallback")
    ran = estate.run("rollback")
    assert ran.code == 0, (str(killed), ran.result["errors"])
    figure.end(end_of(estate, ("fallback",), ran, lock_lapses=not killed.known))


@kills(WRITES_MAX, in_short=[])
def test_rollback_to_previous_ends_as_before(estate: Estate, figure: Figure, number: int, when: When) -> None:
    killed = run_killed(estate, number, when, "rollout")
    figure.row("rollout killed at each write, then rollback to previous")
    ran = estate.run("rollback", "--to", "previous")
    assert ran.code == 0, (str(killed), ran.result["errors"])
    figure.end(end_of(estate, ("previous",), ran, lock_lapses=not killed.known))


@pytest.mark.exhaustive
def test_no_write_is_beyond_those_that_are_enumerated(estate: Estate) -> None:
    with estate.through.api.disturbed(Undisturbed()):
        ran = estate.run("rollout")
    assert len(estate.through.api.writes) <= WRITES_MAX
    end_of(estate, ("new",), ran)
