"""Leaving Linkerd: what stands in the way, what goes and in which order, and what is left for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from meshroll.core.chart_values import CONTROL_PLANE_CHART, CRDS_CHART
from meshroll.core.config_maps import NAMESPACE as JOURNAL_NAMESPACE
from meshroll.core.control_plane import INSTALLING
from meshroll.core.errors import Problem
from meshroll.core.extensions import LABEL as EXTENSION
from meshroll.core.helm_records import ENDED, HelmRelease, in_the_way
from meshroll.core.history import left_open, open_uninstall
from meshroll.core.identity import ISSUER_SECRET, TRUST_ROOTS
from meshroll.core.journal import Record
from meshroll.core.model import Object, Pod, annotations_of, labels_of
from meshroll.core.ownership import HELM_RELEASE

# On every pod that the injector has given a proxy.
MESHED_BY = "linkerd.io/control-plane-ns"
# On every pod of the control plane itself.
COMPONENT = "linkerd.io/control-plane-component"
GATEWAY_API = "gateway.networking.k8s.io"
# Helm does not delete what carries it.
HELM_KEEPS = ("helm.sh/resource-policy", "keep")


@dataclass(frozen=True)
class Standing:
    """The cluster as it matters to an uninstall. ``home``: Linkerd's namespace by the inventory; ``anchor_key_file``
    where it is on this machine. ``crds`` are those of Linkerd and of the Gateway API, whoever made them.
    """

    home: str
    namespaces: tuple[Object, ...]
    pods: tuple[Object, ...]
    deployments: tuple[Object, ...]
    helm: Mapping[str, HelmRelease]
    webhooks: tuple[Object, ...]
    crds: tuple[Object, ...]
    records: tuple[Record, ...]
    anchor_key_file: str | None

    @property
    def helm_crds(self) -> list[Object]:
        """The CRDs that go with Helm's release of them, and take their custom resources with them."""
        return [crd for crd in self.crds if helm_deletes(crd)]

    @property
    def unfinished(self) -> bool:
        """Whether an uninstall has begun here and not ended."""
        return open_uninstall(self.records) is not None


def helm_deletes(crd: Object) -> bool:
    """Whether it goes with Helm's release of Linkerd's CRDs, or with one that has it no more."""
    annotations = annotations_of(crd)
    return annotations.get(HELM_RELEASE) == CRDS_CHART and annotations.get(HELM_KEEPS[0]) != HELM_KEEPS[1]


class Kept(msgspec.Struct, frozen=True):
    """What an uninstall leaves, and the command that removes it."""

    object: str
    command: str


class Removal(msgspec.Struct, frozen=True):
    """What goes, in its order, as a result lists it; ``custom_resources``: how many of each kind go with the CRDs."""

    namespace: str
    crds: bool
    webhooks: list[str]
    helm_releases: list[str]
    custom_resources: dict[str, int]
    keeps: list[Kept]
    nothing_to_do: bool


def problems(standing: Standing, crds: bool, now: datetime) -> list[Problem]:
    """Every reason why Linkerd cannot go now, each with what to do; empty where it can."""
    there = {space["metadata"]["name"] for space in standing.namespaces}
    _, unfinished = left_open(standing.records, ())
    return [
        *needed_by(standing.pods, standing.namespaces, standing.home),
        # Nobody can end a run of a namespace that is gone.
        *(problem for problem in unfinished if problem.namespace in there),
        *_elsewhere(standing),
        *_not_by_helm(standing, crds),
        *_helm_at_work(standing, _wanted(crds), now),
    ]


def needed_by(pods: Iterable[Object], namespaces: Iterable[Object], home: str) -> list[Problem]:
    """The pods outside Linkerd's own namespace ``home`` that have a proxy, one problem a namespace."""
    extensions = {
        space["metadata"]["name"]: labels_of(space)[EXTENSION]
        for space in namespaces
        if EXTENSION in labels_of(space)
    }
    found: dict[str, Counter[str]] = {}
    for manifest in pods:
        pod, namespace = Pod(manifest), manifest["metadata"]["namespace"]
        if namespace != home and pod.proxy is not None and not pod.finished:
            found.setdefault(namespace, Counter())[pod.owner or f"Pod/{pod.name}"] += 1
    return [
        Problem(
            "still-meshed",
            f"{_count(owners.total(), 'pod')} of {_extension(name, extensions)} "
            f"{'has' if owners.total() == 1 else 'have'} a proxy: {_listed(owners)}.",
            f"It is an extension of Linkerd: see `helm list -n {name}`, and `helm uninstall -n {name} RELEASE`."
            if name in extensions
            else f"`meshroll rollback -n {name}` takes it off the mesh.",
            namespace=name,
        )
        for name, owners in sorted(found.items())
    ]


def removal(standing: Standing, crds: bool, custom_resources: Mapping[str, int]) -> Removal:
    """What goes and what stays; ``custom_resources`` are counted by kind, and go only with ``crds``."""
    releases = [name for name in _wanted(crds) if name in standing.helm]
    webhooks = [hook["metadata"]["name"] for hook in standing.webhooks]
    return Removal(
        namespace=standing.home,
        crds=crds,
        webhooks=webhooks,
        helm_releases=releases,
        custom_resources=dict(sorted(custom_resources.items())) if CRDS_CHART in releases else {},
        keeps=_kept(standing, CRDS_CHART in releases),
        nothing_to_do=not (releases or webhooks or standing.unfinished),
    )


