from __future__ import annotations

import msgspec

from meshroll.core.gate.measurements import Measurements, Sample
from meshroll.core.gate.proxy_cost import ProxyCost, cost_findings
from meshroll.core.gate.reading import read
from meshroll.core.gate.signals import Reading, Signals
from meshroll.core.gate.together import together

MIB = 2.0**20
OWNERS = {"omni-1": "Deployment/omni", "omni-2": "Deployment/omni", "points-1": "Deployment/points"}


def reading(cpu: dict[str, float | None], memory: dict[str, float | None]) -> Reading:
    samples = {
        query: [Sample({"pod": pod}, value) for pod, value in values.items()]
        for query, values in (("proxy-cpu", cpu), ("proxy-memory", memory))
    }
    return read(Measurements("charging", 1000.0, 30.0, {}, samples), OWNERS)


def test_the_proxies_of_a_workload_are_one_sum_and_pods_that_have_gone_are_not_in_it() -> None:
    seen = reading({"omni-1": 0.01, "omni-2": 0.03, "gone": 9.0}, {"omni-1": 40 * MIB, "omni-2": 56 * MIB})
    cost = ProxyCost(pods=2, cores=0.04, memory_bytes=96 * MIB)
    assert {name: signals.proxy for name, signals in seen.signals.items()} == {"Deployment/omni": cost}


def test_what_is_not_known_is_no_zero() -> None:
    seen = reading({"omni-1": None}, {"omni-1": 40 * MIB})
    cost = seen.of("Deployment/omni").proxy
    assert cost == ProxyCost(pods=1, memory_bytes=40 * MIB)
    assert [finding.signal for finding in cost_findings(cost, None)] == ["proxy_memory_bytes"]
    assert cost_findings(None, cost) == []


def test_it_is_shown_and_not_judged() -> None:
    now = ProxyCost(pods=3, cores=0.04, memory_bytes=96 * MIB)
    findings = cost_findings(now, ProxyCost(pods=3, cores=0.03))
    assert [(each.text, each.value, each.before, each.outcome) for each in findings] == [
        ("the proxies use 0.04 cores in 3 pods", 0.04, 0.03, None),
        ("the proxies hold 96 MiB in 3 pods", 96 * MIB, None, None),
    ]


def test_over_several_looks_cpu_is_a_mean_and_memory_the_latest_that_is_known() -> None:
    first = ProxyCost(pods=1, cores=0.06, memory_bytes=40 * MIB)
    last = ProxyCost(pods=2, cores=0.04, memory_bytes=96 * MIB)
    looks = [
        msgspec.structs.replace(reading({}, {}), signals={"Deployment/omni": Signals(proxy=cost)})
        for cost in (first, last, None)
    ]
    assert together(looks).of("Deployment/omni").proxy == ProxyCost(pods=2, cores=0.05, memory_bytes=96 * MIB)
