"""What each command may have to ask the API server for: as data, of which `meshroll rbac` makes Roles.

A run's check of the account (core.checks), docs/reference/rbac.md and the Roles all come from here; a test on a real
API server holds it against what commands ask for, by its audit log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from meshroll.core.certificate_dates import WEBHOOKS
from meshroll.core.identity import ISSUER_SECRET, TRUST_ROOTS
from meshroll.core.issuer_update import DEPLOYMENT

Place = Literal[
    "cluster", "namespaces", "clients", "linkerd", "journal", "prometheus", "default", "kube-system"
]
"""Where: in the whole cluster; in the run's namespaces; in those that only listed clients live in; in Linkerd's, in
meshroll's own, in that of `meshroll_prometheus.service`, in `default`, in `kube-system`."""


class Permission(NamedTuple):
    """One verb on one resource, as the API server asks for it."""

    group: str
    resource: str
    verb: str


class Grant(NamedTuple):
    """Each verb on each resource (both divided by spaces). ``names``: only of these objects, with ``{linkerd}`` and
    ``{prometheus}`` for what the inventory says of them.
    """

    place: Place
    group: str
    resources: str
    verbs: str
    names: tuple[str, ...] = ()

    def permissions(self) -> Iterator[Permission]:
        for resource in self.resources.split():
            for verb in self.verbs.split():
                yield Permission(self.group, resource, verb)


Part = tuple[Grant, ...]
RBAC = "rbac.authorization.k8s.io"
ADMISSION = "admissionregistration.k8s.io"
CRDS = "apiextensions.k8s.io"
GATEWAY_API = "gateway.networking.k8s.io"
# What Linkerd's charts make in the cluster.
CLUSTER_ROLES = (
    *(f"linkerd-{{linkerd}}-{component}" for component in ("destination", "identity", "proxy-injector")),
    *("linkerd-policy", "linkerd-heartbeat"),
)
CLUSTER_ROLE_BINDINGS = (*CLUSTER_ROLES[:3], "linkerd-destination-policy", "linkerd-heartbeat")
LINKERD_CRDS = (
    *(
        f"{kind}.policy.linkerd.io"
        for kind in (
            *("servers", "serverauthorizations", "authorizationpolicies", "meshtlsauthentications"),
            *("networkauthentications", "httproutes", "httplocalratelimitpolicies", "egressnetworks"),
        )
    ),
    *("serviceprofiles.linkerd.io", "externalworkloads.workload.linkerd.io"),
)
# Those that Linkerd's charts had once; since edge-25.3.1 Helm keeps them where they are.
GATEWAY_CRDS = tuple(
    f"{kind}.{GATEWAY_API}" for kind in ("httproutes", "grpcroutes", "tlsroutes", "tcproutes")
)
HTTP_ROUTE_CRD = GATEWAY_CRDS[0]


def _webhooks(verbs: str) -> Part:
    return tuple(
        Grant(
            "cluster", ADMISSION, kind, verbs, tuple(name for name, each in WEBHOOKS.items() if each == kind)
        )
        for kind in dict.fromkeys(WEBHOOKS.values())
    )


def _space(place: Place) -> Part:
    """What a look reads of one namespace."""
    return (
        Grant(place, "", "namespaces", "get"),
        Grant(place, "", "pods services configmaps", "list"),
        Grant(place, "autoscaling", "horizontalpodautoscalers", "list"),
        Grant(place, "policy.linkerd.io", "servers", "list"),
    )