def lines(removal: Removal, check_mode: bool) -> list[str]:
    """The removal in sentences, for people: what went (or would go), then what is left and how to remove that."""
    said = []
    if removal.nothing_to_do:
        said.append("Nothing to do: Linkerd is not installed.")
    else:
        gone = [
            *(f"webhook {name}" for name in removal.webhooks),
            *(f"Helm's release {name}" for name in removal.helm_releases),
        ]
        # What went before this run was killed is not there to be named any more.
        listed = ", ".join(gone) or "what an earlier uninstall had left"
        said.append(f"{'Would remove' if check_mode else 'Removed'} {listed}.")
    if removal.custom_resources:
        counted = ", ".join(f"{count} {kind}" for kind, count in removal.custom_resources.items())
        said.append(
            f"With the CRDs {'would go' if check_mode else 'went'} their custom resources: {counted}."
        )
    return [*said, *(f"Left: {kept.object}; `{kept.command}` removes it." for kept in removal.keeps)]


def _wanted(crds: bool) -> list[str]:
    """Helm's releases that are to go, in that order."""
    return [CONTROL_PLANE_CHART, *([CRDS_CHART] if crds else [])]


def _kept(standing: Standing, crds_go: bool) -> list[Kept]:
    there = {space["metadata"]["name"] for space in standing.namespaces}
    names = [] if not crds_go else [crd["metadata"]["name"] for crd in standing.helm_crds]
    left = [crd for crd in standing.crds if crd["metadata"]["name"] not in names]
    gateway = [crd["metadata"]["name"] for crd in left if crd["spec"]["group"] == GATEWAY_API]
    own = len(left) - len(gateway)
    kept = []
    if own:
        kept.append(
            Kept(f"{_count(own, 'CRD')} of Linkerd with their resources", "meshroll uninstall --crds")
        )
    if gateway:
        of = "the Gateway API's CRDs, which others may use"
        kept.append(Kept(of, f"kubectl delete crd {' '.join(sorted(gateway))}"))
    if standing.home in there:
        what = f"namespace {standing.home} with Secret {ISSUER_SECRET} and ConfigMap {TRUST_ROOTS}"
        kept.append(Kept(what, f"kubectl delete namespace {standing.home}"))
    if JOURNAL_NAMESPACE in there:
        what = f"namespace {JOURNAL_NAMESPACE} with the journal of all runs"
        kept.append(Kept(what, f"kubectl delete namespace {JOURNAL_NAMESPACE}"))
    if standing.anchor_key_file:
        kept.append(Kept("the trust anchor's key on this machine", f"rm {standing.anchor_key_file}"))
    return kept


def _elsewhere(standing: Standing) -> list[Problem]:
    """The webhooks' names are the same in every install, so one tells where its control plane is."""
    homes = {
        hook["clientConfig"]["service"]["namespace"]
        for configuration in standing.webhooks
        for hook in configuration.get("webhooks") or []
        if "service" in hook["clientConfig"]
    } - {standing.home}
    return [
        Problem(
            "linkerd-elsewhere",
            f"Linkerd's webhooks are answered from namespace {home}, and the inventory says {standing.home}.",
            f"Set meshroll_control_plane.namespace to {home}.",
        )
        for home in sorted(homes)
    ]


def _not_by_helm(standing: Standing, crds: bool) -> list[Problem]:
    """Parts that Helm has no record of, so it cannot remove them; whatever made them can."""
    found = []
    if standing.deployments and CONTROL_PLANE_CHART not in standing.helm:
        found.append(
            Problem(
                "not-by-helm",
                f"Helm knows nothing of the control plane in namespace {standing.home}.",
                "Remove it with what made it: `linkerd uninstall | kubectl delete -f -` where that was `linkerd "
                "install`, or the application of Argo CD or Flux. It removes the CRDs too.",
                namespace=standing.home,
            )
        )
    own = [crd["metadata"]["name"] for crd in standing.crds if crd["spec"]["group"] != GATEWAY_API]
    if crds and own and CRDS_CHART not in standing.helm:
        found.append(
            Problem(
                "not-by-helm",
                f"Helm knows nothing of Linkerd's CRDs, and there are {len(own)}.",
                f"Leave --crds out, then `kubectl delete crd {' '.join(sorted(own))}`: it deletes their resources.",
            )
        )
    return found


def _helm_at_work(standing: Standing, names: Iterable[str], now: datetime) -> list[Problem]:
    """Helm's records of something that has not ended, unless meshroll began it and it can be removed as it is.

    Two that uninstall the same release delete the same objects; beside an install or upgrade something would be left.
    """
    home = next((each for each in standing.namespaces if each["metadata"]["name"] == standing.home), {})
    at_work = [
        release
        for release in (standing.helm[name] for name in names if name in standing.helm)
        if release.status not in ENDED and not (release.status == "uninstalling" and standing.unfinished)
    ]
    return in_the_way(at_work, lambda _: INSTALLING in annotations_of(home), now)[1]


def _extension(name: str, extensions: Mapping[str, str]) -> str:
    return f"{name} (extension {extensions[name]})" if name in extensions else name


def _listed(owners: Mapping[str, int]) -> str:
    return ", ".join(f"{owner} ({pods})" for owner, pods in sorted(owners.items()))


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
