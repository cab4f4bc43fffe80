"""How many pods may be restarting at once (of a namespace, in the cluster, on a node), and whose turn it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from meshroll.core.changes import Change
from meshroll.core.followed import Followed
from meshroll.core.model import Pod, Workload
from meshroll.core.settings import Settings
from meshroll.core.strategy import surge, taken_away


class Limits(msgspec.Struct, frozen=True):
    """``pods`` of the namespace may be restarting at once, ``pods_per_node`` on one node (None: any number).

    ``set_by`` says whose limit ``pods`` is, the smaller one of the two.
    """

    pods: int = 1
    pods_per_node: int | None = None
    set_by: Literal["namespace", "cluster"] = "namespace"


@dataclass(frozen=True)
class Restart:
    """What a workload takes of the limits from its change until it is as wanted: all of its ``pods``, and of each node
    as many as its own strategy restarts there at once.
    """

    pods: int
    by_node: Mapping[str, int] = field(default_factory=dict)


def limits_of(settings: Settings, pods_in_namespace: int, pods_in_cluster: int) -> Limits:
    home, everywhere = settings.max_restarting_pods, settings.max_restarting_pods_per_cluster
    pods = _at_once(home, pods_in_namespace)
    in_cluster = pods if everywhere is None else _at_once(everywhere, pods_in_cluster)
    return Limits(
        min(pods, in_cluster),
        settings.max_restarting_pods_per_node,
        "cluster" if in_cluster < pods else "namespace",
    )


def _at_once(limit: int | str, total: int) -> int:
    """A number, or a share of all pods, never less than one."""
    if isinstance(limit, int):
        return limit
    return max(1, math.floor(total * int(limit.removesuffix("%")) / 100))


def by_node(workload: Workload, pods: Iterable[Pod], before: Mapping[str, str]) -> Mapping[str, int]:
    """How many of the workload's ``pods`` can be restarting at once on each node that has any to restart.

    ``before`` is the node of each pod (by uid) that its change replaces: one counts there until a new one is Ready
    there, or all of them are, so that the place of a pod that is gone is kept for the one that comes. A new pod that
    is not Ready yet counts where it is.
    """
    settled: Counter[str] = Counter()
    unsettled: Counter[str] = Counter()
    for pod in pods:
        if pod.node and not pod.finished:
            is_settled = pod.ready and not pod.ending and pod.uid not in before
            (settled if is_settled else unsettled)[pod.node] += 1
    at_once = min(taken_away(workload) + surge(workload), workload.replicas - settled.total())
    had = Counter(before.values())
    restarting = {
        node: min(at_once, max(had[node] - settled[node], unsettled[node])) for node in had | unsettled
    }
    return {node: count for node, count in restarting.items() if count > 0}


def nodes_of(pods: Iterable[Pod]) -> Mapping[str, str]:
    """The node of each pod, by uid."""
    return {pod.uid: pod.node for pod in pods if pod.node and not pod.finished}


def to_begin(waiting: Mapping[str, Restart], under_way: Iterable[Restart], limits: Limits) -> list[str]:
    """Which of ``waiting`` may begin beside what is under way, in their order; one that does not fit holds up none.

    What is more than a limit by itself begins where nothing else counts against that limit, so nothing waits for ever.
    """
    pods, on_node = 0, Counter[str]()
    for restart in under_way:
        pods += restart.pods
        on_node.update(restart.by_node)
    begun = []
    for name, restart in waiting.items():
        if _fits(restart.pods, pods, limits.pods) and not _full(restart, on_node, limits):
            begun.append(name)
            pods += restart.pods
            on_node.update(restart.by_node)
    return begun


def _full(restart: Restart, on_node: Mapping[str, int], limits: Limits) -> bool:
    most = limits.pods_per_node
    return most is not None and not all(
        _fits(count, on_node[node], most) for node, count in restart.by_node.items()
    )


def _fits(asked: int, taken: int, limit: int) -> bool:
    return not asked or min(asked, limit) + taken <= limit


class Turns:
    """A step's changes of workloads, each handed out once it may be made. ``followed`` is kept up by the caller."""

    def __init__(self, changes: Sequence[Change], limits: Limits, followed: Followed) -> None:
        self.waiting = {change.workload or "": change for change in changes}
        self._limits = limits
        self._followed = followed
        self._pods: dict[str, int] = {}
        self._before: dict[str, Mapping[str, str]] = {}
        self._by_node: dict[str, Mapping[str, int]] = {}
        self._beside: set[str] | None = None
        self._is_said = False

    def next(self, under_way: Collection[str], touched: Collection[str]) -> list[Change]:
        """Those whose turn it is beside the workloads (ids) ``under_way``; ``touched`` are those that something changed
        of since the last call. Workloads under way that were not handed out here count as if they were where they are
        not rolled out, as after a run that was broken off. One that fits goes before one that does not.
        """
        for name in touched:
            self._by_node.pop(name, None)
        for name in under_way:
            self._begin(name)
        is_as_before = {*under_way} == self._beside and (self._limits.pods_per_node is None or not touched)
        if not self.waiting or is_as_before:
            return []
        # What restarts nothing comes last: it would all be changed before a single workload has proved the change.
        restarting = {name: change for name, change in self.waiting.items() if change.pods}
        begun = to_begin(
            {name: self._restart(name, change.pods) for name, change in (restarting or self.waiting).items()},
            [self._restart(name, self._pods.get(name, 0)) for name in under_way],
            self._limits,
        )
        for name in begun:
            self._begin(name)
            self._pods[name] = self.waiting[name].pods
        self._beside = {*under_way, *begun}
        return [self.waiting.pop(name) for name in begun]

    def held_back(self, under_way: Collection[str]) -> str | None:
        """Once a step, where pods of a node are all that some wait for: why so little happens."""
        if self._is_said or self._limits.pods_per_node is None:
            return None
        pods = sum(self._pods.get(name, 0) for name in under_way)
        held = [name for name, change in self.waiting.items() if _fits(change.pods, pods, self._limits.pods)]
        if not held:
            return None
        self._is_said = True
        others = f" and {len(held) - 1} more wait" if len(held) > 1 else " waits"
        return f"{held[0]}{others}: at most {self._limits.pods_per_node} of a node's pods may be restarting at once"

    def _begin(self, name: str) -> None:
        if name not in self._before:
            workload = self._followed.workloads.get(name)
            self._pods[name] = 0 if workload is None or workload.rolled else workload.replicas
            self._before[name] = nodes_of(self._followed.pods_of(name))

    def _restart(self, name: str, pods: int) -> Restart:
        if self._limits.pods_per_node is None:  # counting the pods of each would be for nothing
            return Restart(pods)
        if name not in self._by_node:
            workload, there = self._followed.workloads.get(name), self._followed.pods_of(name)
            before = self._before[name] if name in self._before else nodes_of(there)
            self._by_node[name] = by_node(workload, there, before) if workload else {}
        return Restart(pods, self._by_node[name])
