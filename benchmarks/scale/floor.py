"""What Kubernetes itself needs: a bare program that patches side by side and watches until every pod is as wanted.

    python -m scale.floor inject|remove KUBECONFIG CONTEXT NAMESPACE [SERVICES]

It looks at nothing first, journals nothing, holds no lock and judges nothing. With `remove` the first SERVICES clients
dial once per request again, and as many headless Services become ClusterIP Services. Prints the seconds that it took.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from scale.large import DIAL_MODE, name_of

from meshroll.adapters.kube.client import ApiError, Kube
from meshroll.core.injection import NATIVE_ALPHA, NATIVE_GA

THREADS = 16
GONE = 410
WATCH_SECONDS = 600
PROXY, INJECT = "linkerd-proxy", "linkerd.io/inject"


def main() -> int:
    began = time.monotonic()
    what, kubeconfig, context, namespace = sys.argv[1:5]
    services = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    kube = Kube.connect(kubeconfig, context)
    root = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    deployments, _ = kube.list_all(root)
    # A namespace that says so injects whatever a template leaves open.
    said = {"metadata": {"annotations": {INJECT: None}}}
    if what == "remove":
        kube.merge_patch(f"/api/v1/namespaces/{namespace}", said)
    for number in range(services):
        to_clusterip(kube, f"/api/v1/namespaces/{namespace}/services/{name_of(number)}")
    dialling = {name_of(number) for number in range(services)}

    def patch(deployment: dict[str, Any]) -> dict[str, Any]:
        name = deployment["metadata"]["name"]
        return kube.merge_patch(f"{root}/{name}", _body(deployment, what == "inject", name in dialling))

    with ThreadPoolExecutor(THREADS) as pool:
        written = list(pool.map(patch, deployments))
    pods = sum(each["spec"]["replicas"] for each in written)
    _wait_for_pods(kube, namespace, what == "inject", pods)
    _wait_for_deployments(kube, root, {each["metadata"]["name"]: each for each in written})
    sys.stdout.write(f"{time.monotonic() - began:.2f}\n")
    return 0


def _body(deployment: dict[str, Any], meshed: bool, dials_again: bool) -> dict[str, Any]:
    annotations = {INJECT: "enabled" if meshed else None}
    # The same pods as meshroll makes: a proxy that is a native sidecar is another container to the kubelet.
    annotations |= dict.fromkeys((NATIVE_ALPHA, NATIVE_GA), "true" if meshed else None)
    annotations["floor/restarted-at"] = datetime.now(UTC).isoformat()
    template: dict[str, Any] = {"metadata": {"annotations": annotations}}
    if dials_again:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        env = [
            {**each, "value": "per_request"} if each["name"] == DIAL_MODE else each
            for each in container["env"]
        ]
        template["spec"] = {"containers": [{**container, "env": env}]}
    return {"spec": {"template": template}}


def to_clusterip(kube: Kube, path: str) -> None:
    """By way of ExternalName, the only one that lets the address of a Service change without deleting it."""
    _between(kube, path)
    kube.merge_patch(path, {"spec": {"type": "ClusterIP", "externalName": None}})


def to_headless(kube: Kube, path: str) -> None:
    _between(kube, path)
    kube.merge_patch(path, {"spec": {"type": "ClusterIP", "externalName": None, "clusterIP": "None"}})


def _between(kube: Kube, path: str) -> None:
    away = {"type": "ExternalName", "externalName": "halfway.invalid", "clusterIP": None, "clusterIPs": None}
    kube.merge_patch(path, {"spec": away})


def _wait_for_pods(kube: Kube, namespace: str, meshed: bool, wanted: int) -> None:
    """Until as many are Ready that are as wanted, and no other is left."""
    right, wrong = set[str](), set[str]()

    def take(name: str, pod: dict[str, Any] | None) -> bool:
        right.discard(name)
        wrong.discard(name)
        if pod is not None:
            (right if _is_right(pod, meshed) else wrong).add(name)
        return len(right) >= wanted and not wrong

    _until(kube, f"/api/v1/namespaces/{namespace}/pods", take)


def _until(kube: Kube, path: str, take: Callable[[str, dict[str, Any] | None], bool]) -> None:
    """Until ``take`` says that all is there, of a list and then of what changes; again where a watch breaks off, as the
    API server does with one that reads too slowly.
    """
    until, known = time.monotonic() + WATCH_SECONDS, set[str]()
    while time.monotonic() < until:
        items, version = kube.list_all(path)
        there = {item["metadata"]["name"]: item for item in items}
        if any([take(name, there.get(name)) for name in known | set(there)][-1:]):
            return
        known = set(there)
        try:
            for event in kube.watch(path, version, WATCH_SECONDS):
                if event["type"] == "BOOKMARK":
                    continue
                name, is_gone = event["object"]["metadata"]["name"], event["type"] == "DELETED"
                known.add(name)
                if take(name, None if is_gone else event["object"]):
                    return
        except ApiError as error:
            if error.status != GONE:
                raise
    sys.exit(f"{path} is not as wanted after {WATCH_SECONDS} s")


def _is_right(pod: dict[str, Any], meshed: bool) -> bool:
    spec, status = pod["spec"], pod.get("status") or {}
    has = any(each["name"] == PROXY for each in [*spec["containers"], *(spec.get("initContainers") or [])])
    ready = any(
        each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or []
    )
    return has == meshed and ready and "deletionTimestamp" not in pod["metadata"]


def _wait_for_deployments(kube: Kube, root: str, wanted: dict[str, dict[str, Any]]) -> None:
    """Until each says so itself."""
    left = set(wanted)

    def take(name: str, deployment: dict[str, Any] | None) -> bool:
        if deployment is not None and _is_rolled(deployment, wanted):
            left.discard(name)
        return not left

    _until(kube, root, take)


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
