"""The probe's Job as data, and how far its pod is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from meshroll.core.control_plane import LASTING_REASONS
from meshroll.core.model import INJECT, Object, Pod
from meshroll.core.ownership import MANAGED_BY, OURS
from meshroll.core.probe.target import Aim

NAME = "meshroll-probe"
CONTAINER = "probe"
CALLS = 100
# The script ends within 30 s of waiting for the proxy, 60 s of calls and a few more; images have to be pulled.
WAIT_SECONDS = 150.0
# If nobody is left to remove the Job (kill -9, a lost network), it ends and goes by itself.
DEADLINE_SECONDS = 180
KEPT_SECONDS = 60
# The user of curl's image as a number, because the kubelet cannot see of a name that it is not root.
USER = 100
# The script reads its own proxy's metrics over loopback, which a policy that asks for mTLS or for a cluster network
# refuses (linkerd2-proxy: its admin server asks the inbound policy).
ANNOTATIONS = {INJECT: "enabled", "config.linkerd.io/default-inbound-policy": "all-unauthenticated"}


def job_name(run_id: str) -> str:
    """Each run's own, so that one that was left over stands in nobody's way."""
    return f"{NAME}-{run_id}"


def job(aim: Aim, image: str, run_id: str, script: str) -> dict[str, Any]:
    """The manifest. What differs from run to run reaches the script as environment, never as text of it."""
    labels = {"app.kubernetes.io/name": NAME, MANAGED_BY: OURS, "meshroll.io/run": run_id}
    environment = {
        "URL": aim.url,
        "GRPC": "yes" if aim.grpc else "no",
        "CALLS": str(CALLS),
        "ADMIN": "http://127.0.0.1:4191",
        "RESULT": "/dev/termination-log",
    }
    container = {
        "name": CONTAINER,
        "image": image,
        "command": ["/bin/sh", "-c", script],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        # A script that could not run says why in its log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi"},
            "limits": {"cpu": "200m", "memory": "64Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job_name(run_id), "namespace": aim.namespace, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {
                "metadata": {"labels": labels, "annotations": ANNOTATIONS},
                "spec": pod,
            },
        },
    }


@dataclass(frozen=True)
class Ended:
    """How the probe's pod ended: with the script's own ``message``, or, where that is None, ``why`` it has none."""

    message: str | None
    why: str = ""


def ended(pod: Pod) -> Ended | None:
    """None while it is on its way. Its proxy may run on, so only the probe's own container is waited for."""
    if pod.proxy is None:
        return Ended(None, "its pod got no proxy: the injector did not answer, or skipped it")
    status = pod.manifest.get("status") or {}
    statuses = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    # Its own first: once that has ended the proxy is stopped, and may end as failed.
    for container in sorted(statuses, key=lambda each: each["name"] != CONTAINER):
        done = (container.get("state") or {}).get("terminated") or {}
        said = str(done.get("message") or "").strip()
        if done.get("exitCode"):
            last = said.splitlines()[-1] if said else "it says nothing"
            reason = f"{done.get('reason', '')} {done['exitCode']}".strip()
            return Ended(None, f"container {container['name']} failed ({reason}): {last}")
        if done and container["name"] == CONTAINER:
            return Ended(said)
    for name, reason, message in pod.waiting_reasons():
        if reason in LASTING_REASONS:
            return Ended(None, f"container {name} waits: {reason} {message}".strip())
    if status.get("phase") == "Failed":
        why = " ".join(str(status[key]) for key in ("reason", "message") if status.get(key))
        return Ended(None, f"its pod failed: {why or 'no reason is given'}")
    return None


def not_made(events: Iterable[Object]) -> Ended | None:
    """Why the Job has no pod, by its events: a quota or a webhook refuses it, or somebody took it away."""
    for event in events:
        if event.get("type") == "Warning":
            return Ended(None, f"its Job has no pod: {event.get('reason')}, {event.get('message')}")
    return None


def waits_for(pod: Pod | None) -> str:
    """What it waits for, for people."""
    if pod is None:
        return "its Job has no pod"
    for condition in (pod.manifest.get("status") or {}).get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"its pod has no node: {condition.get('message', '')}"
    waiting = [f"{name} ({reason})" for name, reason, _ in pod.waiting_reasons()]
    return f"its pod waits for {', '.join(waiting)}" if waiting else "its pod runs and has not ended"
