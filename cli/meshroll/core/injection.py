"""Who gets a proxy and of which kind: the annotations of a pod template, said explicitly.

As linkerd2 reads them: pkg/inject/inject.go (precedence, inheritance) and charts/partials/templates/_proxy.tpl.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from meshroll.core.changes import Change, fields_between, pointer
from meshroll.core.errors import Problem
from meshroll.core.go_values import boolean
from meshroll.core.model import INJECT, KEPT_OUT, NamespaceView, Pod, Workload, kubernetes_minor
from meshroll.core.releases import Edge, supports_native_sidecar
from meshroll.core.settings import Namespace

Sidecar = Literal["native", "wait"]

NATIVE_ALPHA = "config.alpha.linkerd.io/proxy-enable-native-sidecar"
NATIVE_BETA = "config.beta.linkerd.io/proxy-enable-native-sidecar"
NATIVE_GA = "config.linkerd.io/proxy-enable-native-sidecar"
WAIT = "config.alpha.linkerd.io/proxy-wait-before-exit-seconds"
PROXY_PIN = "config.linkerd.io/proxy-version"
RESTARTED_BY = "meshroll.io/restarted-by-run"
# linkerd2 d3788f6a6: the first edge that reads the beta annotation.
BETA_SINCE = Edge(25, 10, 2)
# The first edge that reads the GA annotation, and that no longer inherits the beta one from a namespace.
GA_SINCE = Edge(26, 5, 2)
# All that a rollout writes on a template or a namespace, and that the way out takes away again.
OWN_ANNOTATIONS = (NATIVE_ALPHA, NATIVE_BETA, NATIVE_GA, WAIT, KEPT_OUT)


def sidecar_mode(wanted: Literal["auto", "native", "wait"], kubernetes_version: str, edge: Edge) -> Sidecar:
    """``auto`` is native where Kubernetes and the release carry it, else wait-before-exit."""
    if wanted == "auto":
        return "native" if supports_native_sidecar(kubernetes_minor(kubernetes_version), edge) else "wait"
    return wanted


def sidecar_annotations(
    mode: Sidecar, edge: Edge, wait_seconds: int, inherited: Mapping[str, str]
) -> dict[str, str | None]:
    """The template annotations that say ``mode`` to this release, None for those that must not be there.

    GA beats beta beats alpha whatever the level, so below 26.5.2 a beta value that a namespace hands down is answered
    with a beta value of our own.
    """
    native = "true" if mode == "native" else "false"
    return {
        NATIVE_ALPHA: native,
        NATIVE_BETA: native if edge < GA_SINCE and NATIVE_BETA in inherited else None,
        NATIVE_GA: native if edge >= GA_SINCE else None,
        WAIT: None if mode == "native" else str(wait_seconds),
    }


def native_said(own: Mapping[str, str], handed_down: Mapping[str, str], edge: Edge) -> bool | None:
    """The kind of sidecar that annotations ask for in this release: of a pod, then of its namespace; None: of none.

    A key of the namespace counts where the pod has not the same key, whatever other key the pod has.
    """
    if edge >= GA_SINCE:
        known, inherited = [NATIVE_GA, NATIVE_BETA, NATIVE_ALPHA], [NATIVE_GA, NATIVE_ALPHA]
    else:
        known = inherited = [NATIVE_BETA, NATIVE_ALPHA] if edge >= BETA_SINCE else [NATIVE_ALPHA]
    for key in known:
        value = own.get(key, handed_down.get(key) if key in inherited else None)
        if value is not None:
            return bool(boolean(value))
    return None


def injected(
    workload: Workload, view: NamespaceView, settings: Namespace, mode: Sidecar, edge: Edge, run_id: str
) -> Change | None:
    """The one template change that gets ``workload`` meshed, or None where it already is as wanted.

    A template that is right with pods that are not (the webhook was away when they were born) is restarted, once
    nothing replaces them already.
    """
    if workload.kind == "CronJob" and mode != "native":
        # Its Jobs would never complete beside a classic proxy, and a namespace's annotation would reach them.
        wanted: dict[str, str | None] = {INJECT: "disabled", KEPT_OUT: "true"} if settings.annotates else {}
    else:
        present = workload.template_annotations.get(INJECT)
        wanted = {
            INJECT: "ingress" if present == "ingress" else "enabled",
            KEPT_OUT: None,
            **sidecar_annotations(mode, edge, settings.wait_before_exit_seconds, view.annotations),
        }
    annotations = workload.template_path + "/metadata/annotations"
    fields = fields_between(
        workload.manifest, [(annotations + pointer(key), value) for key, value in wanted.items()]
    )
    why = f"inject the proxy of {edge} ({mode})"
    if not fields and workload.rolled and any(unlike(pod, mode, edge) for pod in view.pods_of(workload.id)):
        fields = fields_between(workload.manifest, [(annotations + pointer(RESTARTED_BY), run_id)])
        why = "restart pods whose proxy is missing or of another kind or release"
    if not fields:
        return None
    return Change(
        workload.kind, workload.namespace, workload.name, "patch", why, fields, pods=workload.replicas
    )


def uninjected(workload: Workload, extra: list[tuple[str, str | None]]) -> Change | None:
    """The one template change that takes the proxy away; ``extra`` are fields that go with it (dial mode).

    ``linkerd.io/inject: disabled`` is somebody's decision and stays.
    """
    annotations = workload.template_path + "/metadata/annotations"
    wanted: list[tuple[str, str | None]] = [(annotations + pointer(key), None) for key in OWN_ANNOTATIONS]
    if not workload.opted_out:
        wanted.append((annotations + pointer(INJECT), None))
    fields = fields_between(workload.manifest, [*wanted, *extra])
    if not fields:
        return None
    return Change(
        workload.kind,
        workload.namespace,
        workload.name,
        "patch",
        "take the proxy out" if fields_between(workload.manifest, wanted) else "dial once per request",
        fields,
        pods=workload.replicas,
    )


def pinned_proxy(workload: Workload, view: NamespaceView) -> str | None:
    """The release whose proxy its pods get whatever the control plane is; None: the control plane's."""
    return {**view.annotations, **workload.template_annotations}.get(PROXY_PIN)


def unlike(pod: Pod, mode: Sidecar, edge: Edge) -> str | None:
    """Why this pod is not meshed as wanted, or None where it is."""
    proxy = pod.proxy
    if proxy is None:
        return "it has no linkerd-proxy"
    if proxy.native != (mode == "native"):
        return f"its proxy is {'a native' if proxy.native else 'not a native'} sidecar"
    if proxy.release and proxy.release != str(edge):
        return f"its proxy is {proxy.release}, not {edge}"
    return None


def sidecar_problems(workload: Workload, mode: Sidecar, settings: Namespace) -> list[Problem]:
    """A wait that outlives the pod's grace period ends in SIGKILL (exit 137) at every rollout."""
    if mode == "wait" and settings.wait_before_exit_seconds >= workload.grace_period_seconds:
        return [
            Problem(
                "wait-exceeds-grace-period",
                f"{workload.id} waits {settings.wait_before_exit_seconds} s before its proxy exits, but its pods are "
                f"killed after {workload.grace_period_seconds} s.",
                "Lower wait_before_exit_seconds below terminationGracePeriodSeconds, or raise the latter.",
                namespace=workload.namespace,
                object=workload.id,
            )
        ]
    return []
