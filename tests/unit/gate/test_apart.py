from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.gate.apart import apart
from meshroll.core.gate.signals import Reading, Signals, Traffic
from meshroll.core.gate.together import together

from .counted import traffic

OMNI, TARIFFS = "Deployment/omni", "Deployment/tariffs"
BLOCK = 30.0


def look(number: int, omni: Traffic | None, tariffs: Traffic | None = None) -> Reading:
    """The look after so many blocks, all of which began at 1000."""
    return Reading(
        at_seconds=1000.0 + number * BLOCK,
        window_seconds=number * BLOCK,
        signals={
            OMNI: Signals(inbound=omni, denied_requests=float(number)),
            TARIFFS: Signals(inbound=tariffs),
        },
        target_up={},
        scrape_age_seconds={},
    )


def growing(steps: Sequence[tuple[int, int]]) -> list[Traffic]:
    """Of each step (requests, how many of them failed) what was counted by then."""
    found, requests, failed = [], 0, 0
    for number, (more, bad) in enumerate(steps, 1):
        requests, failed = requests + more, failed + min(more, bad)
        good = 1 - failed / requests if requests else 1.0
        found.append(traffic(float(requests), good, seconds=number * BLOCK))
    return found


def inbound(block: Reading, workload: str = OMNI) -> tuple[float | None, float]:
    found = block.of(workload).inbound
    assert found is not None
    return found.responses, round(found.failures, 6)


STEPS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=8)


@given(STEPS)
def test_each_block_has_its_own_requests_and_all_of_them_what_the_last_look_had(
    steps: list[tuple[int, int]],
) -> None:
    looks = [look(number, each) for number, each in enumerate(growing(steps), 1)]
    blocks = apart([(each, ()) for each in looks])
    assert [inbound(block) for block in blocks] == [(more, min(more, bad)) for more, bad in steps]
    assert [block.window_seconds for block in blocks] == [BLOCK] * len(steps)
    whole, last = together(blocks), looks[-1]
    assert (whole.window_seconds, inbound(whole)) == (last.window_seconds, inbound(last))
    assert whole.of(OMNI).denied_requests == last.of(OMNI).denied_requests


def test_who_was_measured_by_half_is_counted_by_the_next_whole_look_alone() -> None:
    counted = growing([(100, 0), (100, 100), (100, 0)])
    halves = [(), (TARIFFS,), ()]
    looks = [
        (look(n, each, each), half) for n, (each, half) in enumerate(zip(counted, halves, strict=True), 1)
    ]
    blocks = apart(looks)
    assert [inbound(block) for block in blocks] == [(100, 0), (100, 100), (100, 0)]
    assert TARIFFS not in blocks[1].signals
    assert [inbound(blocks[place], TARIFFS) for place in (0, 2)] == [(100, 0), (200, 100)]


def test_a_counter_that_was_reset_takes_nothing_away() -> None:
    blocks = apart([(look(1, traffic(300.0)), ()), (look(2, traffic(120.0, 0.9)), ())])
    assert inbound(blocks[1]) == (0.0, 0.0)


def test_another_instrument_is_not_taken_from_the_one_before() -> None:
    other = traffic(200.0, source="application metrics (go-grpc-prometheus)")
    blocks = apart([(look(1, other), ()), (look(2, traffic(120.0)), ())])
    assert inbound(blocks[1]) == (120.0, 0.0)


def test_a_look_that_began_at_another_moment_stands_for_those_before_it() -> None:
    moved = msgspec.structs.replace(look(2, traffic(120.0)), window_seconds=BLOCK * 3)
    assert apart([(look(1, traffic(60.0)), ()), (moved, ())]) == [moved]
