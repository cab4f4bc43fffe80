"""Is this namespace fit for it, and may this account do it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshroll.core.checks.control_plane import INJECTOR_WEBHOOK
from meshroll.core.checks.eks import COMPUTE_TYPE
from meshroll.core.checks.row import Case, Check
from meshroll.core.errors import Problem
from meshroll.core.facts import Hidden, Unseen
from meshroll.core.model import (
    NAMESPACE_NAME,
    PROXY_CONTAINER,
    NamespaceView,
    Object,
    Pod,
    annotations_of,
    labels_of,
)
from meshroll.core.permissions import NEEDED, NEEDED_TO_PROBE, Permission
from meshroll.core.scan.row import Hit, listed
from meshroll.core.selectors import selects

SYSTEM = frozenset(
    {"kube-system", "kube-public", "kube-node-lease", "linkerd", "linkerd-viz", "linkerd-cni", "meshroll"}
)
FARGATE_POD = "eks.amazonaws.com/fargate-profile"
ENFORCE = "pod-security.kubernetes.io/enforce"
PERMISSION_MISSING = "permission-missing"
WEBHOOKS = "config.linkerd.io/admission-webhooks"
DEFAULT_POLICY = "config.linkerd.io/default-inbound-policy"
REQUIRES_IDENTITY = "config.linkerd.io/proxy-require-identity-inbound-ports"
# charts/linkerd-control-plane/values.yaml, proxyInjector.namespaceSelector; kube-system is row namespace-system's.
NAMESPACE_SELECTOR: Object = {
    "matchExpressions": [
        {"key": WEBHOOKS, "operator": "NotIn", "values": ["disabled"]},
        {"key": NAMESPACE_NAME, "operator": "NotIn", "values": ["cert-manager"]},
    ]
}
# Policies under which unmeshed clients are answered.
OPEN = ("all-unauthenticated", "cluster-unauthenticated", "audit")


def _system(case: Case) -> list[Problem]:
    return [
        Problem(
            "namespace-system",
            f"{namespace.name} belongs to the cluster itself and is never meshed by meshroll.",
            "Name an application's namespace.",
            namespace=namespace.name,
        )
        for namespace in case.settings.namespaces
        if namespace.name in {*SYSTEM, case.settings.control_plane.namespace}
    ]


def missing_namespace(name: str) -> Problem:
    return Problem(
        "namespace-missing",
        f"The cluster has no namespace {name}.",
        "Is it spelled right, and is this the right cluster (meshroll_cluster.context)?",
        namespace=name,
    )


def _missing(case: Case) -> list[Problem]:
    return [
        missing_namespace(namespace.name)
        for namespace in case.settings.namespaces
        if case.view.namespaces[namespace.name].manifest is None
    ]


def _permissions(case: Case) -> list[Problem]:
    needed = NEEDED_TO_PROBE if case.direction == "probe" else NEEDED
    return [problem for _, space in case.spaces() for problem in missing_permissions(space, needed)]


def missing_permissions(space: NamespaceView, needed: Iterable[Permission]) -> list[Problem]:
    """What of this the account may not in the namespace, in one problem; none where it may all of it."""
    missing = [
        f"{verb} {resource}{'.' + group if group else ''}"
        for group, resource, verb in needed
        if not _allowed(space.rules, group, resource, verb)
    ]
    if not missing:
        return []
    return [
        Problem(
            PERMISSION_MISSING,
            f"This account may not {', '.join(missing)} in {space.name}.",
            "`meshroll rbac --command COMMAND` prints the Roles that it needs, for whoever may grant them.",
            namespace=space.name,
        )
    ]


def _allowed(rules: Iterable[Object], group: str, resource: str, verb: str) -> bool:
    def has(values: Iterable[str] | None, wanted: str) -> bool:
        return wanted in (values or ()) or "*" in (values or ())

    return any(
        has(rule.get("apiGroups"), group)
        and has(rule.get("resources"), resource)
        and has(rule.get("verbs"), verb)
        for rule in rules
        if not rule.get("resourceNames")
    )


def _empty(case: Case) -> list[Problem]:
    return [
        Problem(
            "namespace-empty",
            f"{namespace.name} has no Deployment, StatefulSet, DaemonSet or CronJob.",
            "Deploy something, or name another namespace.",
            namespace=namespace.name,
        )
        for namespace, space in case.spaces()
        if not space.workloads
    ]


def _webhooks_off(case: Case) -> Iterator[Problem]:
    selectors = _selectors(case) or [NAMESPACE_SELECTOR]
    for _, space in case.spaces():
        labels = {NAMESPACE_NAME: space.name, **labels_of(space.manifest or {})}
        if all(selects(selector, labels) for selector in selectors):
            continue
        why, fix = (
            "left out by the namespaceSelector of the injector's webhook",
            "Leave it out, or change proxyInjector.namespaceSelector in the control plane's values.",
        )
        if labels.get(WEBHOOKS) == "disabled":
            why, fix = f"labelled {WEBHOOKS}=disabled", f"kubectl label namespace {space.name} {WEBHOOKS}-"
        yield Problem(
            "namespace-webhooks-disabled",
            f"{space.name} is {why}: nothing would be injected.",
            fix,
            namespace=space.name,
        )


def _selectors(case: Case) -> list[Object]:
    """Of the webhook that is there, where webhooks were read: an upgrade and a probe do without."""
    configurations = case.facts.listed.get("mutating_webhooks", ()) if case.facts else ()
    return [
        webhook.get("namespaceSelector") or {}
        for configuration in (() if isinstance(configurations, Hidden) else configurations)
        for webhook in configuration.get("webhooks") or []
        if webhook["name"] == INJECTOR_WEBHOOK
    ]


def _pod_security(case: Case) -> list[Problem]:
    """linkerd-init needs NET_ADMIN and NET_RAW, which only `privileged` admits; with linkerd-cni there is no init."""
    if case.values.get("cniEnabled"):
        return []
    return [
        Problem(
            "pod-security",
            f"{space.name} enforces Pod Security {level}, which refuses the proxy's init container.",
            f"Label it {ENFORCE}=privileged, or run linkerd-cni.",
            namespace=space.name,
        )
        for _, space in case.spaces()
        if (level := labels_of(space.manifest or {}).get(ENFORCE)) in ("baseline", "restricted")
    ]


def _pods(case: Case, space: NamespaceView) -> list[Pod]:
    """Of the workloads in hand, or all of the namespace for a probe, which puts pods of its own there."""
    if case.direction == "probe":
        return list(space.pods)
    return [
        pod
        for _, home, workload in case.taken()
        if home.name == space.name
        for pod in space.pods_of(workload.id)
    ]


def _fargate(case: Case) -> list[Problem]:
    fargate_nodes = {
        node["metadata"]["name"] for node in case.view.nodes if labels_of(node).get(COMPUTE_TYPE) == "fargate"
    }
    return [
        Problem(
            "fargate",
            f"Pods of {space.name} run on Fargate, which has no NET_ADMIN: they cannot be meshed.",
            "Move them to managed nodes (aws/containers-roadmap#682).",
            namespace=space.name,
        )
        for _, space in case.spaces()
        if any(
            FARGATE_POD in labels_of(pod.manifest) or pod.manifest["spec"].get("nodeName") in fargate_nodes
            for pod in _pods(case, space)
        )
    ]


def _other_mesh(case: Case) -> list[Problem]:
    found = []
    for _, space in case.spaces():
        labels, pods = labels_of(space.manifest or {}), _pods(case, space)
        signs = {
            "Istio": "istio.io/rev" in labels or labels.get("istio-injection") == "enabled",
            "Istio ambient": labels.get("istio.io/dataplane-mode") == "ambient",
            "Kuma": labels.get("kuma.io/sidecar-injection") in ("enabled", "true"),
            "Consul": any(
                annotations_of(pod.manifest).get("consul.hashicorp.com/connect-inject") == "true"
                for pod in pods
            ),
            "an istio-proxy sidecar": any("istio-proxy" in _containers(pod) for pod in pods),
            # Alone, it is the application: a gateway.
            "an Envoy sidecar": any(
                "envoy" in names and names - {"envoy", "shutdown-manager", PROXY_CONTAINER}
                for names in map(_containers, pods)
            ),
        }
        found += [
            Problem(
                "other-mesh",
                f"{space.name} is handled by {name}; two proxies in a pod break it.",
                "Take the other mesh out first.",
                namespace=space.name,
            )
            for name, present in signs.items()
            if present
        ]
    return found


def _containers(pod: Pod) -> set[str]:
    """Names of those that run as long as the pod, or may."""
    spec = pod.manifest["spec"]
    return {each["name"] for key in ("containers", "initContainers") for each in spec.get(key) or []}


def _policy(case: Case) -> Iterator[Hit]:
    """A server whose policy asks for mTLS refuses every caller that is not meshed yet.

    Raises Unseen, at its end, for Servers that deny all but what AuthorizationPolicies allow: those are not looked at.
    """
    proxy = case.values.get("proxy") or {}
    for _, space, workload in case.taken():
        said = {
            DEFAULT_POLICY: proxy.get("defaultInboundPolicy", "all-unauthenticated"),
            REQUIRES_IDENTITY: proxy.get("requireIdentityOnInboundPorts"),
            **space.annotations,
            **workload.template_annotations,
        }
        refusals = [f"policy {said[DEFAULT_POLICY]}"] if said[DEFAULT_POLICY] not in OPEN else []
        if ports := said[REQUIRES_IDENTITY]:
            refusals.append(f"identity required on ports {ports}")
        for why in refusals:
            yield Hit(f"{workload.id} would answer no unmeshed client ({why}).", space.name, workload.id)
    denying = []
    for _, space in case.spaces():
        for server in space.policy_servers:
            # The CRD's default; what it asks for is in AuthorizationPolicies.
            access = (server.get("spec") or {}).get("accessPolicy", "deny")
            name = f"Server/{server['metadata']['name']}"
            if access == "deny":
                denying.append(f"{space.name}/{name}")
            elif access not in OPEN:
                yield Hit(
                    f"{name} would answer no unmeshed client ({access}).",
                    space.name,
                    name,
                    "Set its accessPolicy to all-unauthenticated or audit until every caller is meshed.",
                )
    if denying:
        raise Unseen(f"{listed(denying)}: whom AuthorizationPolicies let in there is not looked at")


CHECKS = (
    Check(
        "namespace-system",
        "no namespace of the cluster itself is named",
        _system,
        ("in", "upgrade", "out", "probe"),
        why="What the cluster and the mesh need to start must not need the mesh: pods in kube-system with a proxy "
        "wait for an injector that waits for them.",
        fix="Name an application's namespace.",
    ),
    Check(
        "namespace-missing",
        "every namespace is there",
        _missing,
        ("in", "out", "verify", "probe"),
        why="A namespace that is not there is a name that is misspelt, or another cluster than was thought.",
        fix="Correct meshroll_namespaces, or meshroll_cluster.",
    ),
    Check(
        PERMISSION_MISSING,
        "the account may do it",
        _permissions,
        ("in", "upgrade", "out", "probe"),
        why="A run that is refused half way has to go back, and may lack the permission for that too. `preflight` and "
        "`plan`, which write nothing, only say it.",
        fix="`meshroll rbac` prints the Roles that a command needs.",
    ),
    Check(
        "namespace-empty",
        "there is something to mesh",
        _empty,
        why="A rollout over no workload proves nothing and would be told as a success.",
        fix="Deploy something, or name another namespace.",
    ),
    Check(
        "namespace-webhooks-disabled",
        "the injector sees the namespace",
        _webhooks_off,
        ("in", "upgrade", "probe"),
        acceptable=True,
        why=f"The injector's webhook leaves out namespaces that are labelled {WEBHOOKS}=disabled, and cert-manager by "
        "name (linkerd2 charts/linkerd-control-plane, proxyInjector.namespaceSelector): their pods start unmeshed.",
        fix=f"Take the label away: kubectl label namespace NAMESPACE {WEBHOOKS}-. What is left out by name stays so.",
    ),
    Check(
        "pod-security",
        "Pod Security admits the proxy's init container",
        _pod_security,
        ("in", "probe"),
        acceptable=True,
        why="The proxy's init container needs NET_ADMIN and NET_RAW, which only the level privileged admits (linkerd2 "
        "#11706): pods would be refused.",
        fix=f"Label the namespace {ENFORCE}=privileged, or run linkerd-cni (cniEnabled in the values).",
    ),
    Check(
        "fargate",
        "no pod runs on Fargate",
        _fargate,
        ("in", "probe"),
        acceptable=True,
        why="Fargate gives no pod NET_ADMIN and runs no DaemonSets, so neither the init container nor linkerd-cni can "
        "send a pod's traffic through its proxy (linkerd2 #6728).",
        fix="Move the workloads to managed nodes, or leave them out with linkerd.io/inject: disabled.",
    ),
    Check(
        "other-mesh",
        "no other mesh is in the pods",
        _other_mesh,
        ("in", "probe"),
        acceptable=True,
        why="Two proxies in a pod both take its traffic, and Linkerd's injector leaves out pods that have Istio's "
        "(linkerd2 pkg/healthcheck HasExistingSidecars).",
        fix="Take the other mesh out of the namespace first.",
    ),
    Check(
        "policy-denies-unmeshed",
        "servers answer clients that are not meshed yet",
        _policy,
        acceptable=True,
        why="While a rollout is under way some callers have no proxy. A server whose policy asks for mTLS refuses them "
        "(linkerd.io/2-edge/features/server-policy). Of a Server that denies all but what AuthorizationPolicies allow, "
        "those are not looked at: see that they let unmeshed clients in as long as there are some.",
        fix="Use all-unauthenticated or audit, and require no identity, until every caller is meshed.",
    ),
)
