"""The stand-ins' reader of the API: what it makes of lists, events and servers that come and go."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from meshroll_sandbox.standins import kube as module
from meshroll_sandbox.standins.kube import Cache, Kube, key_of

Object = dict[str, Any]
PODS = "/api/v1/pods"


def pod(name: str, version: int) -> Object:
    return {"metadata": {"name": name, "namespace": "shop", "resourceVersion": str(version)}}


def noted(cache: Cache) -> list[tuple[str, str]]:
    """What a listener of the cache hears, as (change, name)."""
    heard: list[tuple[str, str]] = []
    cache.listen(lambda change, item: heard.append((change, item["metadata"]["name"])))
    return heard


def test_listener_hears_what_a_list_shows_to_have_happened() -> None:
    cache = Cache(PODS)
    cache.replace([pod("stays", 1), pod("changes", 1), pod("goes", 1)])
    heard = noted(cache)
    assert sorted(heard) == [("ADDED", "changes"), ("ADDED", "goes"), ("ADDED", "stays")]
    heard.clear()
    cache.replace([pod("stays", 1), pod("changes", 2), pod("comes", 3)])
    assert sorted(heard) == [("ADDED", "comes"), ("DELETED", "goes"), ("MODIFIED", "changes")]
    assert {name for _, name in cache.objects} == {"stays", "changes", "comes"}


def test_cluster_scoped_objects_have_no_namespace() -> None:
    assert key_of({"metadata": {"name": "shop"}}) == ("", "shop")


class Server:
    """An API server with pods, that ends each watch after one script of events."""

    def __init__(self, items: list[Object], scripts: list[list[Object]]) -> None:
        self.items, self.scripts = items, scripts
        self.lists = 0
        self.watched_from: list[str] = []
        self.broken = False
        self.ending = asyncio.Event()

    async def pods(self, request: web.Request) -> web.StreamResponse:
        if self.broken:
            raise web.HTTPInternalServerError
        if "watch" not in request.query:
            self.lists += 1
            metadata = {"resourceVersion": "10"}
            return web.json_response(
                {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": self.items}
            )
        self.watched_from.append(request.query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        if not self.scripts:
            await self.ending.wait()
            return response
        for event in self.scripts.pop(0):
            await response.write(json.dumps(event).encode() + b"\n")
        return response


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[Kube]:
    app = web.Application()
    app.router.add_get(PODS, server.pods)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kube = Kube(Path("/nowhere"))
    kube._session = aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield kube
    finally:
        server.ending.set()
        await kube.close()
        await runner.cleanup()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def event(change: str, item: Object) -> Object:
    return {"type": change, "object": item}


def test_watch_goes_on_where_the_last_one_ended(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    bookmark = event("BOOKMARK", {"metadata": {"resourceVersion": "15"}})
    server = Server(
        [pod("one", 1)], [[event("ADDED", pod("two", 11)), bookmark], [event("DELETED", pod("one", 16))]]
    )

    async def play() -> None:
        async with running(server) as kube:
            cache = kube.cache(PODS)
            assert kube.cache(PODS) is cache
            await until(lambda: len(server.watched_from) == 3)
            assert set(cache.objects) == {("shop", "two")}
            assert server.watched_from == ["10", "15", "16"]
            assert server.lists == 1

    asyncio.run(play())


def test_list_is_read_anew_when_the_server_forgot_the_version(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    gone = event("ERROR", {"kind": "Status", "code": 410})
    server = Server([pod("one", 1)], [[gone]])

    async def play() -> None:
        async with running(server) as kube:
            cache = kube.cache(PODS)
            await cache.synced.wait()
            assert cache.objects["shop", "one"]["kind"] == "Pod"
            server.items = [pod("two", 2)]
            await until(lambda: server.lists == 2 and bool(cache.get("shop", "two")))
            assert cache.get("shop", "one") is None

    asyncio.run(play())


def test_cache_survives_a_server_that_fails(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    server = Server([pod("one", 1)], [])
    server.broken = True

    async def play() -> None:
        async with running(server) as kube:
            cache = kube.cache(PODS)
            await asyncio.sleep(0.1)
            assert not cache.synced.is_set()
            server.broken = False
            await asyncio.wait_for(cache.synced.wait(), 10)

    asyncio.run(play())


def test_resource_that_is_not_installed_is_empty(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)

    async def play() -> None:
        async with running(Server([], [])) as kube:
            cache = kube.cache("/apis/policy.linkerd.io/v1beta3/servers")
            await asyncio.wait_for(cache.synced.wait(), 10)
            assert cache.objects == {}
            assert await kube.get("/api/v1/nodes/absent") is None

    asyncio.run(play())
