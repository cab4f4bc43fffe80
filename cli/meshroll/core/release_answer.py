"""What `meshroll releases` answers, as data: each release with its reasons, the pick, and the way there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from meshroll.core.breaking_changes import BreakingChange
from meshroll.core.errors import MeshrollError
from meshroll.core.extensions import steps
from meshroll.core.hops import Hop, describe, plan_hops
from meshroll.core.release_policy import Bounds, Held, choose, survey
from meshroll.core.releases import Catalogue, Edge
from meshroll.core.scan import Facts, Scanned, as_dict, idle, refuse_unknown, scan
from meshroll.core.settings import Acceptance


@dataclass(frozen=True)
class Seen:
    """What a cluster has: the release that runs (None: no Linkerd), what scanners go by, and where charts come from."""

    installed: Edge | None
    facts: Facts
    chart_source: str

    @property
    def gateway_api_version(self) -> str | None:
        return self.facts.view.gateway_api_version


def answer(
    catalogue: Catalogue,
    bounds: Bounds,
    changes: Sequence[BreakingChange],
    seen: Seen | None,
    accepted: Sequence[Acceptance] = (),
) -> tuple[dict[str, Any], MeshrollError | None]:
    """The answer, and what stands in the way where no release is picked.

    ``seen`` is None where no cluster was asked. Raises UsageError where ``accepted`` has what is no breaking change.
    """
    refuse_unknown(accepted, changes)
    picked, error = None, None
    try:
        picked = choose(catalogue, bounds).edge
    except MeshrollError as nothing:
        error = nothing
    installed = seen.installed if seen else None
    hops: list[dict[str, Any]] = []
    notes: list[str] = []
    refused: dict[str, Any] | None = None
    if seen and installed and picked:
        try:
            route = plan_hops(installed, picked, catalogue, bounds)
            found = describe(
                installed, route, catalogue, changes, bounds.kubernetes_version, seen.gateway_api_version
            )
            scans = [scan(hop.changes, seen.facts, accepted) for hop in found]
            hops = [_hop(hop, scanned, seen) for hop, scanned in zip(found, scans, strict=True)]
            notes = idle(accepted, scans)
        except MeshrollError as no_way:
            refused = no_way.problems[0].as_dict()
    return {
        "as_of": str(bounds.as_of),
        "catalogue_as_of": str(catalogue.as_of),
        "catalogue_age_days": max((bounds.as_of - catalogue.as_of).days, 0),
        "policy": msgspec.to_builtins(bounds.policy),
        "kubernetes_version": bounds.kubernetes_version,
        "gateway_api_version": seen.gateway_api_version if seen else None,
        "installed": str(installed) if installed else None,
        "picked": str(picked) if picked else None,
        "releases": [_row(held, catalogue, bounds, picked, installed) for held in survey(catalogue, bounds)],
        "hops": hops,
        "hops_refused": refused,
        "notes": notes,
    }, error


def release_status(told: Mapping[str, Any]) -> dict[str, Any]:
    """What of the answer every cluster's entry says."""
    return {"release": told["installed"], "kubernetes_version": told["kubernetes_version"]}


def _row(
    held: Held, catalogue: Catalogue, bounds: Bounds, picked: Edge | None, installed: Edge | None
) -> dict[str, Any]:
    release = held.release
    return {
        "release": release.edge,
        "chart_version": release.chart_version,
        "date": str(release.date) if release.date else None,
        "milestone": release.milestone,
        "kubernetes_min": release.kubernetes_min,
        "kubernetes_max": release.kubernetes_max,
        "gateway_api_min": release.gateway_api_min,
        "gateway_api_max": release.gateway_api_max,
        "native_sidecar_default": release.native_sidecar_default,
        "proxy": release.proxy,
        "mark": release.mark,
        "reason": release.reason or None,
        "replacement": release.replacement,
        "source": catalogue.source_of(release) or None,
        "marked_on": str(release.marked_on) if release.marked_on else None,
        "available": None if bounds.available is None else release.version in bounds.available,
        "may_run": held.may_run,
        "picked": release.version == picked,
        "installed": release.version == installed,
        "why_not": held.why_not,
    }


def _hop(hop: Hop, scanned: Scanned, seen: Seen) -> dict[str, Any]:
    return {
        "from": str(hop.start),
        "to": str(hop.to),
        "milestone": hop.milestone,
        "needs": [asdict(need) for need in hop.needs],
        "breaking_changes": [as_dict(looked) for looked in scanned.looked],
        "refused": bool(scanned.problems),
        "one_way_doors": list(hop.one_way_doors),
        "extensions": [
            {
                "extension": step.extension.name,
                "namespace": step.extension.namespace,
                "release": step.extension.release,
                "when": step.when,
                "text": step.text,
                "command": step.command,
            }
            for step in steps(seen.facts.extensions, hop.to, seen.chart_source)
        ],
    }
