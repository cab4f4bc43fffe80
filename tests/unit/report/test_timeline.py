"""The time that plots show."""

from __future__ import annotations

import msgspec
import pytest

from meshroll.core.gate.recording import Recording
from meshroll.core.report.timeline import PAUSE_SECONDS, timeline

from .runs import BEGAN, BEGAN_AT, RESTART, SETTLE, good


def gates() -> list[Recording]:
    return [each for each in good()[1] if each]


def moved(recording: Recording, seconds: float) -> Recording:
    """The same gate, so much later."""
    looks = tuple(
        msgspec.structs.replace(
            look, reading=msgspec.structs.replace(look.reading, at_seconds=look.reading.at_seconds + seconds)
        )
        if look.reading
        else look
        for look in recording.looks
    )
    return msgspec.structs.replace(
        recording, began_at_seconds=recording.began_at_seconds + seconds, looks=looks
    )


def test_restarts_and_settling_come_before_each_gate_and_nothing_is_left_out() -> None:
    time = timeline(BEGAN_AT, gates())
    assert time and time.origin_seconds == BEGAN
    assert [span.kind for span in time.spans] == ["restarting", "settling", "gate"] * 2
    assert [span.gate for span in time.spans if span.kind == "gate"] == [1, 2]
    assert time.spans[0].to_seconds == RESTART
    assert time.spans[1].to_seconds == RESTART + SETTLE
    for span, after in zip(time.spans, time.spans[1:], strict=False):
        assert span.to_seconds == after.from_seconds


def test_after_a_long_pause_only_what_came_later_is_drawn() -> None:
    first, second = gates()
    assert timeline(BEGAN_AT, [first, moved(second, PAUSE_SECONDS - RESTART)]).drawn == (1, 2)  # type: ignore[union-attr]
    time = timeline(BEGAN_AT, [first, moved(second, PAUSE_SECONDS + 1)])
    assert time and time.drawn == (2,)
    assert time.origin_seconds == second.began_at_seconds + PAUSE_SECONDS + 1 - SETTLE
    assert [(span.kind, span.from_seconds) for span in time.spans] == [("settling", 0.0), ("gate", SETTLE)]


def test_a_gate_that_could_not_measure_at_its_end_shows_it() -> None:
    (first, _) = gates()
    failed = msgspec.structs.replace(
        first.looks[-1], elapsed_seconds=first.looks[-1].elapsed_seconds + 30, reading=None, problem="away"
    )
    time = timeline(BEGAN_AT, [msgspec.structs.replace(first, looks=(*first.looks, failed))])
    assert time and time.spans[-1].kind == "not measured"
    assert time.spans[-1].to_seconds - time.spans[-1].from_seconds == pytest.approx(30)


def test_nothing_measured_is_no_timeline() -> None:
    (first, _) = gates()
    blind = msgspec.structs.replace(
        first, looks=tuple(msgspec.structs.replace(look, reading=None) for look in first.looks)
    )
    assert timeline(BEGAN_AT, [None, blind]) is None
    assert timeline(BEGAN_AT, []) is None
