"""What the API server dials inside "the cluster": an HTTP CONNECT proxy that leads it to loopback, or nowhere."""

import asyncio
import contextlib
import logging
from http import HTTPStatus

from meshroll_sandbox.standins.context import Context
from meshroll_sandbox.standins.kube import Key, Object, key_of
from meshroll_sandbox.standins.webhooks import COMPONENTS, NAMESPACE, Webhooks

PROMETHEUS = ("monitoring", "prometheus")

log = logging.getLogger(__name__)


class Egress:
    """Tunnels by the Service that they were opened to. A webhook that goes down takes its tunnels along: the API
    server would go on using them.
    """

    def __init__(self, context: Context) -> None:
        self._ports = context.ports
        self._services = context.kube.cache("/api/v1/services")
        self._pods = context.kube.cache("/api/v1/pods")
        self._webhooks = Webhooks(context)
        self._tunnels: dict[Key, set[asyncio.StreamWriter]] = {}
        self._webhooks.pods.listen(self._close_what_is_down)

    def services(self, host: str) -> list[Key]:
        """The Services that `host` (a ClusterIP, a DNS name or a pod's IP) stands for."""
        name, _, rest = host.partition(".")
        namespace, _, suffix = rest.partition(".")
        if suffix.split(".")[0] == "svc":
            return [(namespace, name)]
        pods = [pod for pod in self._pods.objects.values() if pod.get("status", {}).get("podIP") == host]
        return [
            key_of(service)
            for service in self._services.objects.values()
            if service["spec"].get("clusterIP") == host or any(_selects(service, pod) for pod in pods)
        ]

    def target(self, host: str) -> tuple[Key, int] | None:
        """The Service meant by `host` and the loopback port that answers for it, None where nothing does."""
        for key in self.services(host):
            if key == PROMETHEUS:
                return key, self._ports["prometheus"]
            if key[0] == NAMESPACE and key[1] in COMPONENTS and self._webhooks.is_up(key[1]):
                return key, self._ports["injector"]
        return None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the API server."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            request = await reader.readuntil(b"\r\n\r\n")
            method, address, *_ = request.decode("latin-1").split()
            host = address.rpartition(":")[0].strip("[]")
            found = self.target(host) if method == "CONNECT" else None
            if found is None:
                log.info("refused %s %s", method, address)
                writer.write(_status(HTTPStatus.BAD_GATEWAY))
                await writer.drain()
            else:
                key, port = found
                upstream = await asyncio.open_connection("127.0.0.1", port)
                writer.write(_status(HTTPStatus.OK))
                await self._join(key, (reader, writer), upstream)
        writer.close()

    async def _join(
        self,
        key: Key,
        one: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        other: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        tunnels = self._tunnels.setdefault(key, set())
        tunnels.add(one[1])
        try:
            await asyncio.gather(_copy(one[0], other[1]), _copy(other[0], one[1]))
        finally:
            tunnels.discard(one[1])
            other[1].close()

    def _close_what_is_down(self, _change: str, _pod: Object) -> None:
        for service in COMPONENTS:
            if not self._webhooks.is_up(service):
                for writer in self._tunnels.get((NAMESPACE, service), ()):
                    writer.transport.abort()


async def start(context: Context) -> None:
    """Listen on the sandbox's Unix socket."""
    egress = Egress(context)
    await asyncio.start_unix_server(egress.serve, context.folder / "egress.sock")


def _selects(service: Object, pod: Object) -> bool:
    selector = service["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels") or {}
    same_namespace = service["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return bool(selector) and same_namespace and selector.items() <= labels.items()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one side ends, then end the other."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


def _status(status: HTTPStatus) -> bytes:
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n\r\n".encode()
