"""What one look at a cluster has seen for checks and scanners, and which parts of it could not be seen.

Beside a ClusterView, which is all that a plan needs: these are read where somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from meshroll.core.callers import config_maps_used, texts
from meshroll.core.chart_values import merged
from meshroll.core.extensions import Extension, detect
from meshroll.core.model import (
    INJECT,
    NAMESPACE_NAME,
    ClusterView,
    Object,
    Workload,
    annotations_of,
    labels_of,
)

if TYPE_CHECKING:
    from meshroll.core.eks_facts import EksFacts

T = TypeVar("T")
Kind = Literal[
    "namespaces",
    "services",
    "network_policies",
    "other_policies",
    "gateway_crds",
    "service_profiles",
    "servers",
    "external_workloads",
    "links",
    "pod_monitors",
    "service_monitors",
    "pod_disruption_budgets",
    "resource_quotas",
    "limit_ranges",
    "jobs",
    "vertical_autoscalers",
    "scaled_objects",
    "security_group_policies",
    "mutating_webhooks",
    "validating_webhooks",
    "cilium_config",
    "cni_config",
    "felix_configurations",
    "helm_records",
]
Need = Kind | Literal["aws", "meshed_pods", "config_maps", "pod_requests", "clock", "linkerd_check"]


class Unseen(Exception):
    """Raised where a check or a scanner asks for what could not be seen; its text is the reason."""


@dataclass(frozen=True)
class Hidden:
    """Stands for a part that could not be read."""

    reason: str


NOT_ASKED = Hidden("AWS was not asked")


@dataclass(frozen=True)
class MeshedPod:
    """A pod with a proxy. ``owner`` as in Pod.owner, or ``Pod/NAME``; ``ip`` is "" where it has none yet."""

    namespace: str
    name: str
    owner: str
    labels: Mapping[str, str]
    ip: str = ""


@dataclass(frozen=True)
class Requested:
    """What pods on one node ask for, together."""

    node: str
    cpu_cores: float
    memory_bytes: float


@dataclass(frozen=True)
class LinkerdChecked:
    """One of `linkerd check`'s own checks that did not succeed; ``error``: else it is a warning."""

    category: str
    description: str
    error: bool
    said: str
    hint: str


