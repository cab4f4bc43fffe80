"""Where what the API server dials is led to."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from meshroll_sandbox.standins.context import Context
from meshroll_sandbox.standins.egress import Egress
from meshroll_sandbox.standins.kube import Cache

Object = dict[str, Any]
PORTS = {"injector": 1001, "prometheus": 1002}
INJECTOR = ("linkerd", "linkerd-proxy-injector")
PROMETHEUS = ("monitoring", "prometheus")


class Caches:
    """Stands for the connection to the API server: caches that tests fill."""

    def __init__(self) -> None:
        self.all: dict[str, Cache] = {}

    def cache(self, path: str) -> Cache:
        return self.all.setdefault(path.split("?")[0], Cache(path))


def item(namespace: str, name: str, **fields: Any) -> Object:
    metadata = {"namespace": namespace, "name": name, "labels": fields.pop("labels", {})}
    return {"metadata": metadata} | fields


@pytest.fixture
def caches() -> Caches:
    caches = Caches()
    for namespace, name, ip in (
        (*INJECTOR, "127.96.0.10"),
        (*PROMETHEUS, "127.96.0.11"),
        ("shop", "web", "127.96.0.12"),
    ):
        spec = {"clusterIP": ip, "selector": {"app": name}}
        caches.cache("/api/v1/services").apply("ADDED", item(namespace, name, spec=spec))
        pod = item(
            namespace, f"{name}-0", status={"podIP": ip.replace("127.96", "10.244")}, labels={"app": name}
        )
        caches.cache("/api/v1/pods").apply("ADDED", pod)
    return caches


@pytest.fixture
def egress(caches: Caches, tmp_path: Path) -> Egress:
    context = Context(tmp_path, tmp_path / "kubeconfig", PORTS, 1, web.Application())
    context.__dict__["kube"] = caches
    return Egress(context)


def ready(caches: Caches, is_ready: bool) -> None:
    conditions = [{"type": "Ready", "status": str(is_ready)}]
    labels = {"linkerd.io/control-plane-component": "proxy-injector"}
    pod = item("linkerd", "linkerd-proxy-injector-0", status={"conditions": conditions}, labels=labels)
    caches.cache("/api/v1/namespaces/linkerd/pods").apply("MODIFIED", pod)


@pytest.mark.parametrize(
    "host",
    ["127.96.0.11", "10.244.0.11", "prometheus.monitoring.svc", "prometheus.monitoring.svc.cluster.local"],
)
def test_prometheus_is_reached_however_it_is_named(egress: Egress, host: str) -> None:
    assert egress.target(host) == (PROMETHEUS, 1002)


def test_webhook_is_reached_while_it_has_a_ready_pod(egress: Egress, caches: Caches) -> None:
    assert egress.target("127.96.0.10") is None
    ready(caches, True)
    assert egress.target("127.96.0.10") == (INJECTOR, 1001)
    assert egress.target("linkerd-proxy-injector.linkerd.svc") == (INJECTOR, 1001)
    ready(caches, False)
    assert egress.target("127.96.0.10") is None


@pytest.mark.parametrize(
    "host", ["127.96.0.12", "10.244.0.12", "web.shop.svc", "192.0.2.1", "example.com", ""]
)
def test_nothing_else_is_dialled(egress: Egress, caches: Caches, host: str) -> None:
    ready(caches, True)
    assert egress.target(host) is None


def test_tunnel_ends_when_its_webhook_goes_down(egress: Egress, caches: Caches, tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(100))

    async def play() -> None:
        upstream = await asyncio.start_server(echo, "127.0.0.1", 0)
        egress._ports["injector"] = upstream.sockets[0].getsockname()[1]
        front = await asyncio.start_unix_server(egress.serve, tmp_path / "egress.sock")
        ready(caches, True)
        reader, writer = await asyncio.open_unix_connection(tmp_path / "egress.sock")
        writer.write(b"CONNECT 127.96.0.10:443 HTTP/1.1\r\nHost: 127.96.0.10:443\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 OK\r\n\r\n"
        writer.write(b"ping")
        assert await reader.read(100) == b"ping"
        ready(caches, False)
        assert await asyncio.wait_for(reader.read(100), 5) == b""
        refused, again = await asyncio.open_unix_connection(tmp_path / "egress.sock")
        again.write(b"CONNECT 127.96.0.10:443 HTTP/1.1\r\n\r\n")
        assert (await refused.read()).startswith(b"HTTP/1.1 502 ")
        for each in (writer, again):
            each.close()
        front.close()
        upstream.close()

    asyncio.run(play())
