"""Plays the script of a probe's pod: who would answer its calls, written where the kubelet that KWOK plays finds it.

The pod is one of a Job labelled as a probe; what it calls is in its environment, as for the real script. Its calls are
counted nowhere else.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Container
from random import Random
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from meshroll_sandbox.standins.kube import Kube
from meshroll_sandbox.standins.traffic import latency
from meshroll_sandbox.standins.traffic.callers import route
from meshroll_sandbox.standins.traffic.podreader import read_pod, runs
from meshroll_sandbox.standins.traffic.topology import Client, Topology

Object = dict[str, Any]

LABEL = ("app.kubernetes.io/name", "meshroll-probe")
CONTAINER = "probe"
RESULT = "sandbox.meshroll.io/probe-result"
"""The annotation that becomes the container's termination message (sandbox/kwok.yml)."""

log = logging.getLogger(__name__)


class Probes:
    """Listens for probes' pods and answers each once. ``alive`` says which pods can be reached."""

    def __init__(
        self, kube: Kube, topology: Callable[[], Topology], alive: Callable[[], Container[str]], seed: int
    ) -> None:
        self._kube = kube
        self._topology = topology
        self._alive = alive
        self._seed = seed
        self._answering: dict[str, asyncio.Task[None]] = {}

    def pod(self, change: str, item: Object) -> None:
        metadata = item["metadata"]
        key, value = LABEL
        if (metadata.get("labels") or {}).get(key) != value:
            return
        if change == "DELETED":
            self._answering.pop(metadata["uid"], None)
        elif runs(item) and metadata["uid"] not in self._answering:
            said = result(item, self._topology(), self._alive(), Random(f"{self._seed}/{metadata['name']}"))
            self._answering[metadata["uid"]] = asyncio.create_task(self._write(metadata, said))

    async def _write(self, metadata: Object, said: str) -> None:
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        try:
            await self._kube.merge_patch(path, {"metadata": {"annotations": {RESULT: said}}})
        except aiohttp.ClientError:
            log.exception("the result of %s could not be written", metadata["name"])


def result(item: Object, topology: Topology, alive: Container[str], random: Random) -> str:
    """What the script of this pod would find, in its own format."""
    pod = read_pod(item, {})
    # An ordinary container of a proxy stands before it.
    own = next(each for each in item["spec"]["containers"] if each["name"] == CONTAINER)
    environment = {variable["name"]: variable.get("value") or "" for variable in own["env"]}
    url = urlsplit(environment["URL"])
    assert url.hostname
    client = Client(url.hostname, url.port or 80, False, False, 0.0)
    way = route(topology, alive, pod, client)
    balancer = way.approach(random) if way.approach else None
    answered: Counter[str] = Counter()
    calls, now = int(environment["CALLS"]), 0.0
    for _ in range(calls):
        endpoint = balancer.pick(way.endpoints, alive, now) if balancer else None
        seconds = (latency.handling_ms(random) + latency.proxy_ms(random) + latency.NETWORK_MS) / 1000
        if balancer and endpoint:
            balancer.sent(endpoint, now, seconds)
            answered[endpoint.pod[1]] += 1
        now += seconds
    lines = ["connections 1"]
    if answered.total():
        lines.append(f"calls 200 0 {answered.total()}")
    if refused := calls - answered.total():
        lines.append(f"calls 200 14 {refused}")
    balanced = bool(way.service and not way.service.headless)
    lines.append(f"answered {answered.total()} {answered.total() if balanced else 0}")
    lines += [f"pod {name} {count}" for name, count in answered.most_common(40)]
    return "\n".join(lines) + "\n"
