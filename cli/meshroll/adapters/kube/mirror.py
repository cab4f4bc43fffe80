"""A live copy of the kinds that matter in one namespace: one list and one watch a kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import urllib3

from meshroll.adapters.kube.client import ApiError, Kube, Object
from meshroll.core.changes import API_PATHS
from meshroll.core.errors import MeshrollError

PATHS = {
    **{kind: API_PATHS[kind] for kind in ("Deployment", "StatefulSet", "DaemonSet", "Pod")},
    "Event": "/api/v1/namespaces/{namespace}/events",
}
WATCH_SECONDS = 300
PAUSE_SECONDS = 0.5


class Mirror:
    """``with Mirror(kube, "charging") as mirror:`` then ``mirror.wait(1.0)`` until something changed.

    A watch that breaks (410, a reset, an API server that restarts) is begun again from a new list, so what is read
    here may be late but is never made up. Events older than the mirror are not kept.
    """

    kinds = frozenset(PATHS)

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._paths = {kind: path.format(namespace=namespace) for kind, path in PATHS.items()}
        self._objects: dict[str, dict[str, Object]] = {kind: {} for kind in PATHS}
        self._old_events: set[str] = set()
        self._changed = threading.Condition()
        self._version = 0
        self._seen = 0
        self._stopped = threading.Event()
        self._failure: MeshrollError | None = None

    def __enter__(self) -> Mirror:
        versions = {kind: self._relist(kind) for kind in PATHS}
        self._old_events = {event["metadata"]["uid"] for event in self._objects["Event"].values()}
        for kind, version in versions.items():
            threading.Thread(
                target=self._follow, args=(kind, version), daemon=True, name=f"watch {kind}"
            ).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stopped.set()

    def objects(self, kind: str) -> Mapping[str, Object]:
        """Objects of ``kind`` by name, as of now."""
        with self._changed:
            return dict(self._objects[kind])

    def new_events(self) -> list[Object]:
        with self._changed:
            return [
                event
                for event in self._objects["Event"].values()
                if event["metadata"]["uid"] not in self._old_events
            ]

    def wait(self, seconds: float) -> bool:
        """True once something changed since the last call, False after ``seconds``; raises what a watch raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != self._seen or self._failure, timeout=seconds)
            if self._failure:
                raise self._failure
            changed = self._version != self._seen
            self._seen = self._version
            return changed

    def _follow(self, kind: str, resource_version: str) -> None:
        while not self._stopped.is_set():
            try:
                for event in self._kube.watch(self._paths[kind], resource_version, WATCH_SECONDS):
                    if self._stopped.is_set():
                        return
                    item = event["object"]
                    resource_version = item["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._take(kind, event["type"], item)
            except (ApiError, urllib3.exceptions.HTTPError, OSError, ValueError):
                time.sleep(PAUSE_SECONDS)
                try:
                    resource_version = self._relist(kind)
                except MeshrollError as error:
                    with self._changed:
                        self._failure = error
                        self._changed.notify_all()
                    return

    def _take(self, kind: str, change: str, item: Object) -> None:
        with self._changed:
            if change == "DELETED":
                self._objects[kind].pop(item["metadata"]["name"], None)
            else:
                self._objects[kind][item["metadata"]["name"]] = {"kind": kind, **item}
            self._version += 1
            self._changed.notify_all()

    def _relist(self, kind: str) -> str:
        items, version = self._kube.list_all(self._paths[kind])
        with self._changed:
            self._objects[kind] = {item["metadata"]["name"]: {"kind": kind, **item} for item in items}
            self._version += 1
            self._changed.notify_all()
        return version
