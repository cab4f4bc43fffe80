"""Which way a cluster goes: the hops from where it stands to the release that is wanted, or why it may not go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from meshroll.core.breaking_changes import BreakingChange
from meshroll.core.errors import Problem, Refused, UsageError
from meshroll.core.hops import Hop, describe, plan_hops, steps_apart
from meshroll.core.model import ClusterView, Object, Pod
from meshroll.core.release_policy import Bounds, choose, denied
from meshroll.core.releases import Catalogue, Edge
from meshroll.core.scope import all_brought_up
from meshroll.core.settings import Settings
from meshroll.core.upgrade.data_plane import behind

# From here on Linkerd's controllers do not start without the CRD of HTTPRoute, and Helm does not check for it.
GATEWAY_API_SINCE = Edge(25, 3, 4)


@dataclass(frozen=True)
class Way:
    """From ``installed`` over ``hops``, the last one the target; none where it runs already.

    The first may lead to ``installed`` itself: proxies of the inventory that are behind are brought up first.
    """

    installed: Edge
    target: Edge
    hops: tuple[Edge, ...]
    described: tuple[Hop, ...]

    @property
    def nothing_to_do(self) -> bool:
        return not self.hops


def asked_for(bounds: Bounds, to: str | None) -> Bounds:
    """The bounds with the release that somebody named in place of the policy's channel.

    Raises UsageError release-unknown, Refused release-denied.
    """
    if to is None:
        return bounds
    if Edge.read(to) is None:
        raise UsageError(
            Problem(
                "release-unknown",
                f"{to} is not the name of an edge release.",
                "It has to be one such as edge-26.6.3; `meshroll releases --all` lists them.",
            )
        )
    if to in bounds.policy.deny:
        raise Refused(denied(to))
    return replace(bounds, policy=msgspec.structs.replace(bounds.policy, channel=to))


def way(
    view: ClusterView,
    settings: Settings,
    installed: Edge,
    catalogue: Catalogue,
    bounds: Bounds,
    changes: Sequence[BreakingChange],
    onto: Edge | None = None,
) -> Way:
    """The way to what ``bounds`` pick; ``onto`` is where an unfinished hop leads, which is gone to its end first.

    A cluster that is ahead of what the policy picks stays where it is; one that a pin is older than is refused. Raises
    what choose() and plan_hops() raise.
    """
    picked = choose(catalogue, bounds).edge
    start = onto or installed
    if bounds.policy.pin is None and picked < start:
        picked = start
    route = plan_hops(start, picked, catalogue, bounds)
    first = (start,) if onto or behind(view, settings, installed) else ()
    described = describe(start, route, catalogue, changes, view.kubernetes_version, view.gateway_api_version)
    return Way(installed, picked, (*first, *route), described)


def gateway_api_problems(view: ClusterView, hops: Sequence[Edge], catalogue: Catalogue) -> list[Problem]:
    """Gateway API CRDs that are missing, or older than what a hop's release reads."""
    here = view.gateway_api_version
    for edge in hops:
        release = catalogue.find(edge)
        if here is None and edge >= GATEWAY_API_SINCE:
            return [
                Problem(
                    "gateway-api-missing",
                    f"{edge} needs the Gateway API's CRDs, and the cluster has none.",
                    "Apply its standard-install.yaml (gateway-api.sigs.k8s.io) of "
                    f"{(release.gateway_api_range if release else None) or 'a version that this release reads'}.",
                )
            ]
        if here and release and release.needs_newer_gateway_api(here):
            return [
                Problem(
                    "gateway-api-too-old",
                    f"{edge} reads Gateway API {release.gateway_api_range}, and the cluster has {here}.",
                    "Apply a newer standard-install.yaml (gateway-api.sigs.k8s.io) first.",
                )
            ]
    return []


Outside = Mapping[str, Mapping[str, int]]
"""Pods with a proxy that the upgrade does not restart: namespace -> release -> how many."""


def outside(pods: Iterable[Object], view: ClusterView, settings: Settings) -> Outside:
    """Of all ``pods`` with a proxy, those that are not of a workload which the inventory has brought up."""
    ours = {(space.name, workload.id) for space, workload in all_brought_up(view, settings)}
    return _but_for(ours, pods, view)


def unnamed(pods: Iterable[Object], view: ClusterView, settings: Settings) -> Outside:
    """Of those that are outside() the ones of no workload in hand: a hop's plan names such a workload by itself."""
    in_hand = {
        (namespace.name, workload.id)
        for namespace in settings.namespaces
        for workload in view.namespaces[namespace.name].workloads
    }
    return _but_for(in_hand, pods, view)


def _but_for(workloads: Collection[tuple[str, str]], pods: Iterable[Object], view: ClusterView) -> Outside:
    """``workloads`` as (namespace, id)."""
    found: dict[str, Counter[str]] = {}
    for manifest in pods:
        pod, name = Pod(manifest), str(manifest["metadata"]["namespace"])
        if name == view.control_plane.namespace or pod.finished or pod.ending or pod.proxy is None:
            continue
        if pod.proxy.release and (name, pod.owner) not in workloads:
            found.setdefault(name, Counter())[pod.proxy.release] += 1
    return found


def skew_problems(left: Outside, hops: Sequence[Edge], milestones: Sequence[Edge]) -> list[Problem]:
    """Proxies that would be more than a milestone behind the control plane after one of the hops.

    Linkerd supports a control plane that is ahead of its proxies by one milestone (linkerd.io/2-edge/tasks/upgrade).
    """
    problems = []
    for name, releases in sorted(left.items()):
        for release, pods in sorted(releases.items()):
            proxy = Edge.read(release)
            too_far = next(
                (
                    edge
                    for edge in hops
                    if proxy is not None and proxy < edge and steps_apart(proxy, edge, milestones) > 2
                ),
                None,
            )
            if too_far:
                problems.append(
                    Problem(
                        "data-plane-too-old",
                        f"{pods} pod{'' if pods == 1 else 's'} of {name} {'has' if pods == 1 else 'have'} the proxy of "
                        f"{release}, more than one milestone behind {too_far}, and this upgrade does not restart them.",
                        f"List {name} in meshroll_namespaces, or restart them after the first hop: `meshroll upgrade "
                        f"--to` a release at most one milestone ahead, `kubectl -n {name} rollout restart deployment`.",
                        namespace=name,
                    )
                )
    return problems


def outside_notes(left: Outside, target: Edge) -> list[str]:
    """What keeps older proxies, a sentence a namespace."""
    return [
        f"{name} keeps its proxies until its pods restart: {', '.join(sorted(releases))}. "
        f"`kubectl -n {name} rollout restart deployment` brings them up afterwards."
        for name, releases in sorted(left.items())
        if set(releases) != {str(target)}
    ]
