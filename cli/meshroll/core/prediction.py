"""What a rollout will cost: restarts, minutes, and what its proxies ask of nodes that have so much left."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from statistics import median

import msgspec

from meshroll.core.budget import Restart, by_node, nodes_of, to_begin
from meshroll.core.control_plane import takes_pods, values_to_be
from meshroll.core.facts import Facts, Hidden, Requested
from meshroll.core.model import ClusterView, NamespaceView, Object, Workload
from meshroll.core.plan import Plan, Step
from meshroll.core.proxy_resources import added
from meshroll.core.quantities import quantity, requested
from meshroll.core.settings import Gate, Settings
from meshroll.core.strategy import ending_seconds, surge, taken_away

# Where no pod tells how long one takes until it is Ready.
READY_SECONDS = 30.0
# A pod that became Ready long after it was made had been not Ready in between.
READY_SECONDS_MAX = 600.0


class Prediction(msgspec.Struct, frozen=True):
    """``minutes_min``: every gate decides as soon as it may; ``minutes_max``: each takes its longest window.

    proxies_*  what the proxies of all pods that get one ask for, together
    free_*     what no pod asked for yet, on nodes that take pods; None where the pods of other namespaces are not read
    """

    restarting_pods: int
    minutes_min: int
    minutes_max: int
    proxies: int
    proxies_cpu_cores: float
    proxies_memory_bytes: float
    free_cpu_cores: float | None
    free_memory_bytes: float | None

    @property
    def line(self) -> str:
        if not self.restarting_pods:
            return "A rollout would restart no pod."
        free = ""
        if self.free_cpu_cores is not None and self.free_memory_bytes is not None:
            free = (
                f" of {self.free_cpu_cores:.1f} and {self.free_memory_bytes / 2**20:,.0f} MiB that are free"
            )
        asked = (
            f"{self.proxies_cpu_cores:.1f} CPU cores and {self.proxies_memory_bytes / 2**20:,.0f} MiB{free}"
        )
        if not (self.proxies_cpu_cores or self.proxies_memory_bytes):
            asked = "nothing, because no request is set"
        return (
            f"A rollout would restart {self.restarting_pods} pods in about {self.minutes_min} to {self.minutes_max} "
            f"minutes, gates included. {self.proxies} proxies ask for {asked}."
        )


def predict(plan: Plan, view: ClusterView, settings: Settings, facts: Facts) -> Prediction:
    """Of ``facts``, what pods of other namespaces ask for and LimitRanges, as far as they may be read."""
    seconds = [step_seconds(step, view.namespaces[step.namespace], settings.gate) for step in plan.steps]
    meshed = (
        (space, workload)
        for step in plan.steps
        for space in [view.namespaces[step.namespace]]
        for workload in _meshed_by(step, space)
    )
    ranges = facts.listed.get("limit_ranges", ())
    proxies, cpu_cores, memory_bytes = added(
        meshed, values_to_be(view, settings.control_plane), () if isinstance(ranges, Hidden) else ranges
    )
    free = None if isinstance(facts.requests, Hidden) else room(view, facts.requests)
    return Prediction(
        restarting_pods=plan.restarting_pods,
        minutes_min=math.ceil(sum(low for low, _ in seconds) / 60),
        minutes_max=math.ceil(sum(high for _, high in seconds) / 60),
        proxies=proxies,
        proxies_cpu_cores=cpu_cores,
        proxies_memory_bytes=memory_bytes,
        free_cpu_cores=None if free is None else sum(cpu for cpu, _ in free.values()),
        free_memory_bytes=None if free is None else sum(memory for _, memory in free.values()),
    )


def _meshed_by(step: Step, space: NamespaceView) -> Iterable[Workload]:
    if step.stage != "wave":
        return []
    return [found for name in step.workloads if (found := space.workload(name)) is not None]


def step_seconds(step: Step, space: NamespaceView, gate: Gate) -> tuple[float, float]:
    """(least, most) that a step takes: its restarts, in turn where not all may be under way at once, and its gate."""
    restart = restarts_seconds(step, space)
    if not step.gate:
        return restart, restart
    settled = restart + gate.settle_seconds
    return settled + gate.window_seconds, settled + gate.window_max_seconds


def restarts_seconds(step: Step, space: NamespaceView) -> float:
    """Until the last workload of the step is as wanted, each begun as the real run would begin it."""
    seconds, waiting = {}, {}
    for change in step.changes:
        workload = space.workload(change.workload or "")
        if change.workload and workload and change.pods:
            seconds[workload.id] = rollout_seconds(workload, space)
            waiting[workload.id] = _restart(workload, change.pods, space)
    waited = [workload for name in step.waited if (workload := space.workload(name)) is not None]
    under_way = [
        (rollout_seconds(each, space), _restart(each, each.replicas, space))
        for each in waited
        if not each.rolled
    ]
    now = 0.0
    while waiting or under_way:
        for name in to_begin(waiting, [restart for _, restart in under_way], step.limits):
            under_way.append((now + seconds[name], waiting.pop(name)))
        now = min(end for end, _ in under_way)
        under_way = [(end, restart) for end, restart in under_way if end > now]
    return now


def _restart(workload: Workload, pods: int, space: NamespaceView) -> Restart:
    there = space.pods_of(workload.id)
    return Restart(pods, by_node(workload, there, nodes_of(there)))


def rollout_seconds(workload: Workload, space: NamespaceView) -> float:
    """By its own strategy: so many pods at a time, each until it is Ready.

    A StatefulSet and a DaemonSet (by default) go one by one; a Deployment by maxSurge and maxUnavailable of 25 %.
    """
    at_once = max(1, taken_away(workload) + surge(workload))
    return math.ceil(workload.replicas / at_once) * _round_seconds(workload, space)


def _round_seconds(workload: Workload, space: NamespaceView) -> float:
    """Where no pod comes on top, a new one is made only once the old one has ended."""
    return ready_seconds(workload, space) + (0.0 if surge(workload) else ending_seconds(workload))


def ready_seconds(workload: Workload, space: NamespaceView) -> float:
    """From a pod's making until it was Ready, the median of those that are there, and minReadySeconds."""
    took = [
        seconds
        for pod in space.pods_of(workload.id)
        if (seconds := _took_seconds(pod.manifest)) is not None and 0 <= seconds <= READY_SECONDS_MAX
    ]
    wait = float(workload.manifest["spec"].get("minReadySeconds") or 0)
    return (median(took) if took else READY_SECONDS) + wait


