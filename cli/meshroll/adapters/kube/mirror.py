"""A live copy of the kinds that matter in one namespace: one list and one watch a kind."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from typing import Any

import urllib3

from meshroll.adapters import clock
from meshroll.adapters.kube.client import ApiError, Kube, Object
from meshroll.core.changes import API_PATHS
from meshroll.core.followed import Seen
from meshroll.core.kinds import ROLLED
from meshroll.core.retry import TRANSIENT, backoff_seconds

PATHS = {
    **{kind: API_PATHS[kind] for kind in (*ROLLED, "Pod")},
    "Event": "/api/v1/namespaces/{namespace}/events",
}
# A connection that died without a word is noticed once the server has not ended the watch when it should have. Short,
# because a copy that stands still must not be judged: see is_current.
WATCH_SECONDS = 10
CURRENT_SECONDS = 16.0
BUSY, GONE = 429, 410
# Then it is asked with the patience of a list, whose end says why.
BUSY_MAX = 5
# Longer than this nobody is told how the pods do.
ASKED_SECONDS_MAX = 30.0


class Mirror:
    """``with Mirror(kube, "charging") as mirror:`` then ``mirror.wait(1.0)`` until something changed.

    A watch that breaks (410, a reset, an API server that restarts) is begun again from a new list, so what is read
    here may be late but is never made up. Events older than the mirror are not kept.
    """

    kinds = frozenset(PATHS)

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        watch_seconds: int = WATCH_SECONDS,
        seconds: Callable[[], float] = clock.seconds,
    ) -> None:
        self._kube = kube
        self._paths = {kind: path.format(namespace=namespace) for kind, path in PATHS.items()}
        self._objects: dict[str, dict[str, Object]] = {kind: {} for kind in PATHS}
        self._heard: dict[str, float] = {}
        self._pending: dict[tuple[str, str], Object | None] = {}
        self._old_events: set[str] = set()
        self._changed = threading.Condition()
        self._version = 0
        self._seen = 0
        self._stopped = threading.Event()
        self._failure: Exception | None = None
        self._watch_seconds = watch_seconds
        self._seconds = seconds

    def __enter__(self) -> Mirror:
        versions = {kind: self._relist(kind) for kind in PATHS if kind != "Event"}
        versions["Event"] = self._pass_over_events()
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

    def changes(self) -> list[Seen]:
        """What changed since the last call, each once and as it is now; the first time all that is there."""
        with self._changed:
            pending, self._pending = self._pending, {}
        return [(kind, name, item) for (kind, name), item in pending.items()]

    def is_current(self) -> bool:
        """Whether every kind was heard of lately; if not, what is here may be as old as a restart takes."""
        with self._changed:
            return self._seconds() - min(self._heard.values()) <= CURRENT_SECONDS

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
        try:
            breaks = 0
            while not self._stopped.is_set():
                began, asked_seconds, is_busy = self._seconds(), 0.0, False
                try:
                    resource_version = self._watch(kind, resource_version)
                    broke = False
                except (urllib3.exceptions.HTTPError, OSError, ValueError):
                    broke = True
                except ApiError as error:
                    if error.status not in TRANSIENT | {401, GONE}:
                        raise
                    # A watch that was not begun goes on from where it was: a list is more work for whoever is busy.
                    is_busy = error.status == BUSY
                    broke = not is_busy or breaks >= BUSY_MAX
                    asked_seconds = min(error.retry_after_seconds, ASKED_SECONDS_MAX)
                # A watch that ends at once, however politely, is not asked for again and again without a pause. A busy
                # server may have kept one waiting for long before it refuses.
                is_short = self._seconds() - began < self._watch_seconds / 2
                breaks = breaks + 1 if broke or is_busy or is_short else 0
                if breaks:
                    self._stopped.wait(max(asked_seconds, backoff_seconds(breaks, random.random())))
                if broke and not self._stopped.is_set():
                    resource_version = self._relist(kind)
        except Exception as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _watch(self, kind: str, resource_version: str) -> str:
        """Takes in what changes until the server ends the watch; the version to go on from."""
        for event in self._kube.watch(self._paths[kind], resource_version, self._watch_seconds):
            if self._stopped.is_set():
                break
            resource_version = event["object"]["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                self._take(kind, event["type"], event["object"])
        with self._changed:
            self._heard[kind] = self._seconds()
        return resource_version

    def _take(self, kind: str, change: str, item: Object) -> None:
        with self._changed:
            self._put(kind, item["metadata"]["name"], None if change == "DELETED" else item)
            self._told(kind, self._seconds())

    def _pass_over_events(self) -> str:
        """Learns which events are older than the mirror, by their names alone; the version to go on from."""
        asked = self._seconds()
        events, version = self._kube.list_metadata(self._paths["Event"])
        with self._changed:
            self._old_events = {event["metadata"]["uid"] for event in events}
            self._told("Event", asked)
        return version

    def _relist(self, kind: str) -> str:
        asked = self._seconds()
        items, version = self._kube.list_all(self._paths[kind])
        with self._changed:
            present = {item["metadata"]["name"]: item for item in items}
            for name in [*self._objects[kind]]:
                if name not in present:
                    self._put(kind, name, None)
            for name, item in present.items():
                self._put(kind, name, item)
            self._told(kind, asked)
        return version

    def _put(self, kind: str, name: str, item: Object | None) -> None:
        if item is not None and kind == "Event" and item["metadata"]["uid"] in self._old_events:
            return
        if item is None:
            self._objects[kind].pop(name, None)
        else:
            item = self._objects[kind][name] = {"kind": kind, **item}
        self._pending[kind, name] = item

    def _told(self, kind: str, at: float) -> None:
        self._heard[kind] = at
        self._version += 1
        self._changed.notify_all()
