from __future__ import annotations

from unit.checks.example import Example
from unit.core.check_cases import FARGATE, POLICY, case, gone, server
from unit.core.factories import EDGE, cluster, pods, settings, space, workload

from meshroll.core.checks import Case

ENFORCE = "pod-security.kubernetes.io/enforce"
ON_FARGATE = {"eks.amazonaws.com/fargate-profile": "default"}
ALL_BUT_WATCHING_EVENTS = [
    {"apiGroups": [""], "resources": ["namespaces", "pods", "services", "configmaps"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["list"]},
    {"apiGroups": ["apps", "batch", "discovery.k8s.io"], "resources": ["*"], "verbs": ["*"]},
]


EXAMPLES = [
    Example(
        "namespace-system",
        case,
        lambda: case(name="kube-system"),
        "kube-system belongs to the cluster itself and is never meshed by meshroll.",
    ),
    Example("namespace-missing", case, lambda: gone("in"), "The cluster has no namespace charging."),
    Example(
        "permission-missing",
        case,
        lambda: case(rules=ALL_BUT_WATCHING_EVENTS),
        "This account may not watch events in charging.",
    ),
    Example(
        "namespace-empty",
        case,
        lambda: Case(cluster(space()), settings(), "in", EDGE),
        "charging has no Deployment, StatefulSet, DaemonSet or CronJob.",
    ),
    Example(
        "namespace-webhooks-disabled",
        lambda: case(labels={"config.linkerd.io/admission-webhooks": "enabled"}),
        lambda: case(labels={"config.linkerd.io/admission-webhooks": "disabled"}),
        "charging is labelled config.linkerd.io/admission-webhooks=disabled: nothing would be injected.",
    ),
    Example(
        "pod-security",
        lambda: case(labels={ENFORCE: "restricted"}, values={"cniEnabled": True}),
        lambda: case(labels={ENFORCE: "restricted"}),
        "charging enforces Pod Security restricted, which refuses the proxy's init container.",
    ),
    Example(
        "fargate",
        lambda: case(nodes=[FARGATE]),
        lambda: case(pods_seen=pods(workload(), labels=ON_FARGATE)),
        "Pods of charging run on Fargate, which has no NET_ADMIN: they cannot be meshed.",
    ),
    Example(
        "other-mesh",
        lambda: case(labels={"istio-injection": "disabled"}),
        lambda: case(labels={"istio-injection": "enabled"}),
        "charging is handled by Istio; two proxies in a pod break it.",
    ),
    Example(
        "policy-denies-unmeshed",
        lambda: case(workload(annotations={POLICY: "audit"}), policy_servers=(server("audit"),)),
        lambda: case(workload(annotations={POLICY: "deny"})),
        "Deployment/omni would answer no unmeshed client (policy deny).",
    ),
]