def _took_seconds(pod: Object) -> float | None:
    for condition in (pod.get("status") or {}).get("conditions") or []:
        ready = condition["type"] == "Ready" and condition["status"] == "True"
        if ready and condition.get("lastTransitionTime") and pod["metadata"].get("creationTimestamp"):
            made = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
            return (datetime.fromisoformat(condition["lastTransitionTime"]) - made).total_seconds()
    return None


def room(view: ClusterView, elsewhere: Iterable[Requested]) -> Mapping[str, tuple[float, float]]:
    """(CPU cores, bytes of memory) that no pod asks for, by the nodes that take pods."""
    free: dict[str, tuple[float, float]] = {}
    for node in view.nodes:
        allocatable = (node.get("status") or {}).get("allocatable") or {}
        if takes_pods(node):
            name = node["metadata"]["name"]
            free[name] = (quantity(allocatable.get("cpu", 0)), quantity(allocatable.get("memory", 0)))
    here = [
        pod.manifest
        for space in (*view.namespaces.values(), *view.neighbours.values())
        for pod in space.pods
        if not pod.finished
    ]
    for asked in (*requested(here), *elsewhere):
        if asked.node in free:
            cpu, memory = free[asked.node]
            free[asked.node] = (cpu - asked.cpu_cores, memory - asked.memory_bytes)
    return free
