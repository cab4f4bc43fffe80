"""Reads what an uninstall of Linkerd is decided by, and removes what Helm must not remove first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from meshroll.adapters import helm
from meshroll.adapters.certificate_dates import ADMISSION
from meshroll.adapters.kube.client import ApiError, Kube, Object
from meshroll.adapters.kube.pods import list_pods
from meshroll.core.certificate_dates import WEBHOOKS
from meshroll.core.control_plane import parts
from meshroll.core.errors import Problem, RollbackFailed
from meshroll.core.journal import Record
from meshroll.core.uninstall import COMPONENT, GATEWAY_API, MESHED_BY, Standing, needed_by

CRDS_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# Those of the chart linkerd-crds. Extensions have groups and charts of their own (multicluster.linkerd.io).
GROUPS = ("linkerd.io", "policy.linkerd.io", "workload.linkerd.io", GATEWAY_API)
NAMESPACES, PODS = "/api/v1/namespaces", "/api/v1/pods"


def see(kube: Kube, home: str, records: Sequence[Record], anchor_key_file: str | None) -> Standing:
    """One look at the whole cluster; ``anchor_key_file`` is told of only where it exists. Raises ApiError."""
    key_file = Path(anchor_key_file).expanduser() if anchor_key_file else None
    with ThreadPoolExecutor(max_workers=12) as pool:
        spaces = pool.submit(kube.list_all, NAMESPACES)
        pods = pool.submit(list_pods, kube, PODS, labelSelector=MESHED_BY)
        deployments = pool.submit(kube.list_all, f"/apis/apps/v1/namespaces/{home}/deployments")
        releases = pool.submit(helm.releases, kube, home)
        crds = pool.submit(kube.list_all, CRDS_PATH)
        hooks = [pool.submit(kube.get, f"{ADMISSION}/{kind}/{name}") for name, kind in WEBHOOKS.items()]
        return Standing(
            home=home,
            namespaces=tuple(spaces.result()[0]),
            pods=tuple(pods.result()),
            deployments=parts(deployments.result()[0]),
            helm=releases.result(),
            webhooks=tuple(found for hook in hooks if (found := hook.result()) is not None),
            crds=tuple(crd for crd in crds.result()[0] if crd["spec"]["group"] in GROUPS),
            records=tuple(records),
            anchor_key_file=str(key_file) if key_file and key_file.exists() else None,
        )


def count(kube: Kube, crds: Sequence[Object]) -> dict[str, int]:
    """How many custom resources there are of each kind (``Server.policy.linkerd.io``), without those of none."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        counts = pool.map(lambda crd: _count(kube, crd), crds)
        found = {
            f"{crd['spec']['names']['kind']}.{crd['spec']['group']}": each
            for crd, each in zip(crds, counts, strict=True)
        }
    return {kind: each for kind, each in found.items() if each}


def _count(kube: Kube, crd: Object) -> int:
    spec = crd["spec"]
    version = next(each["name"] for each in spec["versions"] if each["served"])
    try:
        return len(kube.list_all(f"/apis/{spec['group']}/{version}/{spec['names']['plural']}")[0])
    except ApiError as error:
        if error.status == 404:  # it is going
            return 0
        raise


def remove_webhooks(kube: Kube, home: str, between: Callable[[], None]) -> None:
    """Deletes the three configurations, then looks again: no pod can get a proxy from here on.

    Raises RollbackFailed where one got a proxy since the first look: the control plane that it lives by must stay.
    """
    for name, kind in WEBHOOKS.items():
        between()
        kube.delete(f"{ADMISSION}/{kind}/{name}")
    pods = list_pods(kube, PODS, labelSelector=MESHED_BY)
    found = needed_by(pods, kube.list_all(NAMESPACES)[0], home)
    if found:
        raise RollbackFailed(found)


def wait_gone(kube: Kube, home: str, timeout_seconds: float, between: Callable[[], None]) -> None:
    """Until no pod of the control plane is left. Raises RollbackFailed at the timeout."""
    until = time.monotonic() + timeout_seconds
    path = f"/api/v1/namespaces/{home}/pods"
    while True:
        between()
        left = [item["metadata"]["name"] for item in kube.list_metadata(path, labelSelector=COMPONENT)[0]]
        if not left:
            return
        if time.monotonic() > until:
            raise RollbackFailed(
                Problem(
                    "control-plane-not-gone",
                    f"After {timeout_seconds:.0f} s there are still pods of it: {', '.join(sorted(left))}.",
                    f"`kubectl -n {home} get pods,events` shows more.",
                    namespace=home,
                )
            )
        time.sleep(0.5)
