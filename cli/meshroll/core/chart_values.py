"""Values of Linkerd's charts: the profile's, the operator's, and those that keep keys out of Helm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from meshroll.core.errors import Problem
from meshroll.core.known_values import value_at

CRDS_CHART: Final = "linkerd-crds"
CONTROL_PLANE_CHART: Final = "linkerd-control-plane"
# With failurePolicy Fail and one injector, its restart would stop every new pod of the cluster.
INJECTORS_FOR_FAIL = 2
# Gateway API is the cluster's, not Linkerd's: no edge since 2024 brings or takes its CRDs with these.
CRDS_VALUES = {
    "installGatewayAPI": False,
    "enableHttpRoutes": False,
    "enableTlsRoutes": False,
    "enableTcpRoutes": False,
}
IDENTITY_VALUES = {"identity": {"externalCA": True, "issuer": {"scheme": "kubernetes.io/tls"}}}


def chart_values(
    ha: Mapping[str, Any] | None, own: Mapping[str, Any], podmonitor: bool = False
) -> dict[str, Any]:
    """Of linkerd-control-plane: the chart's HA values, PodMonitors, the operator's, then where identity comes from."""
    base = merged(ha or {}, {"podMonitor": {"enabled": True}} if podmonitor else {})
    return merged(merged(base, own), IDENTITY_VALUES)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Maps are merged key by key, anything else of ``above`` wins: as Helm merges values files."""
    result: dict[str, Any] = {}
    for key, value in below.items():
        result[key] = merged(value, {}) if isinstance(value, Mapping) else value
    for key, value in above.items():
        if isinstance(value, Mapping):
            lower = result.get(key)
            result[key] = merged(lower if isinstance(lower, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def value_problems(own: Mapping[str, Any], values: Mapping[str, Any]) -> list[Problem]:
    """What cannot be in the operator's values (``own``); ``values`` are those with the profile's."""
    problems = [
        Problem(
            "values-key",
            f"meshroll_control_plane.values has a private key at {path}.",
            "Keys do not go through Helm, which would keep them in its release; give the Secret instead.",
        )
        for path in private_keys(own)
    ]
    external = value_at(own, ("identity", "externalCA"))
    scheme = value_at(own, ("identity", "issuer", "scheme"))
    if external not in (None, True) or scheme not in (None, "kubernetes.io/tls"):
        problems.append(
            Problem(
                "values-identity",
                "meshroll_control_plane.values sets identity.externalCA or identity.issuer.scheme.",
                "Leave both out: meshroll makes the issuer's Secret and the trust roots, or takes yours.",
            )
        )
    replicas = str(values.get("controllerReplicas") or 1)
    if not replicas.isdecimal():
        problems.append(
            Problem(
                "values-no-number",
                f"controllerReplicas is {replicas}, which is no number.",
                "Set it to one in meshroll_control_plane.values.",
            )
        )
    elif failure_policy(values) == "Fail" and int(replicas) < INJECTORS_FOR_FAIL:
        problems.append(
            Problem(
                "injectors-too-few",
                f"webhookFailurePolicy Fail with {replicas} injector stops every new pod when it restarts.",
                "Set controllerReplicas to 2 or more, or leave webhookFailurePolicy at Ignore.",
            )
        )
    return problems


def failure_policy(values: Mapping[str, Any]) -> str:
    return str(values.get("webhookFailurePolicy") or "Ignore")


def private_keys(values: Any, path: str = "") -> Iterator[str]:
    """Dotted paths of what looks like a private key, by name or by content."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            here = f"{path}.{key}".lstrip(".")
            if key == "keyPEM" and value:
                yield here
            else:
                yield from private_keys(value, here)
    elif isinstance(values, str) and "PRIVATE KEY" in values:
        yield path
