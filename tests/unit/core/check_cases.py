"""One namespace to look at, healthy but for what a test says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from unit.core.factories import EDGE, Json, cluster, control_plane_parts, service, settings, space, workload

from meshroll.core import checks
from meshroll.core.certificate_dates import Dated, State
from meshroll.core.checks import Case
from meshroll.core.mesh_identity import MeshIdentity
from meshroll.core.model import ControlPlane, Workload
from meshroll.core.releases import Edge

NAMESPACE: Json = {"name": "charging"}


def case(
    *workloads: Workload,
    wanted: Json | None = None,
    direction: str = "in",
    edge: Edge = EDGE,
    values: Json | None = None,
    ready: int = 2,
    kubernetes: str = "v1.33.1",
    nodes: Sequence[Json] = (),
    elsewhere: Sequence[Workload] = (),
    variables: Json | None = None,
    plane: ControlPlane | None = None,
    **view: Any,
) -> Case:
    """A healthy namespace with one Deployment, but for what is said."""
    found = space(*(workloads or [workload()]), **view)
    parts = control_plane_parts()
    plane = plane or ControlPlane(True, "linkerd", str(edge), ready, values or {}, parts)
    seen = cluster(found, kubernetes=kubernetes, plane=plane, nodes=nodes, elsewhere=elsewhere)
    asked = settings({**NAMESPACE, "name": found.name, **(wanted or {})}, **(variables or {}))
    return Case(seen, asked, direction, edge)  # type: ignore[arg-type]


def with_certificate(state: State, direction: str = "in") -> Case:
    """Where the injector's webhook has such a certificate."""
    found = case(direction=direction)
    dated = Dated(
        what="webhook linkerd-proxy-injector", state=state, not_after="2026-11-22T00:00:00Z", days_left=3
    )
    return replace(found, view=replace(found.view, certificates=(dated,)))


def with_identity(identity: MeshIdentity) -> Case:
    found = case()
    return replace(found, view=replace(found.view, identity=identity))


def codes(found: Case) -> list[str]:
    return [problem.code for problem in checks.problems(found)]


def gone(direction: str) -> Case:
    view = cluster(replace(space(), manifest=None))
    return Case(view, settings(), direction, EDGE)  # type: ignore[arg-type]


def named(*names: str) -> Json:
    return {"workloads": list(names)}


def hpa(metric: str, kind: str = "Utilization", name: str = "omni") -> Json:
    target = {"type": kind, "averageUtilization": 70}
    return {
        "metadata": {"name": "scaler"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": name},
            "metrics": [{"type": "Resource", "resource": {"name": metric, "target": target}}],
        },
    }


def server(policy: str | None) -> Json:
    return {"metadata": {"name": "grpc"}, "spec": {"accessPolicy": policy} if policy else {}}


CALLER = workload(env={"TARGET": "points.charging:80", "DIAL": "pooled"})
POINTS = workload(name="points")
POLICY = "config.linkerd.io/default-inbound-policy"
DIALS = [{"env": "DIAL", "pooled": "pooled", "per_request": "per_request"}]
LISTED = {"workload": "Deployment/omni", "service": "points", "dial": DIALS}
BEHIND: Json = {"services": (service("points", "points"),)}
SERVICES: Json = {"services": [{"name": "points"}]}
FARGATE = {"metadata": {"name": "node-1", "labels": {"eks.amazonaws.com/compute-type": "fargate"}}}
