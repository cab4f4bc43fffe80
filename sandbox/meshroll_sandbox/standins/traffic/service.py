"""Plays the traffic model in real time, and serves what it counts."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from aiohttp import web

from meshroll_sandbox import faults
from meshroll_sandbox.errors import SandboxError
from meshroll_sandbox.standins.context import Context
from meshroll_sandbox.standins.traffic import cadvisor, targets
from meshroll_sandbox.standins.traffic.meters import PodMeter
from meshroll_sandbox.standins.traffic.model import TICK_SECONDS, Model
from meshroll_sandbox.standins.traffic.probe import Probes
from meshroll_sandbox.standins.traffic.series import CONTENT_TYPE
from meshroll_sandbox.standins.traffic.topology import Topology
from meshroll_sandbox.standins.traffic.world import World

MOST_TICKS = 8
"""After a pause (a busy machine, a laptop that slept) at most this many ticks are made up for."""

log = logging.getLogger(__name__)


async def start(context: Context) -> None:
    """Begin to watch and to play, and add the routes to `context.app`; ends with the app."""
    traffic = Traffic(context)
    context.app.add_routes(
        [
            web.get("/sd/proxies", traffic.proxy_targets),
            web.get("/sd/applications", traffic.application_targets),
            web.get("/metrics/proxy/{namespace}/{pod}", traffic.proxy),
            web.get("/metrics/application/{namespace}/{pod}", traffic.application),
            web.get("/metrics/cadvisor", traffic.cadvisor),
        ]
    )
    context.app.cleanup_ctx.append(traffic.playing)


class Traffic:
    """The model with what feeds it and those who ask it."""

    def __init__(self, context: Context) -> None:
        self._world = World()
        self._model = Model(context.seed, time.time())
        self._faults = FaultsFile(context.folder)
        self._answers: dict[Callable[[Topology], list[targets.Target]], tuple[Topology, str]] = {}
        for path, listener in {
            "/api/v1/configmaps": self._world.config_map,
            "/api/v1/pods": self._world.pod,
            "/api/v1/services": self._world.service,
            "/apis/discovery.k8s.io/v1/endpointslices": self._world.endpoint_slice,
            "/apis/networking.k8s.io/v1/networkpolicies": self._world.network_policy,
        }.items():
            context.kube.cache(path).listen(listener)
        probes = Probes(context.kube, self._world.topology, lambda: self._model.alive, context.seed)
        context.kube.cache("/api/v1/pods").listen(probes.pod)

    async def playing(self, _: web.Application) -> AsyncIterator[None]:
        """Play while the app runs."""
        task = asyncio.create_task(self._play(), name="traffic")
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def proxy_targets(self, _: web.Request) -> web.Response:
        return self._targets(targets.proxies)

    async def application_targets(self, _: web.Request) -> web.Response:
        return self._targets(targets.applications)

    async def proxy(self, request: web.Request) -> web.Response:
        meter = self._meter(request, lambda meter: meter.pod.proxy is not None and meter.pod.proxy.running)
        response = _exposition(meter.proxy_lines())
        meter.scraped(self._model.now)
        return response

    async def application(self, request: web.Request) -> web.Response:
        return _exposition(self._meter(request, lambda meter: meter.pod.alive).application_lines())

    async def cadvisor(self, _: web.Request) -> web.Response:
        return _exposition(cadvisor.lines(self._model.meters.values(), self._model.now))

    def _targets(self, find: Callable[[Topology], list[targets.Target]]) -> web.Response:
        """The answer is kept while nothing changes: Prometheus asks every second."""
        topology = self._world.topology()
        known = self._answers.get(find)
        if known is None or known[0] is not topology:
            known = self._answers[find] = (topology, json.dumps(find(topology)))
        return web.Response(text=known[1], content_type="application/json")

    def _meter(self, request: web.Request, answers: Callable[[PodMeter], bool]) -> PodMeter:
        """The meter of the pod in the path. Raises 503 where nothing would answer on the real pod."""
        meter = self._model.meters.get((request.match_info["namespace"], request.match_info["pod"]))
        if meter is None or not answers(meter):
            raise web.HTTPServiceUnavailable(text="no such process\n")
        return meter

    async def _play(self) -> None:
        """Ticks of model time, as many as real time has passed."""
        due = time.monotonic()
        while True:
            late = time.monotonic() - due
            if late > MOST_TICKS * TICK_SECONDS:
                due += late - TICK_SECONDS
            try:
                self._model.advance(self._world.topology(), self._faults.read())
            except Exception:
                log.exception("the traffic model failed in a tick")
            due += TICK_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))


class FaultsFile:
    """The faults that are on, read again when the file changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int] | None = None
        self._faults: tuple[faults.Fault, ...] = ()

    def read(self) -> tuple[faults.Fault, ...]:
        """A file that cannot be understood changes nothing; it is written to the log, once."""
        try:
            status = (self._folder / faults.FILE_NAME).stat()
            seen = (status.st_mtime_ns, status.st_ino)
        except FileNotFoundError:
            seen = None
        if seen != self._seen:
            self._seen = seen
            try:
                self._faults = faults.read(self._folder)
            except SandboxError as error:
                log.warning("%s", error)
        return self._faults


def _exposition(lines: Iterable[str]) -> web.Response:
    return web.Response(text="\n".join((*lines, "")), headers={"Content-Type": CONTENT_TYPE})