@dataclass(frozen=True)
class Facts:
    """One cluster as checks and scanners need it; a part that nobody asked for is empty.

    own_values   what a hop gives the chart linkerd-control-plane over its defaults: what Helm keeps of the release, as
                 far as that was read, with the inventory's values over it
    pods         those that this control plane's injector gave a proxy, its own aside
    listed       objects by kind; only the metadata of namespaces, CRDs, profiles and other policies
    requests     of the running pods in namespaces that the view has not
    ahead_seconds  how far this machine's clock is ahead of the API server's
    linkerd_check  what `linkerd check` found wrong
    eks          what AWS says of a cluster of EKS
    config_maps  those that meshed workloads or a Prometheus read, by namespace; without those of the view
    """

    view: ClusterView
    own_values: Mapping[str, Any] = field(default_factory=dict, repr=False)  # keys may be among them
    pods: tuple[MeshedPod, ...] | Hidden = ()
    listed: Mapping[Kind, tuple[Object, ...] | Hidden] = field(default_factory=dict)
    requests: tuple[Requested, ...] | Hidden = ()
    ahead_seconds: float = 0.0
    linkerd_check: tuple[LinkerdChecked, ...] | Hidden = ()
    eks: EksFacts | Hidden = NOT_ASKED
    config_maps: Mapping[str, tuple[Object, ...] | Hidden] = field(default_factory=dict)

    def objects(self, kind: Kind) -> tuple[Object, ...]:
        """Raises Unseen."""
        return seen(self.listed.get(kind, ()))

    @property
    def aws(self) -> EksFacts:
        """Raises Unseen."""
        return seen(self.eks)

    @property
    def linkerd_checked(self) -> tuple[LinkerdChecked, ...]:
        """Raises Unseen."""
        return seen(self.linkerd_check)

    @property
    def requested_elsewhere(self) -> tuple[Requested, ...]:
        """Raises Unseen."""
        return seen(self.requests)

    @cached_property
    def meshed_pods(self) -> tuple[MeshedPod, ...]:
        """Raises Unseen."""
        return seen(self.pods)

    @cached_property
    def values(self) -> dict[str, Any]:
        """What the control plane runs with and what a hop sets: an older chart's defaults are among them."""
        return merged(self.view.control_plane.values, self.own_values)

    @cached_property
    def extensions(self) -> tuple[Extension, ...]:
        """By their workloads alone where namespaces could not be read."""
        namespaces = self.listed.get("namespaces", ())
        return detect(() if isinstance(namespaces, Hidden) else namespaces, self.view.all_workloads)

    def extension(self, name: str) -> Extension | None:
        return next((each for each in self.extensions if each.name == name), None)

    @cached_property
    def _namespaces(self) -> Mapping[str, Object]:
        return {space["metadata"]["name"]: space for space in self.objects("namespaces")}

    def labels(self, namespace: str) -> Mapping[str, str]:
        """Of a namespace; its name is always among them. Raises Unseen."""
        return {NAMESPACE_NAME: namespace, **labels_of(self._namespaces.get(namespace, {}))}

    def annotations(self, namespace: str) -> Mapping[str, str]:
        """Of a namespace. Raises Unseen."""
        return annotations_of(self._namespaces.get(namespace, {}))

    @cached_property
    def meshed_workloads(self) -> tuple[Workload, ...]:
        """Those whose pods have proxies now, or get them: a CronJob has no pods most of the time. Raises Unseen."""
        owners = {(pod.namespace, pod.owner) for pod in self.meshed_pods}
        found = [
            workload
            for workload in self.view.all_workloads
            if (workload.namespace, workload.id) in owners or self._gets_proxy(workload)
        ]
        return tuple(sorted(found, key=lambda workload: (workload.namespace, workload.id)))

    def _gets_proxy(self, workload: Workload) -> bool:
        if workload.host_network:
            return False
        inherited = self.annotations(workload.namespace).get(INJECT)
        return workload.template_annotations.get(INJECT, inherited) in ("enabled", "ingress")

    @cached_property
    def meshed_namespaces(self) -> tuple[str, ...]:
        """Those with proxies. Raises Unseen."""
        homes = {pod.namespace for pod in self.meshed_pods}
        return tuple(sorted(homes | {workload.namespace for workload in self.meshed_workloads}))

    def config_maps_of(self, workload: Workload) -> tuple[Object, ...]:
        """Those that it reads. Raises Unseen where there are some and they could not be read."""
        names = config_maps_used(workload)
        space = self.view.space(workload.namespace)
        known = space.config_maps if space else self.config_maps.get(workload.namespace, ())
        return tuple(each for each in seen(known) if each["metadata"]["name"] in names) if names else ()

    def texts(self, workload: Workload) -> Iterator[str]:
        """All that its containers are told: command, arguments, variables, ConfigMaps as far as they were read."""
        try:
            config_maps = self.config_maps_of(workload)
        except Unseen:
            config_maps = ()
        yield from texts(workload, config_maps)

    def refuse_hidden_config_maps(self) -> None:
        """Raises Unseen where a meshed workload reads ConfigMaps that could not be read."""
        for workload in self.meshed_workloads:
            self.config_maps_of(workload)


def gathered(found: Iterable[T]) -> tuple[tuple[T, ...], str | None]:
    """All that comes, and why what comes after could not be seen, if it could not."""
    known: list[T] = []
    try:
        for each in found:
            known.append(each)
    except Unseen as reason:
        return tuple(known), str(reason)
    return tuple(known), None


def seen(part: T | Hidden) -> T:
    """Raises Unseen for what could not be read."""
    if isinstance(part, Hidden):
        raise Unseen(part.reason)
    return part
