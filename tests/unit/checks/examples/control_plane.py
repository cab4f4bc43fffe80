"""Linkerd itself, and what the cluster gives it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from unit.checks.example import Example, with_facts
from unit.core.check_cases import case
from unit.core.factories import EDGE, control_plane_parts, pods, workload

from meshroll.core.checks import Case
from meshroll.core.facts import LinkerdChecked
from meshroll.core.model import ControlPlane, Pod

Json = dict[str, Any]


def plane(replicas: int = 2, lacking: str = "", **values: Any) -> ControlPlane:
    return ControlPlane(True, "linkerd", str(EDGE), 2, values, control_plane_parts(replicas, lacking))


def webhook(policy: str) -> Json:
    return {"webhooks": [{"name": "linkerd-proxy-injector.linkerd.io", "failurePolicy": policy}]}


def hooked(policy: str, replicas: int = 2) -> Case:
    return with_facts(case(plane=plane(replicas)), listed={"mutating_webhooks": (webhook(policy),)})


def helm(*revisions: tuple[int, str]) -> Case:
    records = tuple(
        {"metadata": {"labels": {"name": "linkerd-control-plane", "version": str(number), "status": status}}}
        for number, status in revisions
    )
    return with_facts(case(plane=plane()), listed={"helm_records": records})


def addressed(address: str, **values: Any) -> Case:
    owner = workload()
    found = [
        Pod({**pod.manifest, "status": {**pod.manifest["status"], "podIP": address}}) for pod in pods(owner)
    ]
    return case(owner, pods_seen=found, values=values)


def told(*found: LinkerdChecked) -> Case:
    return with_facts(case(plane=plane()), linkerd_check=found)


EXAMPLES = [
    Example(
        "control-plane-not-up",
        lambda: case(plane=plane()),
        lambda: case(plane=plane(lacking="linkerd-identity")),
        "linkerd-identity has 1 of 2 pods available.",
    ),
    Example(
        "control-plane-single",
        lambda: case(plane=plane()),
        lambda: case(plane=plane(1)),
        "linkerd-destination has one replica.",
    ),
    Example(
        "injector-blocks-pods",
        lambda: hooked("Fail", 2),
        lambda: hooked("Fail", 1),
        "The injector has one replica, and its webhook's failurePolicy is Fail.",
    ),
    Example(
        "injector-lets-pods-by",
        lambda: hooked("Fail"),
        lambda: hooked("Ignore"),
        "The injector's webhook has failurePolicy Ignore.",
    ),
    Example(
        "helm-unfinished",
        lambda: helm((1, "failed"), (2, "deployed")),
        lambda: helm((2, "superseded"), (10, "pending-upgrade")),
        "Helm's newest record of linkerd-control-plane, revision 10, says pending-upgrade.",
    ),
    Example(
        "cluster-networks",
        lambda: addressed("10.1.2.3"),
        lambda: addressed("172.64.0.9"),
        "Pods are outside of clusterNetworks (10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8): "
        "172.64.0.9.",
    ),
    Example(
        "ipv6-disabled",
        lambda: addressed("fd00::9", disableIPv6=False),
        lambda: addressed("fd00::9"),
        "Pods have IPv6 addresses, and disableIPv6 is true: fd00::9.",
    ),
    Example(
        "clock-skew",
        lambda: with_facts(case(), ahead_seconds=19.0),
        lambda: with_facts(case(), ahead_seconds=-61.0),
        "This machine's clock is 61 s behind the API server's.",
    ),
    Example(
        "linkerd-check",
        lambda: told(),
        lambda: told(
            LinkerdChecked(
                "linkerd-existence",
                "control plane pods are ready",
                True,
                "No running pods for linkerd-identity",
                "https://linkerd.io/2/checks/#l5d-api-control-ready",
            )
        ),
        "linkerd-existence: control plane pods are ready: No running pods for linkerd-identity",
    ),
    Example(
        "release-unusable",
        lambda: case(),
        lambda: replace(case(), release_problems=case_of_stable()),
        "The cluster runs Linkerd stable-2.14.10; meshroll drives edge releases.",
    ),
]


def case_of_stable() -> tuple[Any, ...]:
    from meshroll.core.checks.cluster import running_edge
    from meshroll.core.errors import Refused

    try:
        running_edge(ControlPlane(True, "linkerd", "stable-2.14.10"))
    except Refused as error:
        return error.problems
    return ()
