"""Scanners of what workloads and namespaces ask of the injector: pins, the kind of sidecar, the wait before exit."""

from __future__ import annotations

from collections.abc import Iterator

from meshroll.core.facts import Facts
from meshroll.core.go_values import boolean
from meshroll.core.injection import GA_SINCE, NATIVE_BETA, PROXY_PIN, WAIT, native_said
from meshroll.core.model import Workload
from meshroll.core.releases import Edge
from meshroll.core.scan.row import Hit, Scanner, by_namespace, listed, one


def _pins(facts: Facts) -> Iterator[Hit]:
    pinned: dict[tuple[str, str, str], list[str]] = {}
    for workload in facts.meshed_workloads:
        inherited = facts.annotations(workload.namespace).get(PROXY_PIN)
        own = workload.template_annotations.get(PROXY_PIN)
        if own or inherited:
            where = workload.id if own else f"Namespace/{workload.namespace}"
            pinned.setdefault((workload.namespace, where, str(own or inherited)), []).append(workload.id)
    for (namespace, where, pin), workloads in sorted(pinned.items()):
        names = "its proxies" if where in workloads else f"the proxies of {listed(workloads)}"
        yield Hit(f"{where} holds {names} at {pin}, whatever the control plane is.", namespace, where)


def _native_default(facts: Facts) -> Iterator[Hit]:
    """Those that get another kind of sidecar because they say nothing of it."""
    changed = [
        (workload.namespace, workload.id)
        for workload in facts.meshed_workloads
        if _said(workload, facts, _running(facts)) is None
        and not _default_before(facts)
        and _native_after(workload, facts)
    ]
    for namespace, workloads in by_namespace(changed).items():
        yield Hit(
            f"{listed(workloads)}: their proxies become native sidecars at the next restart.",
            namespace,
            one(workloads),
        )


def _beta_on_namespace(facts: Facts) -> Iterator[Hit]:
    """Those that the namespace's annotation decides for, and whose sidecar is of another kind without it."""
    changed: dict[tuple[str, bool], list[str]] = {}
    for workload in facts.meshed_workloads:
        beta = facts.annotations(workload.namespace).get(NATIVE_BETA)
        if beta is None or NATIVE_BETA in workload.template_annotations:
            continue
        after = _native_after(workload, facts)
        if after != bool(boolean(beta)):
            changed.setdefault((workload.namespace, after), []).append(workload.id)
    for (namespace, after), workloads in sorted(changed.items()):
        yield Hit(
            f"Namespace/{namespace} has {NATIVE_BETA}, and without it the proxies of {listed(workloads)} "
            f"{'become' if after else 'are no'} native sidecars{'' if after else ' any more'}.",
            namespace,
            f"Namespace/{namespace}",
        )


def _wait_ignored(facts: Facts) -> Iterator[Hit]:
    default = str((facts.values.get("proxy") or {}).get("waitBeforeExitSeconds") or 0)
    waiting: dict[tuple[str, str], list[str]] = {}
    for workload in facts.meshed_workloads:
        annotations = {**facts.annotations(workload.namespace), **workload.template_annotations}
        seconds = annotations.get(WAIT, default)
        if seconds != "0" and _native_after(workload, facts):
            waiting.setdefault((workload.namespace, seconds), []).append(workload.id)
    for (namespace, seconds), workloads in sorted(waiting.items()):
        yield Hit(
            f"{listed(workloads)}: their proxies are to wait {seconds} s before they exit, and as native sidecars "
            "do not.",
            namespace,
            one(workloads),
        )


def _native_after(workload: Workload, facts: Facts) -> bool:
    """The kind of sidecar from edge-26.5.2 on."""
    default = (facts.own_values.get("proxy") or {}).get("nativeSidecar", True)
    said = _said(workload, facts, GA_SINCE)
    return bool(default) if said is None else said


def _default_before(facts: Facts) -> bool:
    return bool((facts.view.control_plane.values.get("proxy") or {}).get("nativeSidecar"))


def _running(facts: Facts) -> Edge:
    return Edge.parse(facts.view.control_plane.release or "")


def _said(workload: Workload, facts: Facts, edge: Edge) -> bool | None:
    return native_said(workload.template_annotations, facts.annotations(workload.namespace), edge)


SCANNERS: dict[str, Scanner] = {
    "proxy-version-pin": _pins,
    "native-sidecar-default": _native_default,
    "beta-annotation-on-namespace": _beta_on_namespace,
    "wait-before-exit-ignored": _wait_ignored,
}
