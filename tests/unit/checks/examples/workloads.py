from __future__ import annotations

from unit.checks.example import Example
from unit.core.check_cases import case, named
from unit.core.factories import EDGE, pods, workload

PIN = "config.linkerd.io/proxy-version"
AGENT = workload("DaemonSet", "agent", pod_spec={"hostNetwork": True})

EXAMPLES = [
    Example(
        "gitops-managed",
        lambda: case(workload(metadata={"labels": {"app.kubernetes.io/managed-by": "Helm"}})),
        lambda: case(workload(metadata={"labels": {"argocd.argoproj.io/instance": "charging"}})),
        "Argo CD manages Deployment/omni and would undo the change.",
    ),
    Example(
        "workload-unknown",
        lambda: case(wanted=named("Deployment/omni")),
        lambda: case(wanted=named("Deployment/omnii")),
        "charging has no Deployment/omnii.",
    ),
    Example(
        "workload-not-restartable",
        lambda: case(workload("DaemonSet", spec={"updateStrategy": {"type": "RollingUpdate"}})),
        lambda: case(workload("DaemonSet", spec={"updateStrategy": {"type": "OnDelete"}})),
        "DaemonSet/omni updates only when pods are deleted (OnDelete).",
    ),
    Example(
        "workload-degraded",
        case,
        lambda: case(pods_seen=pods(workload(), ready=False)),
        "Only 0 of 2 pods of Deployment/omni are Ready.",
    ),
    Example(
        "proxy-version-pinned",
        lambda: case(workload(annotations={PIN: str(EDGE)})),
        lambda: case(workload(annotations={PIN: "edge-25.10.7"})),
        "Deployment/omni is pinned to the proxy of edge-25.10.7; the control plane is edge-26.6.3.",
    ),
    Example(
        "host-network",
        lambda: case(workload(), AGENT),
        lambda: case(workload(), AGENT, wanted=named("Deployment/omni", "DaemonSet/agent")),
        "DaemonSet/agent uses the host's network and cannot be meshed.",
    ),
    Example(
        "host-network-left-out",
        lambda: case(workload(), AGENT, wanted=named("Deployment/omni")),
        lambda: case(workload(), AGENT),
        "DaemonSet/agent uses the host's network: it is left as it is.",
    ),
]
