"""A reverse proxy on loopback between meshroll and what it talks to, where faults happen to requests.

It speaks plain HTTP to its client and holds the administrator's certificate itself, so the kubeconfig that leads to it
carries none.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from faults.answers import answered, gone, of_the_message, passed_on
from faults.fault import Action, Answer, Down, Fault, Forward, Kill, Request, Reset, Undisturbed, is_write


class Proxy:
    """Listens while it is entered. ``fault`` may be changed at any moment; ``requests`` are those since then."""

    def __init__(self, upstream: str, tls: ssl.SSLContext | None = None) -> None:
        self._upstream = upstream.rstrip("/")
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._fault: Fault = Undisturbed()
        self._transports: set[asyncio.BaseTransport] = set()
        self._down: asyncio.Task[None] | None = None
        self._writing: set[asyncio.Task[web.StreamResponse]] = set()
        self._listening = False
        self._port = 0
        self.requests: list[Request] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.requests if request.write]

    @contextmanager
    def disturbed(self, fault: Fault) -> Iterator[None]:
        """``fault`` is on, and requests are counted anew; afterwards nothing of it is left, no connection either."""
        self.requests = []
        self._fault = fault
        try:
            yield
        finally:
            self._fault = Undisturbed()
            self._wait_for(self._calm())

    def down(self) -> None:
        """Nothing listens until ``up``."""
        self._wait_for(self._close())

    def up(self) -> None:
        self._wait_for(self._calm())

    def kubeconfig(self, folder: Path, context: str) -> Path:
        """Writes a kubeconfig that leads here. Clients send no token over plain HTTP, and none is needed."""
        file = folder / f"kubeconfig-{self._port}"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": context, "cluster": {"server": self.url}}],
            "users": [{"name": context, "user": {}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
            "current-context": context,
        }
        file.write_text(yaml.safe_dump(content))
        return file

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._wait_for(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait_for(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls or False, limit=0),
            timeout=aiohttp.ClientTimeout(total=None, connect=10),
            auto_decompress=False,
        )
        self._runner = web.ServerRunner(
            web.Server(self._handle, handler_cancellation=True), shutdown_timeout=0.1
        )
        await self._runner.setup()
        await self._listen()

    async def _stop(self) -> None:
        await self._close()
        await self._runner.cleanup()
        await self._session.close()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await self._site.start()
        self._port = self._runner.addresses[0][1]
        self._listening = True

    async def _close(self) -> None:
        if self._listening:
            self._listening = False
            await self._site.stop()
        self._abort_all()

    async def _calm(self) -> None:
        if self._down:
            self._down.cancel()
            self._down = None
        self._abort_all()
        if not self._listening:
            await self._listen()

    async def _down_for(self, seconds: float) -> None:
        await self._close()
        await asyncio.sleep(seconds)
        await self._listen()

    def _abort_all(self) -> None:
        for transport in self._transports:
            transport.abort()  # type: ignore[attr-defined]
        self._transports.clear()

    async def _handle(self, incoming: web.BaseRequest) -> web.StreamResponse:
        assert incoming.transport
        self._transports.add(incoming.transport)
        body = await incoming.read()
        path = incoming.raw_path
        number = len(self.writes) + 1 if is_write(incoming.method, path) else 0
        request = Request(incoming.method, path, number, incoming.headers.get("User-Agent", ""))
        self.requests.append(request)
        if not request.write:
            return await self._carry_out(incoming, body, request)
        # A write that has left its sender arrives, whether or not the sender still lives.
        task = asyncio.create_task(self._carry_out(incoming, body, request))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return await asyncio.shield(task)

    async def _carry_out(
        self, incoming: web.BaseRequest, body: bytes, request: Request
    ) -> web.StreamResponse:
        action = await asyncio.to_thread(self._fault.decide, request)
        if isinstance(action, Answer):
            return answered(action)
        if isinstance(action, Down):
            self._down = asyncio.create_task(self._down_for(action.seconds))
            return gone(incoming)
        if isinstance(action, Kill) and action.when == "before":
            await self._kill(action)
            return gone(incoming)
        if isinstance(action, Reset) and action.when == "before":
            return gone(incoming)
        if isinstance(action, Forward) and action.delay_seconds:
            await asyncio.sleep(action.delay_seconds)
        return await self._forward(incoming, body, action)

    async def _forward(self, incoming: web.BaseRequest, body: bytes, action: Action) -> web.StreamResponse:
        try:
            async with self._session.request(
                incoming.method,
                self._upstream + incoming.raw_path,
                data=body or None,
                headers=of_the_message(incoming.headers),
                allow_redirects=False,
                # An answer that is compressed because the proxy could read it would not be the client's answer.
                skip_auto_headers=("Accept-Encoding", "User-Agent", "Content-Type"),
            ) as answer:
                if isinstance(action, Kill):
                    await answer.read()
                    await self._kill(action)
                    return gone(incoming)
                if isinstance(action, Reset):
                    await answer.read()
                    return gone(incoming)
                return await passed_on(incoming, answer)
        except (aiohttp.ClientError, OSError):
            return gone(incoming)

    async def _kill(self, action: Kill) -> None:
        """What the dead had already sent must not be forwarded later, over whatever comes next."""
        await asyncio.to_thread(action.kill)
        self._abort_all()
