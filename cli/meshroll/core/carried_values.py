"""The values of a running release taken over into an upgrade, and held against what the newer chart takes.

Helm keeps what was given to a release, and an upgrade without it would set everything back to the chart's defaults.
What is carried is what Helm has, below it the newer chart's high availability where that is on, above it the inventory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from meshroll.core.breaking_changes import BreakingChange
from meshroll.core.chart_values import CONTROL_PLANE_CHART, merged, private_keys, value_problems
from meshroll.core.errors import Problem
from meshroll.core.known_values import ChartValues, Path, paths, value_at, without
from meshroll.core.releases import Edge

SETTING = "meshroll_control_plane.values"
# Each would keep a part of the older release running under the newer chart.
VERSIONS: tuple[Path, ...] = (
    ("linkerdVersion",),
    ("controllerImageVersion",),
    ("proxy", "image", "version"),
)
# Another one in each release, and nothing that anybody chooses.
NOT_TOLD: frozenset[Path] = frozenset({*VERSIONS, ("proxyInit", "image", "version")})


@dataclass(frozen=True)
class StoredRelease:
    """One revision as Helm keeps it: its chart, and the ``values`` that were given to it, keys among them perhaps."""

    revision: int
    chart: ChartValues
    values: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Carried:
    """``values`` for Helm, not to be used beside ``problems``; ``notes`` are sentences for a plan."""

    values: dict[str, Any] = field(repr=False)
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]


def carry(
    running: StoredRelease,
    chart: ChartValues,
    own: Mapping[str, Any],
    podmonitor: bool,
    changes: Sequence[BreakingChange],
) -> Carried:
    """The values of ``running`` for its control plane's newer ``chart``; ``own`` are the inventory's.

    ``podmonitor``: the inventory has proxies scraped by PodMonitors. ``changes`` are all that are known: a value that
    nothing needs to replace is left out with a note, any other that the newer chart does not take is a problem. As with
    Helm, null in the inventory takes a value away.
    """
    given = merged(running.values, own)
    kept, notes, problems = _kept(given, running, chart, own, changes)
    ha = chart.ha if _is_ha(given, running.chart) else {}
    values = merged(merged(ha, {"podMonitor": {"enabled": True}} if podmonitor else {}), kept)
    return Carried(
        values=values,
        notes=(*notes, *_older_ha(values, running.chart, ha), *_other_defaults(values, running.chart, chart)),
        problems=(
            *_keys(given, own),
            *problems,
            *_pinned(values, chart),
            *value_problems(own, values),
        ),
    )


def unknown_values(own: Mapping[str, Any], chart: ChartValues) -> list[Problem]:
    """What the inventory sets and the chart does not take, for an install: nothing is carried there."""
    cut = {at: None for path in paths(own) if (at := chart.unknown(path, lenient=True))}
    return [_misspelt(at, chart) for at in cut]


def _kept(
    given: dict[str, Any],
    running: StoredRelease,
    chart: ChartValues,
    own: Mapping[str, Any],
    changes: Sequence[BreakingChange],
) -> tuple[dict[str, Any], list[str], list[Problem]]:
    """(what of ``given`` goes on, notes, problems): each value that the chart does not take is judged once."""
    kept, notes, problems = given, [], []
    gone = _gone(chart, changes)
    for at in dict.fromkeys(at for path in paths(given) if (at := _missing(path, chart, gone))):
        value, change = value_at(given, at), gone.get(".".join(at))
        if value is None or _is_default(at, value, running.chart):
            kept = without(kept, at)
        elif change and not change.removed_values[".".join(at)]:
            kept = without(kept, at)
            notes.append(f"{'.'.join(at)} is left out, which changes nothing: {change.text}")
        elif change or running.chart.has(at):
            problems.append(_removed(at, chart, change, value_at(own, at) is not None))
        elif value_at(own, at) is not None and chart.unknown(at, lenient=True):
            problems.append(_misspelt(at, chart))
    return kept, notes, problems


def _missing(path: Path, chart: ChartValues, gone: Mapping[str, BreakingChange]) -> Path | None:
    """The part of ``path`` that the chart does not take, or is known to have given up though it would pass it on."""
    parts = (path[:length] for length in range(1, len(path) + 1))
    given_up = (part for part in parts if ".".join(part) in gone and not chart.has(part))
    return next(given_up, None) or chart.unknown(path)


def _gone(chart: ChartValues, changes: Sequence[BreakingChange]) -> dict[str, BreakingChange]:
    """The changes up to the chart's release by the values that they took away."""
    to = Edge.of_chart(chart.version)
    return {
        name: change
        for change in changes
        if change.edge and Edge.parse(change.edge) <= to
        for name in change.removed_values
    }


