"""How a namespace stands, as the API server shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from meshroll.adapters.kube.client import Kube
from meshroll.core.model import Pod

Object = dict[str, Any]
DIALS = ("TARGET", "DIAL_MODE")
"""The client's variables that a rollout sets."""


@dataclass(frozen=True)
class State:
    """One moment. ``lease`` is the lock's object, ``running`` the namespace's runs that the journal calls running."""

    namespace: Object
    deployments: dict[str, Object]
    services: dict[str, Object]
    pods: dict[str, list[Pod]]
    lease: Object | None
    running: tuple[str, ...]

    @classmethod
    def read(cls, kube: Kube, name: str) -> State:
        home = kube.get(f"/api/v1/namespaces/{name}")
        assert home is not None
        pods: dict[str, list[Pod]] = {}
        for item in kube.list_all(f"/api/v1/namespaces/{name}/pods")[0]:
            pod = Pod(item)
            if not pod.ending:
                pods.setdefault(pod.owner or pod.name, []).append(pod)
        journal, _ = kube.list_all(
            "/api/v1/namespaces/meshroll/configmaps", labelSelector="meshroll.io/state=running"
        )
        return cls(
            namespace=home,
            deployments=_by_name(kube.list_all(f"/apis/apps/v1/namespaces/{name}/deployments")[0]),
            services=_by_name(kube.list_all(f"/api/v1/namespaces/{name}/services")[0]),
            pods=pods,
            lease=kube.get("/apis/coordination.k8s.io/v1/namespaces/meshroll/leases/meshroll"),
            # Whatever the journal's format: a run of this namespace names it somewhere.
            running=tuple(
                item["metadata"]["name"] for item in journal if f'"{name}"' in "".join(item["data"].values())
            ),
        )

    def variable(self, name: str) -> str:
        """A variable of the client."""
        containers = self.deployments["client"]["spec"]["template"]["spec"]["containers"]
        return next(str(entry["value"]) for entry in containers[0]["env"] if entry["name"] == name)


def annotations_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    return (manifest.get("metadata") or {}).get("annotations") or {}


def _by_name(items: Iterable[Object]) -> dict[str, Object]:
    return {
        item["metadata"]["name"]: {"kind": "Service" if "clusterIP" in item["spec"] else "Deployment", **item}
        for item in items
    }
