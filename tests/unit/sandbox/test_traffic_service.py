"""What the traffic stand-in answers over HTTP, fed by watches that are played."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from unit.sandbox.test_traffic_world import env, pod

from meshroll_sandbox.standins import traffic
from meshroll_sandbox.standins.context import Context
from meshroll_sandbox.standins.kube import Cache
from meshroll_sandbox.standins.traffic.model import TICK_SECONDS

Client = TestClient[web.Request, web.Application]


class Caches(dict[str, Cache]):
    def __missing__(self, path: str) -> Cache:
        self[path] = Cache(path)
        return self[path]


def serve(folder: Path, use: Callable[[Client, Caches], Awaitable[None]]) -> None:
    async def run() -> None:
        app, caches = web.Application(), Caches()
        context: Any = SimpleNamespace(
            folder=folder, seed=1, app=app, kube=SimpleNamespace(cache=caches.__getitem__)
        )
        await traffic.start(context)
        async with TestClient(TestServer(app)) as client:
            await use(client, caches)

    asyncio.run(run())


def test_the_context_is_the_one_that_stand_ins_get() -> None:
    assert {"folder", "seed", "app", "kube"} <= {*Context.__annotations__, *vars(Context)}


def test_scrapes_find_what_pods_count(tmp_path: Path) -> None:
    async def use(client: Client, caches: Caches) -> None:
        caches["/api/v1/pods"].apply("ADDED", pod("omni-1", native=True, env=env(TARGET="points:80")))
        await asyncio.sleep(2.5 * TICK_SECONDS)
        for kind, expected in (
            ("proxy/charging/omni-1", "process_start_time_seconds "),
            ("application/charging/omni-1", 'grpc_client_handled_total{grpc_type="unary",'),
            ("cadvisor", 'container_cpu_usage_seconds_total{container="linkerd-proxy",'),
        ):
            response = await client.get(f"/metrics/{kind}")
            assert response.status == 200
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert expected in await response.text()
        # The scrape before this one was a request to the proxy.
        again = await (await client.get("/metrics/proxy/charging/omni-1")).text()
        assert 'target_port="4191"' in again

    serve(tmp_path, use)


def test_a_process_that_is_not_there_does_not_answer(tmp_path: Path) -> None:
    async def use(client: Client, caches: Caches) -> None:
        crashed = pod("crashed", native=True)
        crashed["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
        caches["/api/v1/pods"].apply("ADDED", crashed)
        caches["/api/v1/pods"].apply("ADDED", pod("plain"))
        await asyncio.sleep(1.5 * TICK_SECONDS)
        statuses = {
            path: (await client.get(f"/metrics/{path}")).status
            for path in (
                "proxy/charging/crashed",
                "application/charging/crashed",
                "proxy/charging/plain",
                "application/charging/plain",
                "proxy/charging/none",
            )
        }
        assert list(statuses.values()) == [200, 503, 503, 200, 503]

    serve(tmp_path, use)


@pytest.mark.parametrize("kind", ["proxies", "applications"])
def test_discovery_follows_pods(tmp_path: Path, kind: str) -> None:
    async def use(client: Client, caches: Caches) -> None:
        async def names() -> list[str]:
            response = await client.get(f"/sd/{kind}")
            assert response.content_type == "application/json"
            return [one["labels"]["__meta_kubernetes_pod_name"] for one in await response.json()]

        assert await names() == []
        meshed = pod("omni-1", native=False)
        caches["/api/v1/pods"].apply("ADDED", meshed)
        assert await names() == ["omni-1"]
        caches["/api/v1/pods"].apply("DELETED", meshed)
        assert await names() == []

    serve(tmp_path, use)
