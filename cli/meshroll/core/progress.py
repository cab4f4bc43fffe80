"""How far a workload has got with its new template, judged from what the API server shows; fails in seconds.

Waiting for the progress deadline alone would mean ten minutes of a broken wave, so whatever cannot get better by
itself (a refused pod, a crash loop, a skipped injection) ends the wait at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from meshroll.core.injection import Sidecar, unlike
from meshroll.core.model import Object, Pod, Workload, labels_of
from meshroll.core.releases import Edge

HOPELESS = frozenset(
    {
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)

# What may still mend itself: two calls of a webhook that answers too late (10 s each), watches that run apart.
UNPROVED_SECONDS = 20.0
# A webhook that many restarts at once keep too busy answers later. The controller asks it again after longer and longer
# pauses, so this is some five calls.
OVERLOADED_SECONDS = 120.0


@dataclass(frozen=True)
class Expectation:
    """What every pod of a step must be in the end: meshed in this mode by this release, or without a proxy."""

    meshed: bool
    mode: Sidecar | None = None
    release: str | None = None

    def shortfall(self, pod: Pod) -> str | None:
        """Why ``pod`` is not as expected (Ready aside), or None."""
        if not self.meshed:
            return "it still has a linkerd-proxy" if pod.proxy else None
        assert self.mode is not None and self.release is not None
        return unlike(pod, self.mode, Edge.parse(self.release))


@dataclass(frozen=True)
class Progress:
    """How it stands. ``unproved`` is what must persist to count as failed.

    Rolled out with a pod that is not as expected: the watch of pods may lag. Or the controller says that it cannot go
    on: a Deployment repeats that of its previous ReplicaSet for a moment after the change that mends it.
    """

    state: Literal["waiting", "unproved", "done", "failed"]
    message: str
    done: int = 0
    total: int = 0
    stuck_pods: tuple[Pod, ...] = ()
    unproved_seconds: float = UNPROVED_SECONDS
    """How long an ``unproved`` has to persist."""


def judge(
    workload: Workload,
    pods: Sequence[Pod],
    events: Sequence[Object],
    expected: Expectation | None,
    old_pod_uids: frozenset[str],
) -> Progress:
    """Where ``workload`` stands. ``pods`` are its own; ``events`` those since the change, of it and its pods' owners.

    Without ``expected`` pods need only be Ready.
    ``old_pod_uids`` are the pods from before the change: their troubles are not the change's fault.
    """
    total = workload.replicas
    alive = [pod for pod in pods if not pod.ending and not pod.finished]
    good = [pod for pod in alive if pod.ready and _shortfall(expected, pod) is None]
    failure = _failure(alive, old_pod_uids)
    if failure:
        return Progress("failed", f"{workload.id}: {failure}", len(good), total)
    stuck = _stuck(workload, alive)
    whole = workload.rolled and not stuck
    if whole and len(good) == len(alive) >= total:
        return Progress("done", f"{workload.id} {len(good)}/{total} as wanted", len(good), total)
    complaint = _complaint(workload, alive, events, expected)
    if whole and not complaint:
        wrong = [(pod, _shortfall(expected, pod)) for pod in alive]
        complaint = "; ".join(f"{pod.name}: {reason}" for pod, reason in wrong if reason)
    if complaint:
        lasts = OVERLOADED_SECONDS if _too_late(complaint) else UNPROVED_SECONDS
        message = f"{workload.id}: {complaint}"
        return Progress("unproved", message, len(good), total, unproved_seconds=lasts)
    return Progress("waiting", f"{workload.id} {len(good)}/{total}", len(good), total, stuck)


def _shortfall(expected: Expectation | None, pod: Pod) -> str | None:
    return expected.shortfall(pod) if expected else None


def _failure(pods: Sequence[Pod], old: frozenset[str]) -> str | None:
    """What no waiting mends: a new pod that the kubelet has given up on."""
    for pod in pods:
        if pod.uid in old:
            continue
        for container, reason, message in pod.waiting_reasons():
            if reason in HOPELESS:
                return f"{pod.name} container {container}: {reason} {message}".rstrip()
    return None


def _complaint(
    workload: Workload, pods: Sequence[Pod], events: Sequence[Object], expected: Expectation | None
) -> str | None:
    """What controller and injector say of the newest template; a webhook that timed out once is called again.

    A Deployment says in its conditions how it is now; the others only leave events, which count while pods are missing.
    """
    if not workload.observed:
        return None
    for condition in (workload.manifest.get("status") or {}).get("conditions") or []:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return f"pods cannot be created: {condition.get('message', '')}"
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return "its progress deadline has passed"
    missing = workload.kind != "Deployment" and len(pods) < workload.replicas
    for event in events:
        if event["reason"] == "FailedCreate" and missing:
            return f"pods cannot be created: {event.get('message', '')}"
        if event["reason"] == "InjectionSkipped" and expected is not None and expected.meshed:
            return f"the injector skipped it: {event.get('message', '')}"
    return None


def _too_late(complaint: str) -> bool:
    """The API server's words for a webhook that did not answer in its timeoutSeconds."""
    return "failed calling webhook" in complaint and "deadline exceeded" in complaint


def _stuck(workload: Workload, alive: Sequence[Pod]) -> tuple[Pod, ...]:
    """A StatefulSet never replaces a pod of a failed revision by itself (kubernetes/kubernetes#67250).

    Where one of its pods is being replaced right now it is on its way, and taking a second one costs a quorum.
    """
    if workload.kind != "StatefulSet" or not workload.observed:
        return ()
    newest = (workload.manifest.get("status") or {}).get("updateRevision")
    revisions = {pod.uid: labels_of(pod.manifest).get("controller-revision-hash") for pod in alive}
    in_flight = len(alive) < workload.replicas or any(
        not pod.ready and revisions[pod.uid] == newest for pod in alive
    )
    if in_flight:
        return ()
    return tuple(pod for pod in alive if not pod.ready and revisions[pod.uid] not in (None, newest))
