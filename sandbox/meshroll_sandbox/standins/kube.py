"""A small asynchronous reader of the Kubernetes API: caches kept by list and watch, a get, a create and a patch."""

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from meshroll_sandbox.standins.kubeconfig import read_kubeconfig

Object = dict[str, Any]
Key = tuple[str, str]
"""(namespace, name); the namespace of a cluster-scoped object is ""."""

Listener = Callable[[str, Object], None]
"""Called with "ADDED", "MODIFIED" or "DELETED" and the object, after the cache has taken the change in."""

WATCH_SECONDS = 300
RETRY_SECONDS = 0.5
MAX_LINE_BYTES = 4 << 20
"""Well above what etcd takes as one object (1.5 MiB)."""

log = logging.getLogger(__name__)


class Cache:
    """All objects of one resource, kept current by a watch until the loop ends.

    `objects` is to be read only. `synced` is set once the first list is in; while the API server is away the
    cache keeps what it knew, and a list after that reports what was missed to the listeners.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.objects: dict[Key, Object] = {}
        self.synced = asyncio.Event()
        self._listeners: list[Listener] = []

    def get(self, namespace: str, name: str) -> Object | None:
        return self.objects.get((namespace, name))

    def listen(self, listener: Listener) -> None:
        """Have `listener` called for every object there is, as ADDED, and for every change from now on."""
        self._listeners.append(listener)
        for item in list(self.objects.values()):
            listener("ADDED", item)

    def replace(self, items: list[Object]) -> None:
        """Take in a complete list."""
        found = {key_of(item): item for item in items}
        for key in self.objects.keys() - found.keys():
            self.apply("DELETED", self.objects[key])
        for key, item in found.items():
            old = self.objects.get(key)
            if old is None or version_of(old) != version_of(item):
                self.apply("ADDED" if old is None else "MODIFIED", item)
        self.synced.set()

    def apply(self, change: str, item: Object) -> None:
        """Take in one event of a watch."""
        if change == "DELETED":
            self.objects.pop(key_of(item), None)
        else:
            self.objects[key_of(item)] = item
        for listener in self._listeners:
            listener(change, item)


class Kube:
    """A client of the API server that a kubeconfig with a client certificate inside names.

    To be used inside one event loop. Paths are those of the API: "/api/v1/pods".
    """

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._session: aiohttp.ClientSession | None = None
        self._caches: dict[str, Cache] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def cache(self, path: str) -> Cache:
        """The cache of the resource that `path` lists; one watch a path, however often it is asked for."""
        if path not in self._caches:
            self._caches[path] = Cache(path)
            self._tasks.append(asyncio.create_task(self._keep(self._caches[path]), name=f"watch {path}"))
        return self._caches[path]

    async def get(self, path: str) -> Object | None:
        """One object, None where there is none. Raises aiohttp.ClientError."""
        async with self._open().get(path) as response:
            if response.status == HTTPStatus.NOT_FOUND:
                return None
            response.raise_for_status()
            return await _json(response)

    async def create(self, path: str, item: Object) -> Object:
        """Create `item` under the collection `path`. Raises aiohttp.ClientError."""
        async with self._open().post(path, json=item) as response:
            response.raise_for_status()
            return await _json(response)

    async def merge_patch(self, path: str, change: Object) -> Object:
        """Merge ``change`` into one object. Raises aiohttp.ClientError."""
        headers = {"Content-Type": "application/merge-patch+json"}
        async with self._open().patch(path, json=change, headers=headers) as response:
            response.raise_for_status()
            return await _json(response)

    async def close(self) -> None:
        """End all watches."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            server, tls = read_kubeconfig(self._kubeconfig)
            self._session = aiohttp.ClientSession(
                server,
                connector=aiohttp.TCPConnector(ssl=tls, limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=WATCH_SECONDS + 30),
                read_bufsize=MAX_LINE_BYTES,
            )
        return self._session

    async def _keep(self, cache: Cache) -> None:
        """List and watch for ever. The API server may not be up yet, go away, or forget old versions."""
        complained = False
        while True:
            try:
                await self._list_and_watch(cache)
                complained = False
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                if not complained:
                    log.info("watching %s again and again until it works: %s", cache.path, error)
                complained = True
            except Exception:
                log.exception("a listener of %s failed; listing again", cache.path)
            await asyncio.sleep(RETRY_SECONDS)

    async def _list_and_watch(self, cache: Cache) -> None:
        """Returns or raises when a new list is needed."""
        found = await self.get(cache.path)
        if found is None:
            # The resource's definition is not installed (yet).
            cache.replace([])
            return
        for item in found["items"]:
            # Items of a list come without what the list says once, those of a watch with it.
            item |= {"apiVersion": found["apiVersion"], "kind": found["kind"].removesuffix("List")}
        cache.replace(found["items"])
        version: str | None = found["metadata"]["resourceVersion"]
        while version:
            version = await self._watch(cache, version)

    async def _watch(self, cache: Cache, version: str) -> str | None:
        """Apply events from `version` on until the watch ends; returns where to go on (None: list anew)."""
        parameters = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
            "resourceVersion": version,
        }
        async with self._open().get(cache.path, params=parameters) as response:
            response.raise_for_status()
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return None
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    cache.apply(event["type"], event["object"])
        return version


async def secret(kube: Kube, namespace: str, name: str) -> dict[str, bytes] | None:
    """The decoded data of a Secret, None where there is none. Raises aiohttp.ClientError."""
    found = await kube.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
    return None if found is None else secret_data(found)


def secret_data(item: Object) -> dict[str, bytes]:
    return {key: base64.b64decode(value) for key, value in (item.get("data") or {}).items()}


def key_of(item: Object) -> Key:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def version_of(item: Object) -> str:
    version: str = item["metadata"]["resourceVersion"]
    return version


async def _json(response: aiohttp.ClientResponse) -> Object:
    content: Object = await response.json()
    return content
