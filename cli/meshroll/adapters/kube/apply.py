"""Making one step's changes: side by side within the restart budget, watched until every pod is proved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from meshroll.adapters.kube.client import ApiError, Kube, Object
from meshroll.adapters.kube.endpoints import Conversion, wait_for_endpoints
from meshroll.adapters.kube.mirror import Mirror
from meshroll.core.budget import Turns
from meshroll.core.changes import API_PATHS, Change
from meshroll.core.errors import Drift, Failed, Problem
from meshroll.core.followed import Followed
from meshroll.core.plan import Step
from meshroll.core.progress import UNPROVED_SECONDS, Expectation, Progress, judge
from meshroll.core.recreation import delete_options, in_order

THREADS = 16
# Deployments have a progress deadline of their own; this one also ends StatefulSets and DaemonSets that stand still.
STALL_SECONDS = 900.0
# What changes comes in bursts: hundreds of workloads on their way are not looked at once for each pod that moves.
TOGETHER_SECONDS = 0.05
Report = Callable[[str, int, int], None]


@dataclass
class Making:
    """How a step is made. ``intend`` hears of every object as it is before the first of them is changed.

    ``report(message, done, total)`` hears of progress; ``check`` is called often and may raise (a lost lock). With
    ``keep_going`` (the way out) what fails is returned once everything else is done: one workload that will not come
    up must not keep the others on the mesh. ``converted`` hears of Services that became others. ``after`` has the
    objects as the changes left them, by ``Change.object``.
    """

    intend: Callable[[Mapping[str, Object | None]], None]
    report: Report
    check: Callable[[], None]
    keep_going: bool
    converted: Callable[[Conversion], None] = lambda _: None
    after: dict[str, Object] = field(default_factory=dict)

    @contextmanager
    def kept(self, problems: list[Problem]) -> Iterator[None]:
        """Puts what fails into ``problems`` and goes on, if told to."""
        try:
            yield
        except (Drift, Failed) as error:
            if not self.keep_going:
                raise
            problems += error.problems


def apply_step(kube: Kube, step: Step, making: Making) -> list[Problem]:
    """Makes the step's changes and waits until each workload is as the step wants it; what failed on the way.

    Raises Drift where an object is not as the plan saw it, Failed where a workload cannot get there.
    """
    problems: list[Problem] = []
    first, rolling, last = in_order(step.changes)
    with ExitStack() as stack:
        mirror = stack.enter_context(Mirror(kube, step.namespace)) if rolling or step.waited else None
        objects = {change.object: change for change in step.changes}
        making.intend({name: _present(kube, change, mirror) for name, change in objects.items()})
        for changes in first:
            with making.kept(problems):
                _make_together(kube, changes, making)
        if mirror is not None:
            with ThreadPoolExecutor(THREADS) as pool:
                problems += _roll(kube, step, rolling, making, mirror, pool)
        for change in last:
            with making.kept(problems):
                make(kube, change)
    return problems


def _make_together(kube: Kube, changes: Sequence[Change], making: Making) -> None:
    """The changes of one object, one right after the other: nothing is asked or waited for between two of them."""
    ended_at: list[float] = []
    for change in changes:
        written = make(kube, change)
        ended_at.append(time.monotonic())
        if written:
            making.after[change.object] = written
    if changes[-1].kind == "Service":
        wait_for_endpoints(kube, changes[-1], making.check)
    if len(changes) > 1 and changes[-1].kind == "Service":
        gap = ended_at[-1] - ended_at[0]
        making.converted(Conversion(changes[0].object, gap, time.monotonic() - ended_at[-1]))


def _present(kube: Kube, change: Change, mirror: Mirror | None) -> Object | None:
    if mirror is not None and change.kind in mirror.kinds:
        return mirror.objects(change.kind).get(change.name)
    return kube.get(change.path)


def make(kube: Kube, change: Change) -> Object:
    """One write; the object as it is after it, empty where it was deleted.

    Raises Drift where a field is no longer as planned or the object is gone, Failed where the API server refuses.
    """
    try:
        if change.action == "delete":
            kube.delete(change.path, **delete_options(change))
            return {}
        if change.action in ("apply", "create"):
            assert change.body is not None
            return kube.create(change.path.rpartition("/")[0], change.body)
        return kube.json_patch(change.patch_path, change.json_patch())
    except ApiError as error:
        if error.status not in (404, 409, 422):
            raise
        present = kube.get(change.path)
        state = change.state_in(present)
        if present is not None and state == "made":  # by our own write, whose answer was lost
            return present
        if (
            present is not None
            and state == "planned"
            and (lighter := change.without_maps_in(present)) != change
        ):
            return make(kube, lighter)
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
    making: Making,
    mirror: Mirror,
    pool: ThreadPoolExecutor,
) -> list[Problem]:
    problems: list[Problem] = []
    expected = Expectation(step.meshed, step.mode, step.release) if step.meshed is not None else None
    writing: dict[Future[Object], Change] = {}
    rolling = {identifier: _Rolling(identifier, 0) for identifier in step.waited}
    old_pods = frozenset(pod["metadata"]["uid"] for pod in mirror.objects("Pod").values())
    done, total = 0, len(changes) + len(rolling)
    freed: set[str] = set()
    followed = Followed()
    turns = Turns(changes, step.limits, followed)
    moved_at = time.monotonic()
    while turns.waiting or writing or rolling:
        making.check()
        is_current = mirror.is_current()
        touched = followed.take(mirror.changes())
        under_way = {*rolling, *(change.workload or "" for change in writing.values())}
        for change in turns.next(under_way, touched):
            writing[pool.submit(make, kube, change)] = change
            under_way.add(change.workload or "")
        if why := turns.held_back(under_way):
            making.report(why, done, total)
        for future in [future for future in writing if future.done()]:
            change = writing.pop(future)
            with making.kept(problems):
                written = making.after[change.object] = future.result()
                if change.kind == "CronJob":
                    done += 1
                else:
                    generation = int(written["metadata"].get("generation", 0))
                    rolling[change.workload or ""] = _Rolling(change.workload or "", generation)
        for identifier, roll in list(rolling.items()):
            if identifier not in touched and not roll.is_timed:
                continue
            # Where nothing is changed now, no pod is from before the change.
            old = frozenset[str]() if identifier in step.waited else old_pods
            progress = roll.judged(followed, is_current, expected, old)
            if progress.state == "failed":
                del rolling[identifier]
                with making.kept(problems):
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
                making.report(progress.message, done, total)
            for pod in progress.stuck_pods:
                if pod.uid not in freed:
                    freed.add(pod.uid)
                    kube.delete(f"{API_PATHS['Pod'].format(namespace=step.namespace)}/{pod.name}", pod.uid)
                    making.report(f"{identifier}: freed {pod.name}, stuck on a failed revision", done, total)
        if time.monotonic() - moved_at > STALL_SECONDS:
            stalled, moved_at = ", ".join(rolling), time.monotonic()
            rolling.clear()
            with making.kept(problems):
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
        elif rolling and mirror.wait(1.0):
            time.sleep(TOGETHER_SECONDS)
    return problems


@dataclass
class _Rolling:
    """One workload on its way: nothing older than ``generation`` (that of our write) says how it does."""

    workload: str
    generation: int
    unproved_since: float | None = None
    unproved_seconds: float = UNPROVED_SECONDS
    done: int = 0
    message: str = ""
    is_timed: bool = True
    """To be looked at though nothing of it changed: it never was, or how long it stays so decides."""

    def judged(
        self, followed: Followed, is_current: bool, expected: Expectation | None, old: frozenset[str]
    ) -> Progress:
        identifier = self.workload
        workload = followed.workloads.get(identifier)
        if workload is None:
            return Progress("failed", f"{identifier} was deleted meanwhile")
        if workload.manifest["metadata"].get("generation", 0) < self.generation:
            return Progress("waiting", self.message)
        pods, events = followed.pods_of(identifier), followed.events_of(identifier)
        progress = judge(workload, pods, events, expected, old)
        self.is_timed = progress.state == "unproved"
        # A complaint of another kind has its own time: a busy webhook that is restarted says that nobody answers.
        is_new = progress.unproved_seconds != self.unproved_seconds
        if progress.state != "unproved" or progress.done > self.done or is_new:
            self.unproved_since = None
        self.unproved_seconds = progress.unproved_seconds
        self.done = progress.done
        if progress.state != "unproved":
            return progress
        if not is_current:  # what is missing may have come while the API server was away
            self.unproved_since = None
            return replace(progress, state="waiting")
        self.unproved_since = self.unproved_since or time.monotonic()
        if time.monotonic() - self.unproved_since < progress.unproved_seconds:
            return replace(progress, state="waiting")
        return replace(progress, state="failed")

    def news(self, progress: Progress) -> bool:
        changed = progress.message != self.message
        self.message = progress.message
        return changed
