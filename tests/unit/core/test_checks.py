"""Every row of the look is loud where it should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from unit.checks.example import with_facts
from unit.core.check_cases import (
    BEHIND,
    CALLER,
    FARGATE,
    LISTED,
    POINTS,
    POLICY,
    SERVICES,
    case,
    codes,
    gone,
    hpa,
    named,
    server,
    with_certificate,
    with_identity,
)
from unit.core.factories import EDGE, cluster, pod, pods, settings, space, workload
from unit.core.identities import chain

from meshroll.core import checks
from meshroll.core.checks import Case
from meshroll.core.errors import Problem
from meshroll.core.mesh_identity import Carried, MeshIdentity
from meshroll.core.model import ControlPlane, Pod, Workload
from meshroll.core.releases import Edge


def with_container(owner: Workload, name: str) -> Pod:
    found = pod(owner)
    spec = {**found.manifest["spec"], "containers": [{"name": "omni"}, {"name": name}]}
    return Pod({**found.manifest, "spec": spec})


ON_NODE = Pod({**pod(workload()).manifest, "spec": {"nodeName": "node-1", "containers": []}})
CONSUL = {"consul.hashicorp.com/connect-inject": "true"}

ABSENT = ControlPlane(False, "linkerd", None)

# (row, what makes it fire, the problem's code where it is not the row's name)
SAME = ""
FIRES: list[tuple[str, Callable[[], Case], str]] = [
    ("control-plane-missing", lambda: case(direction="probe", plane=ABSENT), SAME),
    (
        "release-unusable",
        lambda: replace(case(), release_problems=(Problem("control-plane-foreign", "No edge.", "Move."),)),
        "control-plane-foreign",
    ),
    ("injector-not-ready", lambda: case(ready=0), SAME),
    ("certificate-not-valid", lambda: with_certificate("expired"), SAME),
    ("issuer-unusable", lambda: with_identity(MeshIdentity(replace(chain(), signer=None))), SAME),
    (
        "proxies-without-anchor",
        lambda: with_identity(MeshIdentity(chain(), (Carried(("charging/Deployment/omni",), False),))),
        SAME,
    ),
    ("certificate-not-valid", lambda: with_certificate("not_yet_valid"), SAME),
    ("native-sidecar-unsupported", lambda: case(kubernetes="v1.28.9", wanted={"sidecar": "native"}), SAME),
    ("native-sidecar-unsupported", lambda: case(edge=Edge(25, 12, 2), wanted={"sidecar": "native"}), SAME),
    (
        "values-wait-beside-native",
        lambda: case(values={"proxy": {"waitBeforeExitSeconds": 5}}, edge=Edge(26, 5, 1)),
        SAME,
    ),
    ("namespace-system", lambda: case(name="kube-system"), SAME),
    ("namespace-system", lambda: case(name="mesh", variables={"control_plane": {"namespace": "mesh"}}), SAME),
    ("namespace-system", lambda: case(name="linkerd-viz", direction="upgrade"), SAME),
    ("namespace-missing", lambda: gone("in"), SAME),
    ("permission-missing", lambda: case(rules=()), SAME),
    ("namespace-empty", lambda: Case(cluster(space()), settings(), "in", EDGE), SAME),
    (
        "namespace-webhooks-disabled",
        lambda: case(labels={"config.linkerd.io/admission-webhooks": "disabled"}),
        SAME,
    ),
    ("pod-security", lambda: case(labels={"pod-security.kubernetes.io/enforce": "baseline"}), SAME),
    ("pod-security", lambda: case(labels={"pod-security.kubernetes.io/enforce": "restricted"}), SAME),
    (
        "fargate",
        lambda: case(pods_seen=pods(workload(), labels={"eks.amazonaws.com/fargate-profile": "p"})),
        SAME,
    ),
    ("fargate", lambda: case(nodes=[FARGATE], pods_seen=[*pods(workload()), ON_NODE]), SAME),
    ("other-mesh", lambda: case(labels={"istio-injection": "enabled"}), SAME),
    ("other-mesh", lambda: case(labels={"istio.io/rev": "canary"}), SAME),
    ("other-mesh", lambda: case(labels={"istio.io/dataplane-mode": "ambient"}), SAME),
    ("other-mesh", lambda: case(labels={"kuma.io/sidecar-injection": "enabled"}), SAME),
    ("other-mesh", lambda: case(workload(annotations=CONSUL)), SAME),
    (
        "other-mesh",
        lambda: case(pods_seen=[*pods(workload()), with_container(workload(), "istio-proxy")]),
        SAME,
    ),
    ("other-mesh", lambda: case(pods_seen=[*pods(workload()), with_container(workload(), "envoy")]), SAME),
    ("policy-denies-unmeshed", lambda: case(values={"proxy": {"defaultInboundPolicy": "deny"}}), SAME),
    ("policy-denies-unmeshed", lambda: case(annotations={POLICY: "all-authenticated"}), SAME),
    ("policy-denies-unmeshed", lambda: case(workload(annotations={POLICY: "deny"})), SAME),
    ("policy-denies-unmeshed", lambda: case(policy_servers=(server("all-authenticated"),)), SAME),
    (
        "gitops-managed",
        lambda: case(workload(metadata={"labels": {"argocd.argoproj.io/instance": "a"}})),
        SAME,
    ),
    (
        "gitops-managed",
        lambda: case(workload(metadata={"annotations": {"argocd.argoproj.io/tracking-id": "a"}})),
        SAME,
    ),
    (
        "gitops-managed",
        lambda: case(workload(metadata={"labels": {"helm.toolkit.fluxcd.io/name": "a"}})),
        SAME,
    ),
    ("gitops-managed", lambda: case(labels={"kustomize.toolkit.fluxcd.io/name": "a"}), SAME),
    ("workload-unknown", lambda: case(wanted=named("Deployment/absent")), SAME),
    (
        "workload-unknown",
        lambda: case(
            workload(annotations={"linkerd.io/inject": "disabled"}), wanted=named("Deployment/omni")
        ),
        "workload-opted-out",
    ),
    (
        "workload-unknown",
        lambda: case(workload(replicas=0), wanted=named("Deployment/omni")),
        "workload-without-replicas",
    ),
    ("workload-not-restartable", lambda: case(workload(spec={"paused": True})), SAME),
    (
        "workload-not-restartable",
        lambda: case(workload("DaemonSet", spec={"updateStrategy": {"type": "OnDelete"}})),
        SAME,
    ),
    (
        "workload-not-restartable",
        lambda: case(workload("StatefulSet", spec={"updateStrategy": {"rollingUpdate": {"partition": 1}}})),
        SAME,
    ),
    ("workload-degraded", lambda: case(pods_seen=pods(workload(), ready=False)), SAME),
    ("hpa-without-proxy-request", lambda: with_facts(case(autoscalers=(hpa("cpu"),))), SAME),
    ("hpa-without-proxy-request", lambda: with_facts(case(autoscalers=(hpa("memory"),))), SAME),
    (
        "wait-exceeds-grace-period",
        lambda: case(wanted={"sidecar": "wait", "wait_before_exit_seconds": 30}),
        SAME,
    ),
    (
        "proxy-version-pinned",
        lambda: case(workload(annotations={"config.linkerd.io/proxy-version": "edge-25.10.7"})),
        SAME,
    ),
    (
        "host-network",
        lambda: case(workload(pod_spec={"hostNetwork": True}), wanted=named("Deployment/omni")),
        SAME,
    ),
    ("service-unconvertible", lambda: case(wanted={"services": [{"name": "absent"}]}), "service-unknown"),
    (
        "dial-mode-unset",
        lambda: case(workload(), POINTS, wanted={**SERVICES, "clients": [LISTED]}, **BEHIND),
        "dial-variable-missing",
    ),
    (
        "dial-mode-unset",
        lambda: case(CALLER, POINTS, wanted={"clients": [LISTED]}, **BEHIND),
        "client-of-unlisted-service",
    ),
    ("caller-not-listed", lambda: case(CALLER, POINTS, wanted=SERVICES, **BEHIND), SAME),
    (
        "caller-not-listed",
        lambda: case(
            CALLER, POINTS, wanted={**SERVICES, **named("Deployment/points"), "clients": [LISTED]}, **BEHIND
        ),
        "caller-not-ready",
    ),
]


@pytest.mark.parametrize(("row", "make", "code"), FIRES, ids=[f"{code or row}" for row, _, code in FIRES])
def test_a_row_fires_and_nothing_else_does(row: str, make: Callable[[], Case], code: str) -> None:
    check = next(check for check in checks.ALL if check.id == row)
    (problem,) = map(check.problem, check.run(make()))
    assert problem.code == (code or row)
    assert problem.message
    assert problem.hint
    assert codes(make()) == [problem.code]
