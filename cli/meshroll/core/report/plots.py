"""Which signals of a workload are drawn, and their points, block by block."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from meshroll.core.gate.directions import COUNTED
from meshroll.core.gate.evenness import Evenness
from meshroll.core.gate.recording import Recording
from meshroll.core.gate.signals import FAILED, Reading, Signals, Traffic, ratio
from meshroll.core.gate.verdict import Outcome
from meshroll.core.report.model import Line, Load, Plot, Point, Row
from meshroll.core.report.timeline import Timeline
from meshroll.core.settings import Limits

LISTED_PODS = 8
NAMES = {"inbound": "served", "outbound": "calls"}
APPLICATIONS = {
    "application_inbound": "served, by the application",
    "application_outbound": "calls, by the application",
}
_SHARE = re.compile(r"^((?:application_)?(?:outbound_)?)(?:failed_ratio|slower_than_(?P<bound>.+)_ms_ratio)$")

Value = Callable[[Signals], float | None]


def plots_of(
    workload: str,
    rows: Sequence[Row],
    before: Signals,
    drawn: Sequence[Recording],
    time: Timeline,
) -> tuple[Plot, ...]:
    """Success, p99, requests a second and balance; and first, where it failed by something else, that share.

    ``drawn`` are the gates of its namespace that the plots show.
    """
    if not drawn:
        return ()
    limits = drawn[-1].gate.limits
    plots = [
        *(_share_plot(row, workload, drawn, time) for row in rows if _decides(row, rows)),
        _traffic_plot(
            "success_ratio", lambda traffic: traffic.success_ratio, workload, before, drawn, time, limits
        ),
        _traffic_plot(
            "latency_p99_ms",
            lambda traffic: traffic.latency_ms("latency_p99_ms"),
            workload,
            before,
            drawn,
            time,
            limits,
        ),
        _traffic_plot(
            "requests_per_second",
            lambda traffic: traffic.requests_per_second,
            workload,
            before,
            drawn,
            time,
            limits,
        ),
        _balance_plot(rows, workload, drawn, time),
    ]
    return tuple(plot for plot in plots if plot and plot.lines)


def _decides(row: Row, rows: Sequence[Row]) -> bool:
    """Whether it failed by a share that no other plot shows: how many failed is seen in the success ratio."""
    shown = any(each.outcome == Outcome.FAILED and each.signal.endswith("success_ratio") for each in rows)
    found = _SHARE.match(row.signal)
    return row.outcome == Outcome.FAILED and bool(found and (found["bound"] or not shown))


def _share_plot(row: Row, workload: str, drawn: Sequence[Recording], time: Timeline) -> Plot:
    found = _SHARE.match(row.signal)
    assert found
    attribute = COUNTED[found[1]]
    name = found["bound"] or FAILED

    def value(signals: Signals) -> float | None:
        traffic: Traffic | None = getattr(signals, attribute)
        if traffic is None:
            return None
        total, bad = traffic.counts(name)
        return ratio(bad, total)

    lines = _lines({{**NAMES, **APPLICATIONS}[attribute]: value}, workload, drawn, time)
    return Plot(signal=row.signal, lines=lines, limit=row.limit, before=row.before)


def _traffic_plot(
    signal: str,
    of: Callable[[Traffic], float | None],
    workload: str,
    before: Signals,
    drawn: Sequence[Recording],
    time: Timeline,
    limits: Limits,
) -> Plot:
    def by(attribute: str) -> Value:
        def value(signals: Signals) -> float | None:
            traffic: Traffic | None = getattr(signals, attribute)
            return of(traffic) if traffic else None

        return value

    lines = _lines({name: by(attribute) for attribute, name in NAMES.items()}, workload, drawn, time)
    limit: float | None = getattr(
        limits, f"{signal}_min" if signal == "success_ratio" else f"{signal}_max", None
    )
    return Plot(signal=signal, lines=lines, limit=limit, before=_level(lines, of, workload, before, drawn))


def _level(
    lines: Sequence[Line],
    of: Callable[[Traffic], float | None],
    workload: str,
    before: Signals,
    drawn: Sequence[Recording],
) -> float | None:
    """What the first line was before, where the same instrument counted it."""
    attribute = next((key for key, name in NAMES.items() if lines and lines[0].name == name), "inbound")
    past: Traffic | None = getattr(before, attribute)
    sources = {
        traffic.source
        for recording in drawn
        for reading in recording.readings
        if (traffic := getattr(reading.of(workload), attribute))
    }
    return of(past) if past and sources == {past.source} else None


def _balance_plot(
    rows: Sequence[Row], workload: str, drawn: Sequence[Recording], time: Timeline
) -> Plot | None:
    row = next((row for row in rows if row.signal == "busiest_pod_to_mean"), None)
    if row is None:
        return None

    def value(signals: Signals) -> float | None:
        return signals.load.busiest_to_mean if signals.load else None

    return Plot(
        signal=row.signal,
        lines=_lines({"busiest pod": value}, workload, drawn, time),
        limit=row.limit if row.outcome else None,
        before=row.before if row.like_for_like else None,
    )


def _lines(
    values: dict[str, Value], workload: str, drawn: Sequence[Recording], time: Timeline
) -> tuple[Line, ...]:
    """A line for each that has a value at all, broken between gates."""
    lines = []
    for name, value in values.items():
        points: list[Point] = []
        for recording in drawn:
            points.append(Point(recording.began_at_seconds - time.origin_seconds, None))
            points += [_point(reading, workload, value, time) for reading in recording.readings]
        if any(point.value is not None for point in points):
            lines.append(Line(name, tuple(points)))
    return tuple(lines)


def _point(reading: Reading, workload: str, value: Value, time: Timeline) -> Point:
    return Point(reading.at_seconds - time.origin_seconds, value(reading.of(workload)))


def load_of(load: Evenness | None) -> Load | None:
    """The busiest pods, and the rest as one."""
    if load is None:
        return None
    pods = sorted(load.by_pod.items(), key=lambda pod: (-pod[1], pod[0]))
    return Load(
        unit=load.unit,
        source=load.source,
        pods=tuple(pods[:LISTED_PODS]),
        rest_pods=len(pods[LISTED_PODS:]),
        rest=sum(value for _, value in pods[LISTED_PODS:]),
        busiest_to_mean=load.busiest_to_mean,
    )
