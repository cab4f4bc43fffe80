"""What Helm has written down of its releases in the cluster, and what becomes of a record that did not end well.

Helm refuses beside a pending revision, and kubernetes.core.helm takes a failed one with the same values for done. So
what meshroll itself began is dropped once no Helm can still be at work on it, and Helm goes on from the revision
before; what somebody else began is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from meshroll.core.chart_values import CONTROL_PLANE_CHART, CRDS_CHART
from meshroll.core.errors import Problem
from meshroll.core.model import Object
from meshroll.core.ownership import gitops_owner

# Charts are installed without waiting, so Helm is done in seconds; past this it was killed.
HELM_AT_WORK_SECONDS = 60.0
SETTLED = frozenset({"deployed", "superseded"})
ENDED = SETTLED | {"failed", "uninstalled"}


@dataclass(frozen=True)
class HelmRelease:
    """Helm's record of a release's newest revision. ``record`` is the name of its Secret.

    ``deployed`` is the revision that was the last to end well: what ran before the newest, where that one failed or
    never ended. Helm calls it superseded for the moment between its two last writes.
    """

    name: str
    namespace: str
    revision: int
    status: str
    changed_at: datetime
    record: str
    deployed: int | None = None


def newest_of(records: Iterable[HelmRelease]) -> dict[str, HelmRelease]:
    """The newest of each release's records, with what ran before it."""
    found: dict[str, HelmRelease] = {}
    settled: dict[str, tuple[bool, int]] = {}
    for record in records:
        if record.name not in found or record.revision > found[record.name].revision:
            found[record.name] = record
        if record.status in SETTLED:
            rank = (record.status == "deployed", record.revision)
            settled[record.name] = max(rank, settled.get(record.name, rank))
    return {
        name: replace(record, deployed=settled[name][1] if name in settled else None)
        for name, record in found.items()
    }


def at_work_seconds(release: HelmRelease, now: datetime) -> float:
    """How long a Helm may still be at work on it; 0 where it has ended, or must have been killed."""
    if release.status in ENDED:
        return 0.0
    return max(HELM_AT_WORK_SECONDS - (now - release.changed_at).total_seconds(), 0.0)


def in_the_way(
    releases: Iterable[HelmRelease], ours: Callable[[HelmRelease], bool], now: datetime
) -> tuple[list[HelmRelease], list[Problem]]:
    """(records to drop, problems) of releases whose newest revision is not deployed; ``ours``: meshroll began it."""
    drop, problems = [], []
    for release in releases:
        if release.status in SETTLED:
            continue
        left_seconds = at_work_seconds(release, now)
        if ours(release) and not left_seconds:
            drop.append(release)
            continue
        problems.append(
            Problem(
                "helm-release-in-the-way",
                f"Helm's release {release.name} (revision {release.revision}) is {release.status}.",
                f"If that Helm was killed, run again in {left_seconds:.0f} s: it goes on from there."
                if ours(release)
                else f"If no Helm works on it: `{_by_hand(release)}`; then run again.",
                object=f"Secret/{release.record}",
            )
        )
    return drop, problems


def before_hop(
    helm: Mapping[str, HelmRelease], deployments: Sequence[Object], home: str, ours: bool, now: datetime
) -> tuple[list[HelmRelease], list[Problem]]:
    """(records to drop, problems) before Helm upgrades Linkerd in namespace ``home``.

    ``ours``: a hop of meshroll's is open that gave Helm something to do. It began with settled records, so what is not
    settled came with it. ``deployments`` are the control plane's.
    """
    drop, problems = in_the_way(
        (helm[chart] for chart in (CRDS_CHART, CONTROL_PLANE_CHART) if chart in helm), lambda _: ours, now
    )
    return drop, [*_not_upgraded_by_helm(helm, deployments, home), *problems]


def _not_upgraded_by_helm(
    helm: Mapping[str, HelmRelease], deployments: Sequence[Object], home: str
) -> list[Problem]:
    """What else made the control plane or its CRDs, and would upgrade them."""
    owners = {owner for deployment in deployments if (owner := gitops_owner(deployment))}
    found = [
        Problem(
            "control-plane-in-git",
            f"{owner} keeps the control plane in namespace {home} as it is in Git, and would undo an upgrade.",
            f"Upgrade it there; take it out of {owner} first if meshroll is to do it.",
            namespace=home,
        )
        for owner in sorted(owners)
    ]
    if CONTROL_PLANE_CHART not in helm:
        found.append(
            Problem(
                "not-by-helm",
                f"Helm knows nothing of the control plane in namespace {home}.",
                "Upgrade it with what made it: `linkerd upgrade | kubectl apply -f -` after `linkerd install`.",
                namespace=home,
            )
        )
    elif CRDS_CHART not in helm:
        adopt = (
            f"meta.helm.sh/release-name={CRDS_CHART} meta.helm.sh/release-namespace={home}; "
            "kubectl label crd -l linkerd.io/control-plane-ns app.kubernetes.io/managed-by=Helm"
        )
        found.append(
            Problem(
                "not-by-helm",
                "Helm knows nothing of Linkerd's CRDs, though it does of the control plane.",
                f"Give them to it: `kubectl annotate crd -l linkerd.io/control-plane-ns {adopt}`, then "
                f"`helm -n {home} install {CRDS_CHART}` with the chart of the release that runs.",
            )
        )
    return found


def _by_hand(release: HelmRelease) -> str:
    """The command that ends it: back to the revision that runs, or away with what never ran."""
    in_namespace = f"helm -n {release.namespace}"
    if release.deployed and not release.status.startswith("uninstall"):
        return f"{in_namespace} rollback {release.name} {release.deployed}"
    return f"{in_namespace} uninstall {release.name}"
