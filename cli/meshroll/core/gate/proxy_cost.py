"""What a workload's proxies use of CPU and memory: shown, and held to nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from meshroll.core.gate.measurements import Measurements
from meshroll.core.gate.text import count
from meshroll.core.gate.verdict import Finding

MIB = 2**20


class ProxyCost(msgspec.Struct, frozen=True, kw_only=True):
    """Of the proxies of ``pods`` pods together, as kubelets see it; None where they say nothing of it."""

    pods: int
    cores: float | None = None
    memory_bytes: float | None = None


def proxy_costs(measured: Measurements, owners: Mapping[str, str]) -> dict[str, ProxyCost]:
    """By workload. ``owners`` maps each Ready pod to its workload id."""
    pods: dict[str, set[str]] = defaultdict(set)
    sums: dict[str, dict[str, float]] = {"proxy-cpu": {}, "proxy-memory": {}}
    for query, values in sums.items():
        for sample in measured.of(query):
            pod = sample.labels.get("pod", "")
            workload = owners.get(pod)
            if workload and sample.value is not None:
                pods[workload].add(pod)
                values[workload] = values.get(workload, 0.0) + sample.value
    return {
        workload: ProxyCost(
            pods=len(names),
            cores=sums["proxy-cpu"].get(workload),
            memory_bytes=sums["proxy-memory"].get(workload),
        )
        for workload, names in pods.items()
    }


def cost_of_all(many: Sequence[ProxyCost | None]) -> ProxyCost | None:
    """Of looks that follow one another: the mean of the CPU, and the latest memory."""
    known = [each for each in many if each is not None]
    if not known:
        return None
    cores = [each.cores for each in known if each.cores is not None]
    return msgspec.structs.replace(known[-1], cores=sum(cores) / len(cores) if cores else None)


def cost_findings(cost: ProxyCost | None, past: ProxyCost | None) -> list[Finding]:
    """One for CPU and one for memory, neither judged; nothing where nothing was seen."""
    if cost is None:
        return []
    pods = f"in {cost.pods} pod{'' if cost.pods == 1 else 's'}"
    findings = []
    if cost.cores is not None:
        findings.append(
            Finding(
                signal="proxy_cores",
                value=cost.cores,
                before=past.cores if past else None,
                text=f"the proxies use {cost.cores:.2g} cores {pods}",
            )
        )
    if cost.memory_bytes is not None:
        findings.append(
            Finding(
                signal="proxy_memory_bytes",
                value=cost.memory_bytes,
                before=past.memory_bytes if past else None,
                text=f"the proxies hold {count(cost.memory_bytes / MIB)} MiB {pods}",
            )
        )
    return findings
