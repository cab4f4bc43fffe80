"""Pods in lists: decoded to what is asked of them and no more, because ten thousand whole ones are half a gigabyte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypedDict

import msgspec

from meshroll.adapters.kube.client import Kube, Object
from meshroll.adapters.kube.connection import JSON
from meshroll.core.model import PROXY_CONTAINER


class _Reference(TypedDict, total=False):
    kind: str
    name: str
    controller: bool


class _Metadata(TypedDict, total=False):
    name: str
    namespace: str
    uid: str
    labels: dict[str, str]
    annotations: dict[str, str]
    creationTimestamp: str
    deletionTimestamp: str
    ownerReferences: list[_Reference]


class _Container(TypedDict, total=False):
    name: str
    image: str
    ports: Any
    resources: Any
    restartPolicy: str
    env: Any


class _Spec(TypedDict, total=False):
    nodeName: str
    hostNetwork: bool
    overhead: Any
    initContainers: list[_Container]
    containers: list[_Container]


class _Condition(TypedDict, total=False):
    type: str
    status: str
    lastTransitionTime: Any


class _ContainerStatus(TypedDict, total=False):
    name: str
    ready: bool
    restartCount: int
    state: Any
    lastState: Any
    resources: Any


class _Status(TypedDict, total=False):
    phase: str
    podIP: str
    conditions: list[_Condition]
    initContainerStatuses: list[_ContainerStatus]
    containerStatuses: list[_ContainerStatus]


class _Pod(TypedDict, total=False):
    metadata: _Metadata
    spec: _Spec
    status: _Status


class PodList(TypedDict):
    """One page of pods, as JSON is decoded to it: what it does not name is passed over."""

    metadata: dict[str, Any]
    items: list[_Pod]


# Made here, while there is one thread: two that ask msgspec for the same type at the same time, the first time, crash.
POD_PAGE = msgspec.json.Decoder(PodList)


def list_pods(kube: Kube, path: str, **query: str) -> list[Object]:
    """The pods at ``path``, with what the rules ask of them."""
    return kube.list_as(path, JSON, Trimmed(), POD_PAGE, **query)[0]


class Trimmed:
    """Reads the pages of one list of pods; what pods of a workload have in common is held once for all of them."""

    def __init__(self) -> None:
        self._held: dict[bytes, Any] = {}

    def __call__(self, page: Object) -> Iterator[Object]:
        for pod in page["items"]:
            spec, status, meta = pod["spec"], pod.get("status") or {}, pod["metadata"]
            for key in ("initContainers", "containers"):
                for container in spec.get(key) or []:
                    # Of proxies it is kept: which trust anchors they carry is in it.
                    if container["name"] != PROXY_CONTAINER:
                        container.pop("env", None)
            status["conditions"] = [
                each for each in status.get("conditions") or [] if each["type"] == "Ready"
            ]
            for part, keys in (
                (meta, ("namespace", "labels", "annotations", "ownerReferences", "creationTimestamp")),
                (spec, ("nodeName", "initContainers", "containers", "overhead")),
                (status, ("conditions", "initContainerStatuses", "containerStatuses")),
            ):
                for key in keys:
                    if key in part:
                        part[key] = self._once(part[key])
            yield pod

    def _once(self, value: Any) -> Any:
        return self._held.setdefault(msgspec.json.encode(value), value)
