"""Making one step's changes: side by side within the restart budget, watched until every pod is proved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from meshroll.adapters.kube.client import ApiError, Kube, Object
from meshroll.adapters.kube.mirror import Mirror
from meshroll.core.changes import API_PATHS, Change
from meshroll.core.errors import Drift, Failed, Problem
from meshroll.core.model import Pod, Workload
from meshroll.core.plan import Step
from meshroll.core.progress import Expectation, Progress, judge

THREADS = 16
# Deployments have a progress deadline of their own; this one also ends StatefulSets and DaemonSets that stand still.
STALL_SECONDS = 900.0
# What may still mend itself: two calls of a webhook that answers too late (10 s each), watches that run apart.
UNPROVED_SECONDS = 20.0
ENDPOINTS_SECONDS = 30.0
Report = Callable[[str, int, int], None]


def apply_step(
    kube: Kube, step: Step, report: Report, between: Callable[[], None], keep_going: bool
) -> list[Problem]:
    """Makes the step's changes and waits until each workload is as the step wants it.

    ``report(message, done, total)`` hears of progress; ``between`` is called often and may raise (a lost lock).
    Raises Drift where an object is not as the plan saw it, Failed where a workload cannot get there. With
    ``keep_going`` (the way out: one workload that will not come up must not keep the others on the mesh) these are
    returned instead, once everything else is done.
    """
    problems: list[Problem] = []
    plain = [change for change in step.changes if change.workload is None and change.action != "delete"]
    rolling = [change for change in step.changes if change.workload is not None]
    for change in plain:
        with _kept(problems, keep_going):
            make(kube, change)
            if change.kind == "Service":
                _wait_for_endpoints(kube, change, between)
    if rolling:
        with Mirror(kube, step.namespace) as mirror, ThreadPoolExecutor(THREADS) as pool:
            problems += _roll(kube, step, rolling, report, between, mirror, pool, keep_going)
    for change in step.changes:
        if change.action == "delete":
            with _kept(problems, keep_going):
                make(kube, change)
    return problems


@contextmanager
def _kept(problems: list[Problem], keep_going: bool) -> Iterator[None]:
    """Puts what fails into ``problems`` and goes on, if told to."""
    try:
        yield
    except (Drift, Failed) as error:
        if not keep_going:
            raise
        problems += error.problems


def _wait_for_endpoints(kube: Kube, change: Change, between: Callable[[], None]) -> None:
    """A Service that nothing answers behind is no place to send clients to. Raises Failed after some seconds."""
    path = f"/apis/discovery.k8s.io/v1/namespaces/{change.namespace}/endpointslices"
    until = time.monotonic() + ENDPOINTS_SECONDS
    while time.monotonic() < until:
        slices, _ = kube.list_all(path, labelSelector=f"kubernetes.io/service-name={change.name}")
        endpoints = [endpoint for item in slices for endpoint in item.get("endpoints") or []]
        if any((endpoint.get("conditions") or {}).get("ready") for endpoint in endpoints):
            return
        between()
        time.sleep(0.2)
    raise Failed(
        Problem(
            "service-without-endpoints",
            f"Service {change.name} has no ready endpoint after {ENDPOINTS_SECONDS:.0f} s.",
            f"kubectl -n {change.namespace} get pods; no client was moved to it.",
            namespace=change.namespace,
            object=f"Service/{change.name}",
        )
    )


def make(kube: Kube, change: Change) -> int:
    """One write; the generation that the object has after it.

    Raises Drift where a field is no longer as planned or the object is gone, Failed where the API server refuses.
    """
    try:
        if change.action == "delete":
            kube.delete(change.path)
            return 0
        if change.action == "apply":
            assert change.body is not None
            written = kube.apply(change.path, change.body)
        else:
            written = kube.json_patch(change.path, change.json_patch())
        return int(written["metadata"].get("generation", 0))
    except ApiError as error:
        if error.status not in (404, 409, 422):
            raise
        present = kube.get(change.path)
        state = change.state_in(present)
        if present is not None and state == "made":  # by our own write, whose answer was lost
            return int(present["metadata"].get("generation", 0))
        kind, code, why = (
            (Failed, "change-refused", "The API server says why; `kubectl get events` may say more.")
            if state == "planned"
            else (
                Drift,
                "drift",
                "Someone else changed it meanwhile. Look at it, then run the command again.",
            )
        )
        raise kind(
            Problem(
                code,
                f"{change.object} was not changed: {error.problems[0].message}",
                why,
                namespace=change.namespace,
                object=change.object,
            )
        ) from error


def _roll(
    kube: Kube,
    step: Step,
    changes: Sequence[Change],
    report: Report,
    between: Callable[[], None],
    mirror: Mirror,
    pool: ThreadPoolExecutor,
    keep_going: bool,
) -> list[Problem]:
    problems: list[Problem] = []
    expected = Expectation(step.meshed, step.mode, step.release) if step.meshed is not None else None
    waiting = list(changes)
    writing: dict[Future[int], Change] = {}
    rolling: dict[str, _Rolling] = {}
    old_pods = frozenset(pod["metadata"]["uid"] for pod in mirror.objects("Pod").values())
    done, total = 0, len(changes)
    freed: set[str] = set()
    moved_at = time.monotonic()
    while waiting or writing or rolling:
        between()
        while waiting and _fits(
            waiting[0], [*writing.values(), *(r.change for r in rolling.values())], step.restart_budget_pods
        ):
            change = waiting.pop(0)
            writing[pool.submit(make, kube, change)] = change
        for future in [future for future in writing if future.done()]:
            change = writing.pop(future)
            with _kept(problems, keep_going):
                generation = future.result()
                if change.kind == "CronJob":
                    done += 1
                else:
                    rolling[change.workload or ""] = _Rolling(change, generation)
        snapshot = _Snapshot(mirror)
        for identifier, roll in list(rolling.items()):
            progress = roll.judged(snapshot, expected, old_pods)
            if progress.state == "failed":
                del rolling[identifier]
                with _kept(problems, keep_going):
                    raise Failed(
                        Problem(
                            "workload-failed",
                            f"{progress.message}.",
                            f"kubectl -n {step.namespace} describe {identifier}",
                            namespace=step.namespace,
                            object=identifier,
                        )
                    )
                continue
            if progress.state == "done":
                del rolling[identifier]
                done += 1
            if roll.news(progress):
                moved_at = time.monotonic()
                report(progress.message, done, total)
            for pod in progress.stuck_pods:
                if pod.uid not in freed:
                    freed.add(pod.uid)
                    kube.delete(f"{API_PATHS['Pod'].format(namespace=step.namespace)}/{pod.name}", pod.uid)
                    report(f"{identifier}: freed {pod.name}, stuck on a failed revision", done, total)
        if time.monotonic() - moved_at > STALL_SECONDS:
            stalled, moved_at = ", ".join(rolling), time.monotonic()
            rolling.clear()
            with _kept(problems, keep_going):
                raise Failed(
                    Problem(
                        "step-stalled",
                        f"Nothing moved for {STALL_SECONDS:.0f} s: {stalled}.",
                        "kubectl get pods and events show what it waits for.",
                        namespace=step.namespace,
                    )
                )
        if writing and not rolling:
            time.sleep(0.02)
        elif rolling:
            mirror.wait(1.0)
    return problems


@dataclass
class _Rolling:
    """One workload on its way: nothing older than ``generation`` (that of our write) says how it does."""

    change: Change
    generation: int
    unproved_since: float | None = None
    done: int = 0
    message: str = ""

    def judged(self, snapshot: _Snapshot, expected: Expectation | None, old: frozenset[str]) -> Progress:
        identifier = self.change.workload or ""
        workload = snapshot.workloads.get(identifier)
        if workload is None:
            return Progress("failed", f"{identifier} was deleted meanwhile")
        if workload.manifest["metadata"].get("generation", 0) < self.generation:
            return Progress("waiting", self.message)
        pods, events = snapshot.pods.get(identifier, []), snapshot.events.get(identifier, [])
        progress = judge(workload, pods, events, expected, old)
        if progress.state != "unproved" or progress.done > self.done:
            self.unproved_since = None
        self.done = progress.done
        if progress.state != "unproved":
            return progress
        self.unproved_since = self.unproved_since or time.monotonic()
        if time.monotonic() - self.unproved_since < UNPROVED_SECONDS:
            return replace(progress, state="waiting")
        return replace(progress, state="failed")

    def news(self, progress: Progress) -> bool:
        changed = progress.message != self.message
        self.message = progress.message
        return changed


class _Snapshot:
    """Workloads, pods by owner and events by object of one moment, so that 500 workloads cost one pass."""

    def __init__(self, mirror: Mirror) -> None:
        self.workloads: dict[str, Workload] = {}
        for kind in ("Deployment", "StatefulSet", "DaemonSet"):
            for item in mirror.objects(kind).values():
                workload = Workload(item)
                self.workloads[workload.id] = workload
        self.pods: dict[str, list[Pod]] = {}
        for item in mirror.objects("Pod").values():
            pod = Pod(item)
            self.pods.setdefault(pod.owner or "", []).append(pod)
        self.events: dict[str, list[Object]] = {}
        for event in mirror.new_events():
            involved = event.get("involvedObject") or {}
            self.events.setdefault(self._owner(involved), []).append(event)

    def _owner(self, involved: Object) -> str:
        kind, name = involved.get("kind", ""), involved.get("name", "")
        return f"Deployment/{name.rpartition('-')[0]}" if kind == "ReplicaSet" else f"{kind}/{name}"


def _fits(change: Change, in_flight: Sequence[Change], budget_pods: int) -> bool:
    """At least one workload at a time, however small the budget."""
    return not in_flight or sum(other.pods for other in in_flight) + change.pods <= budget_pods
