"""Is the control plane up? Its Deployments are available, and its injector answers the API server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from meshroll.adapters.kube.client import ApiError, Kube
from meshroll.adapters.kube.mirror import Mirror
from meshroll.core.chart_values import INJECTORS_FOR_FAIL
from meshroll.core.control_plane import (
    DEPLOYMENTS,
    INSTALLING,
    not_up,
    probe_pod,
    ready_injectors,
    trouble,
)
from meshroll.core.errors import Failed, Problem
from meshroll.core.model import Pod

# The API server takes a new webhook configuration up within a second or two.
WEBHOOK_SECONDS = 30.0
# An image that cannot be pulled now may be there in a moment; after this it will not.
LASTING_SECONDS = 30.0
# Containers of one image wait for the same reason; a few say it.
TROUBLES_SHOWN = 3
PROBE_NAMESPACE = "default"
Report = Callable[[str, int, int], None]


def wait_up(
    kube: Kube, namespace: str, timeout_seconds: float, report: Report, between: Callable[[], None]
) -> int:
    """Waits until all Deployments are available; the number of Ready injectors. Raises Failed at the timeout.

    Helm is told not to wait: this wait renews the lock, says what it waits for, and names the pods' reasons.
    """
    began = time.monotonic()
    troubled_since: float | None = None
    said = ""
    with Mirror(kube, namespace) as mirror:
        while True:
            between()
            deployments = list(mirror.objects("Deployment").values())
            waiting = not_up(deployments)
            if not waiting:
                return ready_injectors(deployments)
            found = trouble(deployments, mirror.objects("Pod").values())
            text = "; ".join([*waiting, *(one.text for one in found[:TROUBLES_SHOWN])])
            if text != said:
                said = text
                total = max(len(DEPLOYMENTS), len(deployments))
                report(found[0].text if found else waiting[0], total - len(waiting), total)
            now = time.monotonic()
            lasting = any(one.lasting for one in found) and mirror.is_current()
            troubled_since = (troubled_since or now) if lasting else None
            if now - began > timeout_seconds or now - (troubled_since or now) > LASTING_SECONDS:
                raise Failed(_not_up(namespace, text, now - began))
            mirror.wait(1.0)


@dataclass(frozen=True)
class Answer:
    """What became of a probe pod; ``said`` is the API server's word where it did not get a proxy."""

    kind: Literal["answers", "silent", "unknown"]
    said: str = ""


def webhook(kube: Kube, between: Callable[[], None]) -> Answer:
    """Whether a pod would get a proxy, asked by a dry run; ``unknown`` where another rule refuses the pod.

    On a managed cluster a firewall between API server and nodes leaves the injector Ready and unasked, and with
    failurePolicy Ignore pods start unmeshed without a word: so a Ready pod alone proves nothing.
    """
    until = time.monotonic() + WEBHOOK_SECONDS
    path = f"/api/v1/namespaces/{PROBE_NAMESPACE}/pods"
    while True:
        between()
        said = "the pod came back without a proxy"
        try:
            if Pod(kube.create(path, probe_pod(), dryRun="All")).proxy is not None:
                return Answer("answers")
        except ApiError as error:
            said = error.problems[0].message
            if error.status in (403, 404, 422):
                return Answer("unknown", said)
            if error.status != 500:
                raise
        if time.monotonic() > until:
            return Answer("silent", said)
        time.sleep(0.5)


def refuse_unsafe(injectors: int, policy: str, answer: Answer) -> None:
    """Raises Failed where pods would start unmeshed, or where one restart would stop every new pod."""
    if answer.kind == "silent":
        raise Failed(
            Problem(
                "webhook-silent",
                f"The injector is Ready, but a pod that asks for a proxy gets none: {answer.said}",
                "Let the API server reach the nodes on TCP 8443 and 9443 (security groups, NetworkPolicies).",
            )
        )
    if policy == "Fail" and injectors < INJECTORS_FOR_FAIL:
        raise Failed(
            Problem(
                "injectors-too-few",
                f"webhookFailurePolicy is Fail and {injectors} injector is Ready: without it no pod starts.",
                "Set controllerReplicas to 2 or more, or webhookFailurePolicy to Ignore.",
            )
        )


def finished(kube: Kube, namespace: str) -> None:
    """Takes away the mark that an install is under way."""
    kube.merge_patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"annotations": {INSTALLING: None}}})


def _not_up(namespace: str, text: str, seconds: float) -> Problem:
    return Problem(
        "control-plane-not-up",
        f"The control plane is not up after {seconds:.0f} s: {text}.",
        f"`kubectl -n {namespace} get pods,events` shows more.",
    )
