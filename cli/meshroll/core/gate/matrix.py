"""Client pods by server pods, from Prometheus' answers: of each client the pod that it calls most, and all it sends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from meshroll.core.gate.calls import Calls
from meshroll.core.gate.measurements import Measurements
from meshroll.core.gate.signals import workload_of


def calls_by_server(measured: Measurements) -> dict[str, tuple[Calls, ...]]:
    """Workload -> who calls it. Clients that spread their calls are left out, so that little has to be kept."""
    found: dict[str, list[Calls]] = defaultdict(list)
    busiest = {
        _row(sample.labels): (sample.labels.get("dst_pod", ""), sample.value)
        for sample in measured.of("outbound-busiest")
    }
    for sample in measured.of("outbound-clients"):
        labels, server = sample.labels, workload_of(sample.labels, "dst_")
        pod, requests = busiest.get(_row(labels), ("", None))
        if not server or not requests or not sample.value:
            continue
        away = labels.get("namespace") != measured.namespace
        home = f"{labels.get('namespace', '')}/" if away else ""
        calls = Calls(
            client=home + labels.get("pod", ""),
            workload=home + (workload_of(labels) or ""),
            service=labels.get("dst_service", ""),
            pod=pod,
            requests=requests,
            total=sample.value,
        )
        if labels.get("pod") and not calls.is_spread:
            found[server].append(calls)
    for server, by_pod in _unmeshed(measured).items():
        pod = max(sorted(by_pod), key=lambda name: by_pod[name])
        found[server].append(
            Calls(
                client="",
                workload="",
                service="",
                pod=pod,
                requests=by_pod[pod],
                total=sum(by_pod.values()),
            )
        )
    return {server: tuple(calls) for server, calls in found.items()}


def balanced_by_server(measured: Measurements) -> dict[str, float]:
    """Workload -> requests that the callers' proxies balanced, because they were asked for a Service."""
    found: dict[str, float] = defaultdict(float)
    for sample in measured.of("outbound-clients"):
        server = workload_of(sample.labels, "dst_")
        if server:
            found[server] += (sample.value or 0.0) if sample.labels.get("dst_service") else 0.0
    return dict(found)


def called_by_workload(measured: Measurements) -> dict[str, tuple[str, ...]]:
    """Workload of the namespace -> those of the namespace that its proxies saw it call."""
    found: dict[str, set[str]] = defaultdict(set)
    for sample in measured.of("outbound-matrix"):
        caller, server = workload_of(sample.labels), workload_of(sample.labels, "dst_")
        if caller and server and sample.value and sample.labels.get("namespace") == measured.namespace:
            found[caller].add(server)
    return {caller: tuple(sorted(servers)) for caller, servers in found.items()}


def _row(labels: Mapping[str, str]) -> tuple[str, ...]:
    return (
        labels.get("namespace", ""),
        labels.get("pod", ""),
        labels.get("dst_service", ""),
        workload_of(labels, "dst_") or "",
    )


def _unmeshed(measured: Measurements) -> dict[str, dict[str, float]]:
    """Workload -> its pods -> requests that came without a mesh identity."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for sample in measured.of("inbound-requests"):
        server, pod = workload_of(sample.labels), sample.labels.get("pod")
        if server and pod and sample.value and sample.labels.get("tls") != "true":
            found[server][pod] = found[server].get(pod, 0.0) + sample.value
    return found
