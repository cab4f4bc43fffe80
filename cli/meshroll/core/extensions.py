"""Linkerd's extensions as they stand in a cluster, and the commands that upgrade them around a hop, in their order.

linkerd2-cni goes before the control plane, because proxies of the new release count on its rules; viz and multicluster
go after it, because they talk to it (linkerd.io/2-edge/tasks/upgrade). meshroll upgrades none of them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from meshroll.core.model import Object, Workload, annotations_of, labels_of
from meshroll.core.ownership import HELM_RELEASE
from meshroll.core.places import is_address, shown
from meshroll.core.releases import Edge

LABEL = "linkerd.io/extension"
CNI = "cni"
# In the order in which they are upgraded.
CHARTS = {
    CNI: "linkerd2-cni",
    "jaeger": "linkerd-jaeger",
    "viz": "linkerd-viz",
    "multicluster": "linkerd-multicluster",
}
# linkerd2 fc75ab8bf: the first release without the extension.
JAEGER_GONE = Edge(25, 10, 1)


@dataclass(frozen=True)
class Extension:
    """One that is there. ``release`` as it was made with, ``helm`` its release in Helm; None where it does not show."""

    name: str
    namespace: str
    release: str | None = None
    helm: str | None = None


@dataclass(frozen=True)
class ExtensionStep:
    """What to type before or after a hop; ``command`` is None where the extension has releases of its own."""

    extension: Extension
    when: Literal["before", "after"]
    text: str
    command: str | None

    @property
    def line(self) -> str:
        return f"{self.text} {self.command or ''}".strip()


def detect(namespaces: Iterable[Object], workloads: Iterable[Workload]) -> tuple[Extension, ...]:
    """By the label that every extension gives its namespace and its workloads, and by the CNI's DaemonSet."""
    found = {
        (labels_of(space)[LABEL], space["metadata"]["name"]): Extension(
            labels_of(space)[LABEL], space["metadata"]["name"]
        )
        for space in namespaces
        if LABEL in labels_of(space)
    }
    for workload in workloads:
        name = _name(workload)
        if name is None:
            continue
        known = found.get((name, workload.namespace), Extension(name, workload.namespace))
        found[name, workload.namespace] = Extension(
            name,
            workload.namespace,
            known.release or workload.created_by,
            known.helm or annotations_of(workload.manifest).get(HELM_RELEASE),
        )
    return tuple(found[key] for key in sorted(found))


def _name(workload: Workload) -> str | None:
    if workload.kind == "DaemonSet" and labels_of(workload.manifest).get("k8s-app") == "linkerd-cni":
        return CNI
    return labels_of(workload.manifest).get(LABEL)


def steps(extensions: Iterable[Extension], to: Edge, chart_source: str) -> tuple[ExtensionStep, ...]:
    """What to do about each of them on a hop to ``to``, in the order in which it is to be done."""
    order = list(CHARTS)
    placed = sorted(extensions, key=lambda each: order.index(each.name) if each.name in order else len(order))
    return tuple(_step(each, to, chart_source) for each in placed)


def _step(extension: Extension, to: Edge, chart_source: str) -> ExtensionStep:
    name, home = extension.name, extension.namespace
    what = f"{name} in {home}{f' (of {extension.release})' if extension.release else ''}"
    if name == "jaeger" and to >= JAEGER_GONE:
        command = (
            f"helm uninstall {extension.helm} -n {home}"
            if extension.helm
            else "linkerd jaeger uninstall | kubectl delete -f -"
        )
        return ExtensionStep(extension, "before", f"{what}: there is none from {JAEGER_GONE} on.", command)
    if name not in CHARTS:
        text = f"{what}: it has releases of its own; see whether it is to be upgraded too."
        return ExtensionStep(extension, "after", text, None)
    when: Literal["before", "after"] = "before" if name == CNI else "after"
    return ExtensionStep(
        extension,
        when,
        f"{what}: upgrade it {when} the control plane.",
        _upgrade(extension, to, chart_source),
    )


def _upgrade(extension: Extension, to: Edge, chart_source: str) -> str:
    chart, version = CHARTS[extension.name], to.chart_version
    if extension.helm is None:
        made_by = "install-cni" if extension.name == CNI else f"{extension.name} install"
        return f"linkerd {made_by} | kubectl apply -f -   # with the linkerd of {to}"
    return " ".join(
        [
            "helm upgrade",
            shlex.quote(extension.helm),
            *_chart(chart, version, chart_source),
            f"-n {shlex.quote(extension.namespace)}",
            "--reset-then-reuse-values",
        ]
    )


def _chart(chart: str, version: str, source: str) -> Iterator[str]:
    """A login in the address is left out: it is to be typed by whoever knows it."""
    if is_address(source):
        yield f"{chart} --repo {shlex.quote(shown(source))} --version {version}"
    else:
        home = "~/" if source.startswith("~/") else ""
        yield home + shlex.quote(f"{source.removeprefix(home).rstrip('/')}/{chart}-{version}.tgz")
