"""Which signals of a workload are drawn, and their points, block by block."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from meshroll.core.gate.directions import COUNTED, DIRECTIONS, prefix_of, said, traffic_of
from meshroll.core.gate.evenness import Evenness
from meshroll.core.gate.recording import Recording
from meshroll.core.gate.signals import FAILED, Signals, Traffic, ratio
from meshroll.core.gate.verdict import Outcome
from meshroll.core.report.model import Line, Load, Plot, Point, Row
from meshroll.core.report.timeline import Timeline

LISTED_PODS = 8
# What a line is called, by what it is of.
NAMES = {attribute: ", ".join(part for part in said(prefix) if part) for prefix, attribute in COUNTED.items()}
_SHARE = re.compile(r"failed_ratio|slower_than_(?P<bound>.+)_ms_ratio")

Value = Callable[[Signals], float | None]
OfTraffic = Callable[[Traffic], float | None]


class Watched(msgspec.Struct, frozen=True):
    """One workload over the gates of its namespace that plots show; ``before`` are its signals from before the run."""

    workload: str
    before: Signals
    gates: Sequence[Recording]
    time: Timeline


def plots_of(watched: Watched, rows: Sequence[Row]) -> tuple[Plot, ...]:
    """Success, p99, requests a second and balance; and first, where it failed by something else, that share."""
    if not watched.gates:
        return ()
    limits = watched.gates[-1].gate.limits
    plots = [
        *(_share_plot(row, watched) for row in rows if _decides(row, rows)),
        _traffic_plot(
            "success_ratio", lambda traffic: traffic.success_ratio, watched, limits.success_ratio_min
        ),
        _traffic_plot(
            "latency_p99_ms",
            lambda traffic: traffic.latency_ms("latency_p99_ms"),
            watched,
            limits.latency_p99_ms_max,
        ),
        _traffic_plot("requests_per_second", lambda traffic: traffic.requests_per_second, watched, None),
        *(_balance_plot(row, watched) for row in rows if row.signal == "busiest_pod_to_mean"),
    ]
    return tuple(plot for plot in plots if plot.lines)


def _decides(row: Row, rows: Sequence[Row]) -> bool:
    """Whether it failed by a share that no other plot shows: how many failed is seen in the success ratio."""
    shown = any(each.outcome == Outcome.FAILED and each.signal.endswith("success_ratio") for each in rows)
    share = _share_of(row.signal)
    return row.outcome == Outcome.FAILED and share is not None and not (shown and share == FAILED)


def _share_of(signal: str) -> str | None:
    """Its name among a traffic's counts; None where the signal is no share that is compared with before."""
    found = _SHARE.fullmatch(signal.removeprefix(prefix_of(signal)))
    return (found["bound"] or FAILED) if found else None


def _share_plot(row: Row, watched: Watched) -> Plot:
    attribute = COUNTED[prefix_of(row.signal)]
    share = _share_of(row.signal) or FAILED

    def bad_ratio(traffic: Traffic) -> float | None:
        total, bad = traffic.counts(share)
        return ratio(bad, total)

    lines = _lines({NAMES[attribute]: _by(attribute, bad_ratio)}, watched)
    return Plot(signal=row.signal, lines=lines, limit=row.limit, before=row.before)


def _traffic_plot(signal: str, of: OfTraffic, watched: Watched, limit: float | None) -> Plot:
    """A line a direction; the level from before is that of the first of them, where one instrument counted both."""
    lines = _lines({NAMES[attribute]: _by(attribute, of) for attribute in DIRECTIONS.values()}, watched)
    first = next((each for each in DIRECTIONS.values() if lines and NAMES[each] == lines[0].name), "inbound")
    past = traffic_of(watched.before, first)
    seen = [
        traffic_of(reading.of(watched.workload), first)
        for gate in watched.gates
        for reading in gate.blocks_of(watched.workload)
    ]
    alike = past is not None and {traffic.source for traffic in seen if traffic} == {past.source}
    return Plot(signal=signal, lines=lines, limit=limit, before=of(past) if past and alike else None)


def _balance_plot(row: Row, watched: Watched) -> Plot:
    def busiest(signals: Signals) -> float | None:
        return signals.load.busiest_to_mean if signals.load else None

    return Plot(
        signal=row.signal,
        lines=_lines({"busiest pod": busiest}, watched),
        limit=row.limit if row.outcome else None,
        before=row.before if row.like_for_like else None,
    )


def _by(attribute: str, of: OfTraffic) -> Value:
    def value(signals: Signals) -> float | None:
        traffic = traffic_of(signals, attribute)
        return of(traffic) if traffic else None

    return value


def _lines(values: Mapping[str, Value], watched: Watched) -> tuple[Line, ...]:
    """A line for each that has a value at all, broken between gates."""
    lines = []
    origin = watched.time.origin_seconds
    for name, value in values.items():
        points: list[Point] = []
        for gate in watched.gates:
            points.append(Point(gate.began_at_seconds - origin, None))
            points += [
                Point(reading.at_seconds - origin, value(reading.of(watched.workload)))
                for reading in gate.blocks_of(watched.workload)
            ]
        if any(point.value is not None for point in points):
            lines.append(Line(name, tuple(points)))
    return tuple(lines)


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
