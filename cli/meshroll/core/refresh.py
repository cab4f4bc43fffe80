"""A catalogue renewed from what sources say: what is new is added, what was not known is filled in, marks follow.

A mark with a source of somebody's own, or with none, was made by hand: it stays, whatever the sources say. Of the
others the more careful one counts, so that a release that is withdrawn anywhere stays withdrawn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from meshroll.core.releases import UNMARKED, Catalogue, Mark, Release

FACTS = (
    "date",
    "milestone",
    "kubernetes_min",
    "kubernetes_max",
    "gateway_api_min",
    "gateway_api_max",
    "native_sidecar_default",
    "proxy",
)
MARKING = ("mark", "reason", "replacement", "source", "marked_on")
CAREFUL: Mapping[Mark, int] = {"unmarked": 0, "recommended": 1, "not_recommended": 2}


@dataclass(frozen=True)
class Change:
    """One field of a release that differs; ``before`` is None where the release is new or the field was not known.

    ``kept``: ``before`` stays, which is a mark made by hand or the digest of a chart (``charts.linkerd-crds``), and
    ``after`` is what a source says.
    """

    release: str
    field: str
    before: str | None
    after: str
    reason: str | None = None
    kept: bool = False


def renewed(
    catalogue: Catalogue, found: Iterable[Release], automatic: Collection[str]
) -> tuple[Catalogue, list[Change]]:
    """The catalogue with what was found, and each difference, oldest release first.

    ``automatic`` are the names of the sources that nobody's hand is behind.
    """
    rows = {release.edge: release for release in catalogue.releases}
    kept: dict[tuple[str, str], Change] = {}
    for each in found:
        row = rows.setdefault(each.edge, each)
        for name, digest in (each.charts or {}).items():
            pinned = (row.charts or {}).get(name, digest)
            if pinned != digest:
                kept[each.edge, name] = Change(each.edge, f"charts.{name}", pinned, digest, kept=True)
        if each.mark not in (UNMARKED, row.mark) and _by_hand(row, automatic):
            kept[each.edge, each.mark] = Change(
                each.edge, "mark", row.mark, each.mark, each.reason, kept=True
            )
        rows[each.edge] = _merged(row, each, automatic)
    releases = sorted(rows.values(), key=lambda release: release.version)
    changes = []
    for release in releases:
        changes += _differences(catalogue.find(release.version), release)
        changes += [change for (edge, _), change in kept.items() if edge == release.edge]
    return msgspec.structs.replace(catalogue, releases=releases), changes


def _merged(row: Release, found: Release, automatic: Collection[str]) -> Release:
    replaced = {name: getattr(found, name) for name in FACTS if getattr(row, name) is None}
    if found.charts:
        replaced["charts"] = {**found.charts, **(row.charts or {})}
    # A reservation, which is a reason beside no mark, stands against a recommendation.
    reserved = row.mark == UNMARKED and row.reason and found.mark == "recommended"
    if CAREFUL[found.mark] > CAREFUL[row.mark] and not (reserved or _by_hand(row, automatic)):
        replaced |= {name: getattr(found, name) for name in MARKING}
    return msgspec.structs.replace(row, **replaced)


def _by_hand(row: Release, automatic: Collection[str]) -> bool:
    return bool(row.mark != UNMARKED or row.reason) and row.source not in automatic


def _differences(before: Release | None, after: Release) -> list[Change]:
    """None of a new release's unknown fields is one, but its mark is."""
    changes = []
    for name in FACTS:
        old, new = getattr(before, name) if before else None, getattr(after, name)
        if new is not None and new != old:
            changes.append(Change(after.edge, name, _said(old), str(new)))
    pins = (before and before.charts) or {}
    for chart, digest in (after.charts or {}).items():
        if chart not in pins:
            changes.append(Change(after.edge, f"charts.{chart}", None, digest))
    if before is None or after.mark != before.mark:
        mark = before.mark if before else None
        changes.append(Change(after.edge, "mark", mark, after.mark, after.reason or None))
    return changes


def _said(value: Any) -> str | None:
    return None if value is None else str(value)
