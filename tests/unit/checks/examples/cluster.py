from __future__ import annotations

from dataclasses import replace
from typing import Any

from unit.checks.example import Example
from unit.core.check_cases import case, with_certificate, with_identity
from unit.core.identities import chain

from meshroll.core.checks import Case
from meshroll.core.errors import Problem
from meshroll.core.mesh_identity import Carried, MeshIdentity
from meshroll.core.model import ControlPlane
from meshroll.core.releases import Edge

ABSENT = ControlPlane(False, "linkerd", None)
OLDER = Edge(26, 5, 1)
OURS = ("charging/Deployment/omni",)


def foreign() -> Case:
    problem = Problem(
        "control-plane-foreign",
        "The cluster runs Buoyant Enterprise; meshroll drives edge releases.",
        "Use its own tools, or move it to an edge release first.",
    )
    return replace(case(), release_problems=(problem,))


def waiting(edge: Edge = OLDER, **how: Any) -> Case:
    return case(values={"proxy": {"waitBeforeExitSeconds": 5}}, edge=edge, **how)


EXAMPLES = [
    Example(
        "release-unusable",
        case,
        foreign,
        "The cluster runs Buoyant Enterprise; meshroll drives edge releases.",
    ),
    Example(
        "control-plane-missing",
        lambda: case(direction="probe"),
        lambda: case(direction="probe", plane=ABSENT),
        "Linkerd is not installed on this cluster, so no pod gets a proxy.",
    ),
    Example(
        "injector-not-ready",
        case,
        lambda: case(ready=0),
        "No pod of linkerd-proxy-injector is Ready, so pods would start unmeshed.",
    ),
    Example(
        "certificate-not-valid",
        lambda: with_certificate("expiring"),
        lambda: with_certificate("expired"),
        "The webhook linkerd-proxy-injector expired on 2026-11-22.",
    ),
    Example(
        "issuer-unusable",
        lambda: with_identity(MeshIdentity(chain())),
        lambda: with_identity(MeshIdentity(replace(chain(), signer=None))),
        "The identity service cannot start with its issuer: no trust anchor signed the issuer.",
    ),
    Example(
        "proxies-without-anchor",
        lambda: with_identity(MeshIdentity(chain(), (Carried(OURS, True),))),
        lambda: with_identity(MeshIdentity(chain(), (Carried(OURS, False),))),
        "The proxies of charging/Deployment/omni do not know the trust anchor of the issuer.",
    ),
    Example(
        "native-sidecar-unsupported",
        lambda: case(kubernetes="v1.28.9"),
        lambda: case(kubernetes="v1.28.9", wanted={"sidecar": "native"}),
        "Native sidecars need Kubernetes 1.29 and edge-25.12.3; this is v1.28.9 and edge-26.6.3.",
    ),
    Example(
        "values-wait-beside-native",
        lambda: waiting(wanted={"sidecar": "wait"}),
        lambda: waiting(),
        "The control plane's values set proxy.waitBeforeExitSeconds=5: no native sidecars with it.",
    ),
]