LOOK: Part = (
    Grant("cluster", "", "nodes", "list"),
    # A caller may live anywhere.
    Grant("cluster", "apps", "deployments statefulsets daemonsets", "list"),
    Grant("cluster", "batch", "cronjobs", "list"),
    Grant("cluster", CRDS, "customresourcedefinitions", "get", (HTTP_ROUTE_CRD,)),
    Grant("linkerd", "", "namespaces", "get"),
    Grant("linkerd", "", "configmaps", "get", ("linkerd-config",)),
)
SPACES, CLIENTS = _space("namespaces"), _space("clients")
CERTIFICATES: Part = (*_webhooks("get"), Grant("linkerd", "", "configmaps", "get", (TRUST_ROOTS,)))
PROMETHEUS: Part = (Grant("prometheus", "", "services/proxy", "get", ("{prometheus}",)),)
RUNS: Part = (Grant("journal", "", "configmaps", "list"),)
RUN: Part = (Grant("journal", "", "configmaps", "get list"),)
# Of pods, the one that a stuck pod may have become meanwhile is got; of the rest, what a write was refused for.
CHANGE: Part = (
    Grant("namespaces", "", "namespaces", "patch"),
    Grant("namespaces", "", "configmaps", "get patch"),
    Grant("namespaces", "", "pods", "get list watch delete"),
    Grant("namespaces", "", "events", "list watch"),
    Grant("namespaces", "", "services", "get create patch delete"),
    Grant("namespaces", "apps", "deployments statefulsets daemonsets", "get list watch patch"),
    Grant("namespaces", "batch", "cronjobs", "get patch"),
    Grant("namespaces", "discovery.k8s.io", "endpointslices", "list"),
)
WRITE: Part = (
    Grant("journal", "", "namespaces", "patch"),
    Grant("journal", "", "configmaps", "get list create patch delete"),
    Grant("journal", "coordination.k8s.io", "leases", "create"),
    Grant("journal", "coordination.k8s.io", "leases", "get update delete", ("meshroll",)),
)
DISRUPTION: Part = (Grant("namespaces", "policy", "poddisruptionbudgets", "list"),)
# Only where there is such an API.
OTHER_POLICIES: Part = (
    Grant("cluster", "cilium.io", "ciliumnetworkpolicies ciliumclusterwidenetworkpolicies", "list"),
    Grant("cluster", "crd.projectcalico.org", "networkpolicies globalnetworkpolicies", "list"),
    Grant("cluster", "policy.networking.k8s.io", "adminnetworkpolicies", "list"),
    Grant("cluster", "vpcresources.k8s.aws", "securitygrouppolicies", "list"),
)
CHECKS: Part = (
    *(*DISRUPTION, *OTHER_POLICIES),
    Grant("namespaces", "", "resourcequotas limitranges", "list"),
    Grant("namespaces", "batch", "jobs", "list"),
    # Only where there is such an API.
    Grant("namespaces", "autoscaling.k8s.io", "verticalpodautoscalers", "list"),
    Grant("namespaces", "keda.sh", "scaledobjects", "list"),
    Grant("cluster", "crd.projectcalico.org", "felixconfigurations", "list"),
    Grant("cluster", "", "namespaces pods", "list"),
    Grant("cluster", "networking.k8s.io", "networkpolicies", "list"),
    Grant("cluster", ADMISSION, " ".join(dict.fromkeys(WEBHOOKS.values())), "list"),
    Grant("kube-system", "", "configmaps", "get", ("cilium-config",)),
    # By name wherever it is: a Role cannot be made in a namespace that may not be there.
    Grant("cluster", "", "configmaps", "get", ("linkerd-cni-config",)),
)
PROBE: Part = (
    Grant("namespaces", "batch", "jobs", "create get delete"),
    Grant("namespaces", "", "events", "list"),
)
# Pods are killed, degraded and labelled, the last of which a NetworkPolicy picks them by.
DRILL: Part = (
    # Whether those of callers are marked too, wherever they are.
    Grant("cluster", "", "namespaces", "get"),
    Grant("namespaces", "", "pods", "get list patch delete"),
    Grant("namespaces", "", "pods/resize", "patch"),
    Grant("namespaces", "apps", "deployments", "get patch"),
    Grant("namespaces", "networking.k8s.io", "networkpolicies", "get create delete"),
)
SCAN: Part = (
    Grant("cluster", "", "namespaces pods services configmaps", "list"),
    Grant("cluster", "networking.k8s.io", "networkpolicies", "list"),
    Grant("cluster", CRDS, "customresourcedefinitions", "get", GATEWAY_CRDS),
    Grant("cluster", "linkerd.io", "serviceprofiles", "list"),
    Grant("cluster", "policy.linkerd.io", "servers", "list"),
    Grant("cluster", "workload.linkerd.io", "externalworkloads", "list"),
    # Only where there is such an API.
    Grant("cluster", "multicluster.linkerd.io", "links", "list"),
    Grant("cluster", "monitoring.coreos.com", "podmonitors servicemonitors", "list"),
    *OTHER_POLICIES,
)


def _charts(verbs: str) -> Part:
    """What Helm does to the objects of Linkerd's charts in Linkerd's namespace."""
    return (
        Grant("linkerd", "", "configmaps secrets serviceaccounts services", verbs),
        Grant("linkerd", "apps", "deployments", verbs),
        Grant("linkerd", "batch", "cronjobs", verbs),
        Grant("linkerd", "policy", "poddisruptionbudgets", verbs),
        Grant("linkerd", RBAC, "roles rolebindings", verbs),
        Grant("linkerd", "monitoring.coreos.com", "podmonitors", verbs),
    )


def _cluster_charts(verbs: str) -> Part:
    """The same in the cluster, of objects that are there."""
    return (
        Grant("cluster", RBAC, "clusterroles", verbs, CLUSTER_ROLES),
        Grant("cluster", RBAC, "clusterrolebindings", verbs, CLUSTER_ROLE_BINDINGS),
        *_webhooks(verbs),
    )


