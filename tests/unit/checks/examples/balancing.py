"""Who balances, and who cannot."""

from __future__ import annotations

from typing import Any

from unit.checks.example import Example, with_facts
from unit.core.check_cases import case
from unit.core.factories import config_map, service, workload

from meshroll.core.checks import Case
from meshroll.core.facts import MeshedPod
from meshroll.core.model import Workload

Json = dict[str, Any]
POINTS = workload(name="points")
SERVICES: Json = {"services": [{"name": "points"}]}


def calling(target: str, *, headless: bool = True, wanted: Json | None = None, **env: str) -> Case:
    caller = workload(env={"TARGET": target, **env})
    behind = (service("points", "points", headless=headless),)
    return case(caller, POINTS, services=behind, wanted=wanted)


REPORTS = [MeshedPod("reporting", f"reports-{index}", "Deployment/reports", {}) for index in range(2)]


def from_elsewhere(*meshed: MeshedPod, **caller: Any) -> Case:
    """A caller in a namespace that is not looked at, and the pods of the cluster that have a proxy."""
    named = {"name": "reports", "namespace": "reporting", "env": {"TARGET": "points.charging:80"}}
    found = case(POINTS, services=(service("points", "points"),), elsewhere=[workload(**{**named, **caller})])
    return with_facts(found, pods=meshed)


def cilium(**data: str) -> Case:
    named = {key.replace("_", "-"): value for key, value in data.items()}
    return with_facts(case(), listed={"cilium_config": ({"data": named},), "felix_configurations": ()})


def resolving(target: str) -> Case:
    caller: Workload = workload(
        pod_spec={"volumes": [{"name": "config", "configMap": {"name": "targets"}}]},
    )
    return case(caller, config_maps=(config_map("targets", **{"client.yml": f"points: {target}"}),))


EXAMPLES = [
    Example(
        "headless-service",
        lambda: calling("dns:///points.charging:8080", wanted=SERVICES),
        lambda: calling("dns:///points.charging:8080"),
        "charging/Deployment/omni calls points, which is headless.",
    ),
    Example(
        "client-side-balancing",
        lambda: calling("points.charging:8080"),
        lambda: calling("dns:///points.charging:8080", LB_POLICY="round_robin"),
        "charging/Deployment/omni balances calls to points by itself: a headless Service, a dns:/// target, "
        "round_robin; not seen: a pool of connections.",
    ),
    Example(
        "own-resolver",
        lambda: resolving("dns:///points.charging:80"),
        lambda: resolving("kubernetes:///points.charging:80"),
        "Deployment/omni has a target of kuberesolver, which dials pods itself.",
    ),
    Example(
        "caller-elsewhere",
        lambda: from_elsewhere(*REPORTS),
        from_elsewhere,
        "reporting/Deployment/reports calls points and is not meshed.",
    ),
    Example(
        "port-undeclared",
        lambda: calling("points.charging:80", headless=False),
        lambda: calling("points.charging:9999", headless=False),
        "charging/Deployment/omni dial port 9999 of Service/points, which declares 80: the connection is refused.",
    ),
    Example(
        "socket-load-balancer",
        lambda: cilium(kube_proxy_replacement="true", bpf_lb_sock_hostns_only="true"),
        lambda: cilium(kube_proxy_replacement="true"),
        "Cilium replaces a Service's address by a pod's in the caller's socket.",
    ),
]
