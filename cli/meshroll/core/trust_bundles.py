"""The trust anchors that running proxies carry: those that they were started with, in their environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshroll.core.model import PROXY_CONTAINER, Pod

TRUST_ANCHORS = "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS"


def bundles_of(pods: Iterable[Pod]) -> Mapping[str, tuple[str, ...]]:
    """The workloads of running proxies by the PEM bundle that they carry, in the form that trimmed() gives it.

    Pods of the control plane are not among them: theirs is read from the ConfigMap as they start.
    """
    found: dict[str, set[str]] = {}
    for pod in pods:
        bundle = None if pod.ending or pod.finished else _carried(pod)
        if bundle is not None:
            owner = pod.owner or f"Pod/{pod.name}"
            found.setdefault(trimmed(bundle), set()).add(f"{pod.manifest['metadata']['namespace']}/{owner}")
    return {bundle: tuple(sorted(workloads)) for bundle, workloads in found.items()}


def trimmed(bundle_pem: str) -> str:
    """As `linkerd check` compares bundles: white space around them does not count."""
    return bundle_pem.strip()


def _carried(pod: Pod) -> str | None:
    spec = pod.manifest["spec"]
    for container in (*(spec.get("initContainers") or []), *(spec.get("containers") or [])):
        if container["name"] == PROXY_CONTAINER:
            for variable in container.get("env") or []:
                if variable["name"] == TRUST_ANCHORS and variable.get("value"):
                    return str(variable["value"])
    return None
