"""Drilling one workload: the fault, written down before it is made; what is seen of it; and that it is taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from meshroll.adapters import prometheus
from meshroll.adapters.drill_undo import take_back
from meshroll.adapters.kube.apply import make
from meshroll.adapters.kube.client import ApiError, Kube
from meshroll.adapters.kube.journal import Journal
from meshroll.adapters.kube.pods import list_pods
from meshroll.adapters.prometheus import PrometheusClient, PrometheusError
from meshroll.core.changes import API_PATHS, Change
from meshroll.core.drill.choose import resizable
from meshroll.core.drill.faults import fault, hit
from meshroll.core.drill.judge import NO_TRAFFIC, judge
from meshroll.core.drill.looks import QUERIES, QUERIES_BEFORE, Look, seen
from meshroll.core.drill.measure import measure
from meshroll.core.drill.model import HYPOTHESES, Drilled, Measures, Outcome, Scenario
from meshroll.core.drill.watch import abort, pods_wanted, watched
from meshroll.core.errors import Failed
from meshroll.core.gate.subjects import ready_pods
from meshroll.core.journal import Record, intending, made
from meshroll.core.model import Object, Pod, Workload
from meshroll.core.moments import rfc3339
from meshroll.core.plan import Step

BEFORE_SECONDS = 15.0
BEFORE_SCRAPES = 3
RECOVERY_SECONDS = 120.0


@dataclass
class Drilling:
    """The drills of one workload. ``wait(seconds)`` may raise: a wish to stop, a lock that is lost.

    ``callers`` are workloads (ids) that name a Service of it; ``failed_ratio_max`` is the share of calls that may fail.
    ``say`` hears of a pod that had to be deleted.
    """

    kube: Kube
    client: PrometheusClient
    journal: Journal
    record: Record
    namespace: str
    workload: str
    callers: Collection[str]
    scrape_interval_seconds: float
    failed_ratio_max: float
    wait: Callable[[float], None]
    say: Callable[[str], None]

    @property
    def interval_seconds(self) -> float:
        return max(1.0, self.scrape_interval_seconds)

    @property
    def precision_seconds(self) -> float:
        return self.scrape_interval_seconds + self.interval_seconds

    def drill(self, scenario: Scenario) -> Drilled:
        """Makes the fault, watches what comes of it, and takes it back however that ends.

        Raises Drift where somebody else has changed meanwhile what the fault changed, and what ``wait`` raises.
        """
        workload, pods = self._workload(), self._pods()
        own = ready_pods(pod for pod in pods if pod.owner == self.workload)
        if workload is None or not workload.rolled or len(own) != workload.replicas:
            return self.ended(scenario, "skipped", "the workload is not at rest")
        known = {pod.name for pod in own}
        was_ready = {pod.name for pod in ready_pods(pods) if pod.owner != self.workload}
        if scenario == "degraded-pod" and not all(map(resizable, own)):
            return self.ended(scenario, "skipped", "the kubelet of its node does not resize pods in place")
        now_seconds = self.client.now_seconds()
        past_seconds = max(BEFORE_SECONDS, BEFORE_SCRAPES * self.scrape_interval_seconds)
        past = self._look(QUERIES_BEFORE, now_seconds - past_seconds, now_seconds, known, was_ready)
        if not past.sent:
            return self.ended(scenario, "inconclusive", f"{NO_TRAFFIC}; the fault was not made")
        moment = rfc3339(self.kube.server_now())
        changes = fault(scenario, workload, own, past.requests, self.record.run_id, moment)
        begun = time.monotonic()
        try:
            step = self._intend(scenario, changes)
            now_seconds = self.client.now_seconds()
            try:
                after = {change.object: make(self.kube, change) for change in step.changes}
            except (Failed, ApiError) as error:
                return self.ended(scenario, "inconclusive", f"the fault was refused: {error}")
            self._made(step, after)
            looks, why = self._watch(scenario, now_seconds, known, was_ready)
        finally:
            seconds = time.monotonic() - begun
            self.record = take_back(self.kube, self.journal, self.record, self.say)
        self._recover()
        measures = measure(
            scenario, now_seconds, known, past.requests, hit(changes), looks, self.precision_seconds
        )
        if why:
            return self.ended(scenario, "aborted", why, measures, seconds)
        return self.ended(scenario, *judge(scenario, measures, self.failed_ratio_max), measures, seconds)

    def ended(
        self,
        scenario: Scenario,
        outcome: Outcome,
        why: str,
        measures: Measures | None = None,
        seconds: float | None = None,
    ) -> Drilled:
        """How the scenario is told to have ended."""
        return Drilled(
            scenario=scenario,
            workload=self.workload,
            hypothesis=HYPOTHESES[scenario],
            outcome=outcome,
            why=why,
            measures=measures,
            seconds=None if seconds is None else round(seconds, 1),
        )

    def _intend(self, scenario: Scenario, changes: list[Change]) -> Step:
        """The fault as a step, of which the journal knows before it is made."""
        step = Step("drill", scenario, self.namespace, changes, pending=[scenario])
        before = {change.object: self.kube.get(change.path) for change in changes}
        self.record = intending(self.record, step, before)
        self.journal.write(self.record)
        return step

    def _made(self, step: Step, after: Mapping[str, Object]) -> None:
        self.record = made(self.record, step, {name: item for name, item in after.items() if item})
        self.journal.write(self.record)

    def _watch(
        self,
        scenario: Scenario,
        began_seconds: float,
        before: Collection[str],
        was_ready: Collection[str],
    ) -> tuple[list[Look], str | None]:
        """The looks, and why they were ended early, where they were."""
        looks: list[Look] = []
        while not looks or not watched(
            scenario, began_seconds, before, looks, self.interval_seconds, self.precision_seconds
        ):
            self.wait(self.interval_seconds)
            known = {*before, *(pod.name for each in looks for pod in each.pods)}
            try:
                now_seconds = self.client.now_seconds()
                looks.append(self._look(QUERIES, began_seconds, now_seconds, known, was_ready))
            except PrometheusError as error:  # what is tried again for some seconds has been
                return looks, f"it could not be measured any more: {error}"
            workload = self._workload()
            if workload is None or workload.replicas != pods_wanted(scenario, before):
                return looks, "somebody else has changed the workload meanwhile"
            if why := abort(began_seconds, looks):
                return looks, why
        return looks, None

    def _look(
        self,
        queries: Collection[str],
        began_seconds: float,
        now_seconds: float,
        known: Collection[str],
        was_ready: Collection[str],
    ) -> Look:
        window_seconds = now_seconds - began_seconds
        measured = prometheus.measure(
            self.client, prometheus.drill_queries(queries), self.namespace, window_seconds, now_seconds
        )
        return seen(measured, self.workload, self.callers, self._pods(), known, was_ready)

    def _recover(self) -> None:
        """Until the workload is at rest again; the next drill is skipped where it is not."""
        until = time.monotonic() + RECOVERY_SECONDS
        while time.monotonic() < until:
            workload = self._workload()
            if workload is None or workload.rolled:
                return
            self.wait(1.0)

    def _workload(self) -> Workload | None:
        kind, _, name = self.workload.partition("/")
        found = self.kube.get(f"{API_PATHS[kind].format(namespace=self.namespace)}/{name}")
        return Workload({**found, "kind": kind}) if found else None

    def _pods(self) -> list[Pod]:
        return [Pod(item) for item in list_pods(self.kube, API_PATHS["Pod"].format(namespace=self.namespace))]
