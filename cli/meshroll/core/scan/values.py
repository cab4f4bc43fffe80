"""Scanners of the control plane's values, and of annotations that say the same of a namespace or a workload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshroll.core.facts import Facts
from meshroll.core.model import Object
from meshroll.core.scan.row import Hit, Scanner, by_namespace, listed, one

# Charts name their images after this; another name is a mirror, which has to have what the release needs.
REPOSITORY = "cr.l5d.io/linkerd/"
TRACE_COLLECTOR = "config.linkerd.io/trace-collector"
# IANA has none for OpenCensus; its agents listen here, and linkerd-jaeger's collector did.
OPENCENSUS_PORT = ":55678"
TRACE_PROTOCOL = "config.linkerd.io/trace-collector-protocol"
INIT_IMAGE = ("config.linkerd.io/init-image", "config.linkerd.io/init-image-version")


def _close_wait(facts: Facts) -> Iterator[Hit]:
    init = _part(facts.values, "proxyInit")
    if int(init.get("closeWaitTimeoutSecs") or 0) and not init.get("runAsRoot"):
        yield Hit(f"proxyInit.closeWaitTimeoutSecs is {init['closeWaitTimeoutSecs']}, without runAsRoot.")


def _proxy_cores(facts: Facts) -> Iterator[Hit]:
    if cores := _part(facts.values, "proxy").get("cores"):
        yield Hit(f"proxy.cores is {cores}.")


def _policy_controller_image(facts: Facts) -> Iterator[Hit]:
    yield from _image(facts, "policyController")


def _proxy_init_image(facts: Facts) -> Iterator[Hit]:
    yield from _image(facts, "proxyInit")
    for key in INIT_IMAGE:
        for namespace, names in by_namespace(_annotated(facts, key)).items():
            yield Hit(f"{listed(names)}: {key} is ignored.", namespace, one(names), f"Take {key} away.")


def _image(facts: Facts, part: str) -> Iterator[Hit]:
    """An image of one's own: what the running values say beside a chart's default, or a hop's own values say at all."""
    own = _part(_part(facts.own_values, part), "image")
    name = str(_part(_part(facts.values, part), "image").get("name") or "")
    if own:
        yield Hit(f"{part}.image is set ({', '.join(f'{key}: {own[key]}' for key in sorted(own))}).")
    elif name and not name.startswith(REPOSITORY):
        yield Hit(f"{part}.image.name is {name}.")


def _tracing(facts: Facts) -> Iterator[Hit]:
    yield from _jaeger(facts)
    for namespace, names in by_namespace(_annotated(facts, TRACE_COLLECTOR)).items():
        yield Hit(f"{listed(names)}: {TRACE_COLLECTOR} names where traces go.", namespace, one(names))


def _opencensus(facts: Facts) -> Iterator[Hit]:
    found = _annotated(facts, TRACE_COLLECTOR, OPENCENSUS_PORT)
    for namespace, names in by_namespace(found).items():
        yield Hit(
            f"{listed(names)}: {TRACE_COLLECTOR} names OpenCensus' port {OPENCENSUS_PORT[1:]}.",
            namespace,
            one(names),
        )
    for namespace, names in by_namespace(_annotated(facts, TRACE_PROTOCOL, "opencensus")).items():
        yield Hit(f"{listed(names)}: {TRACE_PROTOCOL} is opencensus.", namespace, one(names))


def _jaeger_removed(facts: Facts) -> Iterator[Hit]:
    yield from _jaeger(facts)
    if facts.values.get("controlPlaneTracing"):
        yield Hit(
            "controlPlaneTracing is true, which no chart knows any more.",
            fix="Set controller.tracing.enabled and controller.tracing.collector.endpoint in its place.",
        )


def _jaeger(facts: Facts) -> Iterator[Hit]:
    if extension := facts.extension("jaeger"):
        home = extension.namespace
        yield Hit(f"The extension jaeger is in {home}.", home, f"Namespace/{home}")


def _pod_monitor_timestamps(facts: Facts) -> Iterator[Hit]:
    monitor = _part(facts.values, "podMonitor")
    kept = all(
        "honorTimestamps" in _part(_part(facts.own_values, "podMonitor"), part)
        for part in ("controller", "proxy")
    )
    if monitor.get("enabled") and not kept:
        yield Hit("podMonitor.enabled is true.")


def _annotated(facts: Facts, key: str, ending: str = "") -> Iterator[tuple[str, str]]:
    """(namespace, object) wherever a namespace or a workload with proxies has the annotation, of such a value."""
    for namespace in facts.meshed_namespaces:
        value = facts.annotations(namespace).get(key)
        if value is not None and value.endswith(ending):
            yield namespace, f"Namespace/{namespace}"
    for workload in facts.meshed_workloads:
        value = workload.template_annotations.get(key)
        if value is not None and value.endswith(ending):
            yield workload.namespace, workload.id


def _part(values: Mapping[str, Any], key: str) -> Object:
    return values.get(key) or {}


SCANNERS: dict[str, Scanner] = {
    "close-wait-run-as-root": _close_wait,
    "tracing-opentelemetry": _tracing,
    "proxy-cores": _proxy_cores,
    "policy-controller-image": _policy_controller_image,
    "jaeger-removed": _jaeger_removed,
    "opencensus-removed": _opencensus,
    "proxy-init-image": _proxy_init_image,
    "pod-monitor-timestamps": _pod_monitor_timestamps,
}
