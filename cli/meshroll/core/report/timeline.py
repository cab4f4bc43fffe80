"""The time that plots show: from the run's beginning over all its gates, without the hours that it waited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from meshroll.core.gate.recording import Recording
from meshroll.core.report.model import Span

# A run that paused for longer than this is drawn from its last pause on: what came before would be a sliver.
PAUSE_SECONDS = 1800.0


class Timeline(msgspec.Struct, frozen=True):
    """``drawn`` are the gates that plots show, by their number in the run; ``spans`` count from ``origin_seconds``,
    which is Unix time.
    """

    origin_seconds: float
    drawn: tuple[int, ...]
    spans: tuple[Span, ...]


def timeline(started_at: str, recordings: Sequence[Recording | None]) -> Timeline | None:
    """None where nothing was measured. ``started_at`` is when the run began, RFC 3339."""
    by_number = {number: each for number, each in enumerate(recordings, 1) if each and _measured(each)}
    measured = list(by_number)
    if not measured:
        return None
    drawn = [measured[-1]]
    for number in reversed(measured[:-1]):
        if _settling_from(by_number[drawn[0]]) - _until(by_number[number]) > PAUSE_SECONDS:
            break
        drawn.insert(0, number)
    begun = datetime.fromisoformat(started_at).timestamp()
    first = _settling_from(by_number[drawn[0]])
    from_the_start = drawn[0] == measured[0] and 0 <= first - begun <= PAUSE_SECONDS
    origin = begun if from_the_start else first
    return Timeline(origin, tuple(drawn), tuple(_spans({n: by_number[n] for n in drawn}, origin)))


def _spans(drawn: Mapping[int, Recording], origin: float) -> Iterator[Span]:
    until = origin
    for number, recording in drawn.items():
        began = recording.began_at_seconds
        settling = max(_settling_from(recording), until)
        if settling > until:
            yield Span("restarting", until - origin, settling - origin)
        if began > settling:
            yield Span("settling", settling - origin, began - origin)
        until = _until(recording)
        measured_until = max(_measured(recording))
        yield Span("gate", began - origin, until - origin, number, recording.verdict.outcome)
        if measured_until < until:
            yield Span("not measured", measured_until - origin, until - origin)


def _measured(recording: Recording) -> list[float]:
    """When each look that measured something ended. One that did not is made up for by the next one."""
    return [reading.at_seconds for reading in recording.blocks]


def _settling_from(recording: Recording) -> float:
    return recording.began_at_seconds - recording.gate.settle_seconds


def _until(recording: Recording) -> float:
    measured_until = max(_measured(recording))
    failed_at_the_end = recording.looks[-1].reading is None
    elapsed = recording.began_at_seconds + recording.looks[-1].elapsed_seconds
    return max(measured_until, elapsed) if failed_at_the_end else measured_until