def _is_default(at: Path, value: Any, chart: ChartValues) -> bool:
    """Whether nobody chose it: the older chart, or its values for high availability, have the same."""
    if isinstance(value, Mapping) and value:
        return all(_is_default((*at, *path), value_at(value, path), chart) for path in paths(value))
    return value in (value_at(chart.defaults, at), value_at(chart.ha, at))


def _removed(at: Path, chart: ChartValues, change: BreakingChange | None, by_inventory: bool) -> Problem:
    name = ".".join(at)
    instead = change.removed_values[name] if change else chart.nearest(at)
    away = (
        f"take it out of {SETTING}"
        if by_inventory
        else f"to go on without it set {name} to null in {SETTING}"
    )
    return Problem(
        "values-removed",
        f"Chart {chart.version} of {CONTROL_PLANE_CHART} has no {name} any more.",
        f"Set {instead} in its place, if that is what it was for; {away}."
        if instead
        else f"{away[0].upper()}{away[1:]}.",
    )


def _misspelt(at: Path, chart: ChartValues) -> Problem:
    name, nearest = ".".join(at), chart.nearest(at)
    meant = f"Is {nearest} meant? " if nearest and nearest != name else ""
    return Problem(
        "values-unknown",
        f"Chart {chart.version} of {CONTROL_PLANE_CHART} takes no {name}, which {SETTING} sets.",
        f"{meant}Helm would pass over it without a word; take it out, or spell it as the chart does.",
    )


def _keys(given: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys that Helm keeps; those of the inventory are told by value_problems()."""
    of_inventory = set(private_keys(own))
    for name in private_keys(given):
        if name not in of_inventory:
            yield Problem(
                "values-key-in-helm",
                f"Helm keeps a private key with {CONTROL_PLANE_CHART}, at {name} of its values.",
                "Move it into a Secret first, without a restart of workloads: docs/how-to/keys-out-of-helm.md.",
            )


def _pinned(values: Mapping[str, Any], chart: ChartValues) -> Iterator[Problem]:
    edge = str(Edge.of_chart(chart.version))
    for path in VERSIONS:
        value = value_at(values, path)
        if isinstance(value, str) and value.startswith("edge-") and value != edge:
            name = ".".join(path)
            yield Problem(
                "values-version-pinned",
                f"{name} is {value} in the values that are carried over, so {edge} would not run.",
                f"Set {name} to {edge} in {SETTING}; without it the chart takes its own release.",
            )


def _is_ha(values: Mapping[str, Any], chart: ChartValues) -> bool:
    """Whether the chart's values for high availability were given, all of them.

    One of them alone, the flag ``highAvailability`` say, is no reason to set webhooks to Fail and replicas to three.
    """
    return bool(chart.ha) and all(value_at(values, path) is not None for path in paths(chart.ha))


def _older_ha(values: Mapping[str, Any], older: ChartValues, ha: Mapping[str, Any]) -> Iterator[str]:
    """What stays as the older chart's values for high availability had it."""
    for path in paths(ha):
        value = value_at(values, path)
        if value == value_at(older.ha, path) != value_at(ha, path):
            newer = _text(value_at(ha, path))
            yield f"{'.'.join(path)} stays {_text(value)}; the newer chart has {newer} for high availability."


def _other_defaults(values: Mapping[str, Any], older: ChartValues, newer: ChartValues) -> Iterator[str]:
    """Defaults that are others than before, where they count; texts of several lines are left out."""
    for path in paths(newer.defaults):
        before, after = value_at(older.defaults, path), value_at(newer.defaults, path)
        told = (
            path not in NOT_TOLD and value_at(values, path) is None and not isinstance(after, Mapping | list)
        )
        if told and None not in (before, after) and before != after and "\n" not in f"{before}{after}":
            yield f"The chart's {'.'.join(path)} is {_text(after)} by default, and was {_text(before)}."


def _text(value: Any) -> str:
    """As YAML may have it: true, "text"."""
    return msgspec.json.encode(value).decode()
