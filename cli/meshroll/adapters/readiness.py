"""Is the control plane up? Its Deployments are available, and its injector answers the API server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from meshroll.adapters.kube.client import ApiError, Kube
from meshroll.adapters.kube.mirror import Mirror
from meshroll.core.chart_values import INJECTORS_FOR_FAIL
from meshroll.core.control_plane import (
    DEPLOYMENTS,
    INSTALLING,
    not_up,
    pod_reasons,
    probe_pod,
    ready_injectors,
)
from meshroll.core.errors import Failed, Problem
from meshroll.core.model import Pod

# The API server takes a new webhook configuration up within a second or two.
WEBHOOK_SECONDS = 30.0
PROBE_NAMESPACE = "default"
Report = Callable[[str, int, int], None]


def wait_up(
    kube: Kube, namespace: str, timeout_seconds: float, report: Report, between: Callable[[], None]
) -> int:
    """Waits until all Deployments are available; the number of Ready injectors. Raises Failed at the timeout.

    Helm is told not to wait: this wait renews the lock, says what it waits for, and names the pods' reasons.
    """
    until = time.monotonic() + timeout_seconds
    said = None
    with Mirror(kube, namespace) as mirror:
        while True:
            between()
            deployments = list(mirror.objects("Deployment").values())
            waiting = not_up(deployments)
            if not waiting:
                return ready_injectors(deployments)
            if waiting != said:
                said = waiting
                total = max(len(DEPLOYMENTS), len(deployments))
                report(waiting[0], total - len(waiting), total)
            if time.monotonic() > until:
                raise Failed(
                    _not_up(namespace, waiting, pod_reasons(mirror.objects("Pod").values()), timeout_seconds)
                )
            mirror.wait(1.0)


def webhook(kube: Kube, between: Callable[[], None]) -> Literal["answers", "silent", "unknown"]:
    """Whether a pod would get a proxy, asked by a dry run; ``unknown`` where another rule refuses the pod.

    On a managed cluster a firewall between API server and nodes leaves the injector Ready and unasked, and with
    failurePolicy Ignore pods start unmeshed without a word: so a Ready pod alone proves nothing.
    """
    until = time.monotonic() + WEBHOOK_SECONDS
    path = f"/api/v1/namespaces/{PROBE_NAMESPACE}/pods"
    while True:
        between()
        try:
            if Pod(kube.create(path, probe_pod(), dryRun="All")).proxy is not None:
                return "answers"
        except ApiError as error:
            if error.status in (403, 404, 422):
                return "unknown"
            if error.status != 500:
                raise
        if time.monotonic() > until:
            return "silent"
        time.sleep(0.5)


def refuse_unsafe(injectors: int, policy: str, answer: Literal["answers", "silent", "unknown"]) -> None:
    """Raises Failed where pods would start unmeshed, or where one restart would stop every new pod."""
    if answer == "silent":
        raise Failed(
            Problem(
                "webhook-silent",
                "The injector is Ready, but the API server gets no answer from it: pods would start unmeshed.",
                "Let the API server reach the nodes on TCP 8443 and 9443 (security groups, NetworkPolicies), then "
                "run again.",
            )
        )
    if policy == "Fail" and injectors < INJECTORS_FOR_FAIL:
        raise Failed(
            Problem(
                "injectors-too-few",
                f"webhookFailurePolicy is Fail and {injectors} injector is Ready: its restart stops every new pod.",
                "Set controllerReplicas to 2 or more, or webhookFailurePolicy to Ignore, then run again.",
            )
        )


def finished(kube: Kube, namespace: str) -> None:
    """Takes away the mark that an install is under way."""
    kube.merge_patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"annotations": {INSTALLING: None}}})


def _not_up(namespace: str, waiting: list[str], reasons: list[str], timeout_seconds: float) -> Problem:
    because = f" Pods say: {'; '.join(reasons)}." if reasons else ""
    return Problem(
        "control-plane-not-up",
        f"The control plane is not up after {timeout_seconds:.0f} s: {', '.join(waiting)}.{because}",
        f"kubectl -n {namespace} get pods, events. Once it is put right, run again: it goes on from here.",
    )