# Helm's own records; and what is waited for.
HELM: Part = (Grant("linkerd", "", "secrets", "get list update delete"),)
COMING_UP: Part = (
    Grant("linkerd", "", "namespaces", "get patch"),
    Grant("linkerd", "apps", "deployments statefulsets daemonsets", "list watch"),
    Grant("linkerd", "", "pods events", "list watch"),
    Grant("default", "", "pods", "create"),
)
# Nobody may grant more than they hold, unless they may escalate.
GRANTING: Part = (Grant("linkerd", RBAC, "roles", "bind escalate"),)
INSTALL: Part = (
    *(*HELM, *COMING_UP, *GRANTING, *_charts("get create patch"), *_cluster_charts("get patch")),
    Grant("cluster", CRDS, "customresourcedefinitions", "get create patch"),
    Grant("cluster", RBAC, "clusterroles", "create escalate"),
    Grant("cluster", RBAC, "clusterroles", "bind", CLUSTER_ROLES),
    Grant("cluster", RBAC, "clusterrolebindings", "create"),
    Grant("cluster", ADMISSION, "mutatingwebhookconfigurations validatingwebhookconfigurations", "create"),
)
UPGRADE: Part = (
    *(*HELM, *COMING_UP, *GRANTING, *_charts("get create update patch delete")),
    *_cluster_charts("get update patch delete"),
    Grant("cluster", CRDS, "customresourcedefinitions", "create"),
    Grant("cluster", CRDS, "customresourcedefinitions", "get update patch delete", LINKERD_CRDS),
    Grant("cluster", RBAC, "clusterroles", "bind escalate", CLUSTER_ROLES),
)
UNINSTALL: Part = (
    *(*HELM, *_charts("delete"), *_cluster_charts("delete"), *_webhooks("get")),
    Grant("cluster", "", "namespaces pods", "list"),
    Grant("cluster", CRDS, "customresourcedefinitions", "list"),
)
UNINSTALL_CRDS: Part = (
    Grant("cluster", CRDS, "customresourcedefinitions", "delete", (*LINKERD_CRDS, *GATEWAY_CRDS)),
    Grant("cluster", "linkerd.io", "*", "list"),
    Grant("cluster", "policy.linkerd.io", "*", "list"),
    Grant("cluster", "workload.linkerd.io", "*", "list"),
    Grant("cluster", GATEWAY_API, "*", "list"),
)
STEAL: Part = (Grant("journal", "coordination.k8s.io", "leases", "get update", ("meshroll",)),)
RENEW: Part = (
    # Which trust anchors running proxies carry.
    Grant("cluster", "", "pods", "list"),
    Grant("linkerd", "", "secrets", "get update", (ISSUER_SECRET,)),
    Grant("linkerd", "", "configmaps", "get", ("linkerd-config", TRUST_ROOTS)),
    Grant("linkerd", "", "events", "list"),
    Grant("linkerd", "apps", "deployments", "get patch", (DEPLOYMENT,)),
)

_LOOKS, _SEES = (*LOOK, *SPACES), (*LOOK, *SPACES, *CLIENTS)
_CHANGES = (*_SEES, *CERTIFICATES, *CHECKS, *PROMETHEUS, *CHANGE, *WRITE)
COMMANDS: Mapping[str, Part] = {
    "status": (*_LOOKS, *CERTIFICATES, *RUNS),
    "runs": (*_LOOKS, *RUNS),
    "report": RUN,
    "verify": (*_SEES, *PROMETHEUS, *RUN),
    "verify --probe": (*_LOOKS, *PROBE),
    "preflight": (*_SEES, *CERTIFICATES, *CHECKS),
    "plan": (*_SEES, *CERTIFICATES, *CHECKS, *PROMETHEUS, *RUNS),
    "rollout": _CHANGES,
    "rollback": (*_SEES, *CHANGE, *WRITE),
    "resume": _CHANGES,
    "lock steal": STEAL,
    "drill": (*_LOOKS, *PROMETHEUS, *WRITE, *DRILL),
    "releases --for": (*LOOK, *SCAN),
    "install": (*_CHANGES, *INSTALL),
    "upgrade": (*_SEES, *CERTIFICATES, *PROMETHEUS, *CHANGE, *WRITE, *DISRUPTION, *SCAN, *UPGRADE),
    "uninstall": (*_LOOKS, *WRITE, *UNINSTALL),
    "uninstall --crds": (*_LOOKS, *WRITE, *UNINSTALL, *UNINSTALL_CRDS),
    "renewal": RENEW,
}
"""What each needs at least. ``install`` is a rollout where Linkerd is not there yet, ``renewal`` the module
meshroll.linkerd.certificates by itself."""

NEEDED: tuple[Permission, ...] = tuple(each for grant in CHANGE for each in grant.permissions())
"""What a run's own look asks for in each namespace before it changes anything. An apply that makes an object needs both
of patch and create."""

NEEDED_TO_PROBE: tuple[Permission, ...] = tuple(each for grant in PROBE for each in grant.permissions())

NEEDED_TO_DRILL: tuple[Permission, ...] = tuple(each for grant in DRILL for each in grant.permissions())
