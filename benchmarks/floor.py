"""What Kubernetes itself needs: a bare program that patches side by side and watches until every pod is as wanted.

    python benchmarks/floor.py inject|remove KUBECONFIG CONTEXT NAMESPACE

It looks at nothing first, journals nothing, holds no lock and judges nothing. Prints the seconds that it took.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from meshroll.adapters.kube.client import Kube

THREADS = 16
WATCH_SECONDS = 600
PROXY = "linkerd-proxy"


def main() -> int:
    began = time.monotonic()
    what, kubeconfig, context, namespace = sys.argv[1:]
    kube = Kube.connect(kubeconfig, context)
    root = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    deployments, _ = kube.list_all(root)
    annotations: dict[str, str | None] = {"linkerd.io/inject": "enabled" if what == "inject" else None}
    annotations["floor/restarted-at"] = datetime.now(UTC).isoformat()
    body = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    _, version = kube.list_all(f"/api/v1/namespaces/{namespace}/pods")
    with ThreadPoolExecutor(THREADS) as pool:
        written = list(
            pool.map(lambda each: kube.merge_patch(f"{root}/{each['metadata']['name']}", body), deployments)
        )
    wanted = {each["metadata"]["name"]: each for each in written}
    _wait_for_pods(
        kube, namespace, version, what == "inject", sum(each["spec"]["replicas"] for each in written)
    )
    _wait_for_deployments(kube, root, wanted)
    sys.stdout.write(f"{time.monotonic() - began:.2f}\n")
    return 0


def _wait_for_pods(kube: Kube, namespace: str, version: str, meshed: bool, wanted: int) -> None:
    """Until as many are Ready that are as wanted, and no other is left."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    right, wrong = set[str](), {pod["metadata"]["name"] for pod in kube.list_all(path)[0]}
    for event in kube.watch(path, version, WATCH_SECONDS):
        pod = event["object"]
        name = pod["metadata"].get("name", "")
        if event["type"] == "DELETED":
            right.discard(name)
            wrong.discard(name)
        elif event["type"] != "BOOKMARK":
            (right if _is_right(pod, meshed) else wrong).add(name)
            (wrong if _is_right(pod, meshed) else right).discard(name)
        if len(right) >= wanted and not wrong:
            return


def _is_right(pod: dict[str, Any], meshed: bool) -> bool:
    spec, status = pod["spec"], pod.get("status") or {}
    has = any(each["name"] == PROXY for each in [*spec["containers"], *(spec.get("initContainers") or [])])
    ready = any(
        each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or []
    )
    return has == meshed and ready and "deletionTimestamp" not in pod["metadata"]


def _wait_for_deployments(kube: Kube, root: str, wanted: dict[str, dict[str, Any]]) -> None:
    """Until each says so itself."""
    left = dict(wanted)
    listed, version = kube.list_all(root)
    for each in listed:
        if _is_rolled(each, left):
            left.pop(each["metadata"]["name"], None)
    for event in kube.watch(root, version, WATCH_SECONDS) if left else ():
        if event["type"] != "BOOKMARK" and _is_rolled(event["object"], left):
            left.pop(event["object"]["metadata"]["name"], None)
        if not left:
            return


def _is_rolled(deployment: dict[str, Any], wanted: dict[str, dict[str, Any]]) -> bool:
    before = wanted.get(deployment["metadata"]["name"])
    status, replicas = deployment.get("status") or {}, deployment["spec"]["replicas"]
    return (
        before is not None
        and status.get("observedGeneration", 0) >= before["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == status.get("replicas", 0) == replicas
        and status.get("availableReplicas", 0) == replicas
    )


if __name__ == "__main__":
    sys.exit(main())
