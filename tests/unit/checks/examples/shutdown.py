from __future__ import annotations

from unit.checks.example import Example
from unit.core.check_cases import case
from unit.core.factories import Json, service, workload

from meshroll.core.checks import Case

WAIT = "config.alpha.linkerd.io/proxy-wait-before-exit-seconds"
DRAIN = "config.linkerd.io/shutdown-grace-period"
BEHIND = (service("omni", "omni"),)
SLEEPS = {"exec": {"command": ["/bin/sh", "-c", "sleep 5 && kill 1"]}}
DEREGISTERS = {"exec": {"command": ["sh", "-c", "curl -X DELETE http://registry/omni"]}}


def stops(hook: Json, sidecar: str = "wait") -> Case:
    container = {"name": "omni", "image": "registry.example/omni:1.0", "lifecycle": {"preStop": hook}}
    return case(workload(containers=[container]), wanted={"sidecar": sidecar}, services=BEHIND)


EXAMPLES = [
    Example(
        "wait-exceeds-grace-period",
        lambda: case(wanted={"sidecar": "wait", "wait_before_exit_seconds": 29}),
        lambda: case(wanted={"sidecar": "wait", "wait_before_exit_seconds": 30}),
        "Deployment/omni waits 30 s before its proxy exits, but its pods are killed after 30 s.",
    ),
    Example(
        "wait-beside-native",
        lambda: case(
            workload(annotations={WAIT: "10"}), annotations={WAIT: "10"}, wanted={"sidecar": "wait"}
        ),
        lambda: case(annotations={WAIT: "10"}),
        f"charging has {WAIT}, which native sidecars pass over.",
    ),
    Example(
        "drain-exceeds-grace-period",
        lambda: case(workload(annotations={DRAIN: "30s"})),
        lambda: case(workload(annotations={DRAIN: "1m"})),
        "The proxy of Deployment/omni may drain for 1m, but its pods are killed after 30 s.",
    ),
    Example(
        "pre-stop-needs-network",
        lambda: stops(DEREGISTERS, "native"),
        lambda: stops(DEREGISTERS),
        "The preStop hook of Deployment/omni (omni) calls curl; the proxy that carries it ends 10 s after the pod is "
        "told to.",
    ),
    Example(
        "application-outlives-proxy",
        lambda: stops(SLEEPS),
        lambda: stops({"sleep": {"seconds": 20}}),
        "Deployment/omni goes on for 20 s (preStop), its proxy for 10 s: its last calls find no proxy.",
    ),
    Example(
        "nothing-drains",
        lambda: stops(SLEEPS),
        lambda: case(services=BEHIND),
        "Deployment/omni has no preStop hook: unless it serves on for some seconds after SIGTERM, it loses calls at "
        "every restart, with or without the mesh.",
    ),
]
