"""Which pods get no proxy (linkerd2: pkg/inject/report.go and pkg/healthcheck/sidecar.go)."""

import itertools
from typing import Any

from meshroll_sandbox.standins.overrides import INJECT, Annotations, Values
from meshroll_sandbox.standins.proxyspec import service_account_mounts

Object = dict[str, Any]

_ENABLED = ("enabled", "ingress")


def skip_reasons(pod: Object, inherited: Annotations, values: Values) -> list[str]:
    """Why a pod gets no proxy, in the words of the event; empty when it gets one."""
    spec = pod["spec"]
    reasons = []
    if spec.get("hostNetwork"):
        reasons.append("hostNetwork is enabled")
    if _has_sidecar(spec):
        reasons.append("pod has a sidecar injected already")
    own = (pod["metadata"].get("annotations") or {}).get(INJECT, "")
    if reason := _annotation_reason(own, inherited.get(INJECT, "")):
        reasons.append(reason)
    if not values["identity"]["serviceAccountTokenProjection"] and not service_account_mounts(
        spec["containers"][0]
    ):
        reasons.append(
            'automountServiceAccountToken set to "false", '
            'with Values.identity.serviceAccountTokenProjection set to "false"'
        )
    return reasons


def _annotation_reason(own: str, inherited: str) -> str | None:
    valid = ("", "disabled", *_ENABLED)
    if inherited not in valid:
        return f'invalid value for annotation "{INJECT}" at namespace'
    if own not in valid:
        return f'invalid value for annotation "{INJECT}" at workload'
    if inherited in _ENABLED:
        return f'pod has the annotation "{INJECT}:disabled"' if own == "disabled" else None
    if own in _ENABLED:
        return None
    return f'neither the namespace nor the pod have the annotation "{INJECT}:enabled"'


def _has_sidecar(spec: Object) -> bool:
    init = spec.get("initContainers") or []
    images = ("cr.l5d.io/linkerd/proxy:", "gcr.io/istio-release/proxyv2:")
    init_images = ("cr.l5d.io/linkerd/proxy-init:", "gcr.io/istio-release/proxy_init:")
    return any(
        each["name"] in ("linkerd-proxy", "istio-proxy") or each.get("image", "").startswith(images)
        for each in itertools.chain(init, spec["containers"])
    ) or any(
        each["name"] in ("linkerd-init", "istio-init") or each.get("image", "").startswith(init_images)
        for each in init
    )
