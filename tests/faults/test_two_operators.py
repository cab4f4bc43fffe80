"""Two operators start at once: one works, and the other is told so and changes nothing."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack

import pytest
from faults.conftest import Figure
from faults.ends import end_of
from faults.estate import Estate, ended
from sandbox.support import Ran

TRIES = 25
"""Of a rollout and a rollback each."""
IN_SHORT: tuple[int, ...] = ()


@pytest.mark.parametrize(
    "attempt",
    [pytest.param(one, marks=() if one in IN_SHORT else pytest.mark.exhaustive) for one in range(TRIES)],
)
def test_exactly_one_works(estate: Estate, figure: Figure, attempt: int) -> None:
    figure.row("two rollouts, then two rollbacks, at once")
    # From none to what a command needs until it takes the lock.
    apart_seconds = random.Random(attempt).uniform(0, 1.0)
    ran = one_of_two(estate, "rollout", apart_seconds)
    end_of(estate, ("new",), ran)
    ran = one_of_two(estate, "rollback", apart_seconds)
    figure.end(end_of(estate, ("fallback",), ran))


def one_of_two(estate: Estate, command: str, apart_seconds: float) -> Ran:
    """The run that worked, when the other one has been refused and names it."""
    with ExitStack() as stack:
        processes = [stack.enter_context(estate.started(command))]
        time.sleep(apart_seconds)
        processes.append(stack.enter_context(estate.started(command)))
        both = [ended(process) for process in processes]
    locked = [ran for ran in both if ran.code == 7]
    assert len(locked) == 1 and locked[0].codes == ["locked"], [(r.code, r.result["errors"]) for r in both]
    worked = both[0] if both[1] is locked[0] else both[1]
    if worked.code == 9:  # it worked, and its gate saw too little of a few seconds
        worked = estate.run_to_end("resume")
    assert worked.code == 0, worked.result["errors"]
    return worked
