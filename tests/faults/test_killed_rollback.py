"""A rollback is killed at each of its writes; resume and another rollback both come to the end that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from faults.conftest import Figure, leave
from faults.ends import end_of
from faults.estate import Estate
from faults.fault import Undisturbed
from faults.kills import When, kills, run_killed

WRITES_MAX = 28
"""More than a rollback of the estate makes."""


@pytest.fixture
def meshed(estates: Callable[[], Estate]) -> Iterator[Estate]:
    """A namespace that was rolled out."""
    estate = estates()
    ran = estate.run_to_end("rollout")
    assert ran.code == 0, ran.result["errors"]
    yield estate
    leave(estate)


@kills(WRITES_MAX, in_short=[])
def test_resume_ends_in_the_fallback(meshed: Estate, figure: Figure, number: int, when: When) -> None:
    killed = run_killed(meshed, number, when, "rollback")
    figure.row("rollback killed at each write, then resume")
    ran = meshed.run_to_end("resume")
    assert ran.code == 0, (str(killed), ran.result["errors"])
    figure.end(end_of(meshed, ("fallback",) if killed.known else ("new", "fallback"), ran, not killed.known))


@kills(WRITES_MAX, in_short=[])
def test_rollback_again_ends_in_the_fallback(meshed: Estate, figure: Figure, number: int, when: When) -> None:
    killed = run_killed(meshed, number, when, "rollback")
    figure.row("rollback killed at each write, then rollback")
    ran = meshed.run("rollback")
    assert ran.code == 0, (str(killed), ran.result["errors"])
    figure.end(end_of(meshed, ("fallback",), ran))


@kills(WRITES_MAX, in_short=[])
def test_resume_of_a_way_to_previous_ends_as_before(
    meshed: Estate, figure: Figure, number: int, when: When
) -> None:
    killed = run_killed(meshed, number, when, "rollback", "--to", "previous")
    figure.row("rollback to previous killed at each write, then resume")
    ran = meshed.run_to_end("resume")
    assert ran.code == 0, (str(killed), ran.result["errors"])
    figure.end(end_of(meshed, ("previous",) if killed.known else ("new", "previous"), ran, not killed.known))


@pytest.mark.exhaustive
def test_no_write_is_beyond_those_that_are_enumerated(meshed: Estate) -> None:
    with meshed.through.api.disturbed(Undisturbed()):
        ran = meshed.run("rollback")
    assert len(meshed.through.api.writes) <= WRITES_MAX
    end_of(meshed, ("fallback",), ran)
