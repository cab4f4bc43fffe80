"""From Prometheus' answers to signals by workload."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from meshroll.core.gate.evenness import Evenness, evenness
from meshroll.core.gate.matrix import balanced_by_server, called_by_workload, calls_by_server
from meshroll.core.gate.measurements import Measurements, Sample
from meshroll.core.gate.numbers import NOTHING, numbers
from meshroll.core.gate.pod_traffic import traffic_of_pods
from meshroll.core.gate.proxy_cost import proxy_costs
from meshroll.core.gate.signals import Reading, Signals, workload_of
from meshroll.core.gate.traffic import APPLICATIONS, counted, sum_by_workload


def read(measured: Measurements, owners: Mapping[str, str]) -> Reading:
    """Signals of every workload seen. ``owners`` maps each Ready pod of the namespace to its workload id."""
    targets = _by_label(measured.of("proxy-targets"))
    began = measured.at_seconds - measured.window_seconds
    young = {pod for pod, started in _by_label(measured.of("proxy-started-at")).items() if started > began}
    traffic = counted(measured, owners)
    inbound, outbound = traffic["inbound"], traffic["outbound"]
    load = _load(measured, owners, young)
    pairs = _meshed_pairs(measured, set(targets))
    requests = sum_by_workload(measured.of("inbound-requests"))
    secured = sum_by_workload(
        measured.of("inbound-requests"), lambda sample: sample.labels.get("tls") == "true"
    )
    denied = sum_by_workload((*measured.of("inbound-denials"), *measured.of("inbound-tcp-denials")))
    refused = sum_by_workload(measured.of("outbound-refusals"))
    ports = _refused_ports(measured)
    pods = traffic_of_pods(measured, owners, young, inbound)
    calls, balanced = calls_by_server(measured), balanced_by_server(measured)
    called_workloads = called_by_workload(measured)
    costs = proxy_costs(measured, owners)
    closed = sum_by_workload(measured.of("inbound-closes"))
    broken = sum_by_workload(measured.of("inbound-closes"), lambda sample: bool(sample.labels.get("errno")))
    signals = {}
    for workload in sorted(
        {*inbound, *outbound, *load, *pairs, *denied, *refused, *calls, *called_workloads, *costs}
    ):
        met, over_tls = pairs.get(workload, (None, None))
        signals[workload] = Signals(
            **{attribute: found.get(workload) for attribute, found in traffic.items()},
            load=load.get(workload),
            secured_requests=secured.get(workload, 0.0) if workload in requests else None,
            meshed_pair_requests=met,
            mtls_requests=over_tls,
            denied_requests=denied.get(workload),
            refused_connections=refused.get(workload),
            refused_ports=tuple(sorted(ports.get(workload, ()))),
            pods=pods.get(workload, NOTHING),
            calls=calls.get(workload, ()),
            balanced_requests=balanced.get(workload),
            called=called_workloads.get(workload, ()),
            closed_connections=closed.get(workload),
            broken_connections=broken.get(workload),
            proxy=costs.get(workload),
        )
    return Reading(
        at_seconds=measured.at_seconds,
        window_seconds=measured.window_seconds,
        signals=signals,
        target_up={pod: value > 0 for pod, value in targets.items()},
        scrape_age_seconds=numbers(_by_label(measured.of("proxy-scrape-age"))),
        unlabelled=frozenset(
            sample.labels.get("pod", "")
            for sample in measured.of("proxy-targets")
            if workload_of(sample.labels) is None
        ),
    )


def _load(measured: Measurements, owners: Mapping[str, str], young: set[str]) -> dict[str, Evenness]:
    """Load by pod from the best source: meshed callers, own proxies, the application, then cAdvisor."""
    pods: dict[str, list[str]] = defaultdict(list)
    for pod, workload in owners.items():
        pods[workload].append(pod)
    sources = [
        ("requests", "callers' proxies", _by_label(measured.of("outbound-matrix"), "dst_pod")),
        ("requests", "own proxies", _by_label(measured.of("inbound-requests"))),
        *(
            ("requests", source, _by_label(measured.of(f"{prefix}-responses")))
            for prefix, source in APPLICATIONS.items()
        ),
        ("bytes received per second", "cAdvisor", _by_label(measured.of("pod-network"))),
        ("CPU cores", "cAdvisor", _by_label(measured.of("pod-cpu"))),
    ]
    found = {}
    for workload, names in pods.items():
        candidates = (evenness(load, names, young, unit, source) for unit, source, load in sources if load)
        even = next((candidate for candidate in candidates if candidate), None)
        if even:
            found[workload] = even
    return found


def _meshed_pairs(measured: Measurements, meshed_pods: set[str]) -> dict[str, tuple[float, float]]:
    """Workload -> (requests, those over mTLS) where both ends are meshed; a caller seen here has a proxy."""
    pairs: dict[str, tuple[float, float]] = {}
    for sample in measured.of("outbound-matrix"):
        if sample.value is None or sample.labels.get("dst_pod") not in meshed_pods:
            continue
        over_tls = sample.value if sample.labels.get("tls") == "true" else 0.0
        ends = {workload_of(sample.labels, "dst_")}
        if sample.labels.get("namespace") == measured.namespace:
            ends.add(workload_of(sample.labels))
        for workload in ends - {None}:
            requests, secured = pairs.get(str(workload), (0.0, 0.0))
            pairs[str(workload)] = (requests + sample.value, secured + over_tls)
    return pairs


def _refused_ports(measured: Measurements) -> dict[str, set[str]]:
    """Workload -> ``service:port`` that it called and that the Service does not declare."""
    ports: dict[str, set[str]] = defaultdict(set)
    for sample in measured.of("outbound-refusals"):
        workload = workload_of(sample.labels)
        if workload and sample.value:
            ports[workload].add(f"{sample.labels.get('parent_name')}:{sample.labels.get('parent_port')}")
    return dict(ports)


def _by_label(samples: Iterable[Sample], label: str = "pod") -> dict[str, float]:
    """Sum of the values by ``label``; samples without a value or the label are no data."""
    values: dict[str, float] = defaultdict(float)
    for sample in samples:
        if sample.value is not None and sample.labels.get(label):
            values[sample.labels[label]] += sample.value
    return dict(values)
