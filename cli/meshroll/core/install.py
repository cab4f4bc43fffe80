"""An install of the control plane as it stands in the cluster: absent, begun, or done; and how it failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from meshroll.core.control_plane import INJECTOR, INSTALLING
from meshroll.core.errors import Problem
from meshroll.core.helm_records import HelmRelease, in_the_way
from meshroll.core.model import Object, annotations_of


@dataclass(frozen=True)
class Seen:
    """The cluster as it matters to an install; ``issuer`` is the Secret, so it is not shown."""

    kubernetes_version: str
    nodes: tuple[Object, ...]
    namespace: Object | None
    deployments: tuple[Object, ...]
    issuer: Object | None = field(repr=False)
    trust_roots: Object | None
    gateway_api: bool
    helm: Mapping[str, HelmRelease]

    @property
    def unfinished(self) -> str | None:
        """The release that an install of meshroll has begun here and not finished."""
        return annotations_of(self.namespace or {}).get(INSTALLING)

    @property
    def installed(self) -> bool:
        return self.unfinished is None and any(
            deployment["metadata"]["name"] == INJECTOR for deployment in self.deployments
        )


def records_in_the_way(
    seen: Seen, names: Iterable[str], now: datetime
) -> tuple[list[HelmRelease], list[Problem]]:
    """(Helm's records to drop, problems) before an install: those of one that failed or was killed.

    Helm then takes over the objects that are there, because they carry its names.
    """
    return in_the_way(
        (seen.helm[name] for name in names if name in seen.helm), lambda _: bool(seen.unfinished), now
    )


def failed(failure: Mapping[str, Any], seen: Seen) -> list[Problem]:
    """Why an install failed, and what of it is there; ``failure`` is the failed task's result."""
    own = failure.get("meshroll") or {}
    problems = [Problem.from_dict(problem) for problem in own.get("problems", [])]
    if not problems:
        # Helm's own words come last, after the command's output.
        said = str(failure.get("msg") or "it did not say why").strip().rpartition("Error: ")[2]
        problems = [Problem("helm-failed", f"Helm did not install the charts: {' '.join(said.split())}")]
    there = [
        *(["the namespace"] if seen.namespace else []),
        *(["the Gateway API"] if seen.gateway_api else []),
        *(["the trust anchor and the issuer"] if seen.issuer and seen.trust_roots else []),
        *(f"chart {release.name} ({release.status})" for release in seen.helm.values()),
    ]
    last = problems[-1]
    hint = f"{last.hint} There by now: {', '.join(there) or 'nothing'}. The same command goes on from here."
    return [*problems[:-1], replace(last, hint=hint.strip())]
