"""What a list of pods costs, by how it is asked for: time, bytes, the client's memory, CPU of client and API server.

    python benchmarks/scale/list_variants.py KUBECONFIG CONTEXT NAMESPACE API-SERVER-PID ETCD-PID [ROUNDS]

Each list has a process of its own, for its memory, and the variants take turns; what is printed is the median. Pods are
decoded as a look decodes them, and kept.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
import msgspec

from meshroll.adapters.kube.client import METADATA_LIST, Kube
from meshroll.adapters.kube.connection import JSON, connection
from meshroll.adapters.kube.pods import POD_PAGE, PodList, Trimmed
from meshroll.adapters.kube.requests import Requests
from meshroll.core.retry import Patience

STREAM_SECONDS = 60


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


_EVENT = msgspec.json.Decoder(_Event)
_PODS = msgspec.json.Decoder(PodList)
Variant = Callable[[Requests, str], list[Any]]


def pages(limit: str, accept: str = JSON) -> Variant:
    def listed(requests: Requests, path: str) -> list[Any]:
        if accept == JSON:
            return Kube(requests).list_as(path, JSON, Trimmed(), POD_PAGE, limit=limit)[0]
        return Kube(requests).list_as(path, accept, lambda page: page["items"], limit=limit)[0]

    return listed


def whole(**query: str) -> Variant:
    def listed(requests: Requests, path: str) -> list[Any]:
        return list(Trimmed()(POD_PAGE.decode(requests.send("GET", f"{path}?{urlencode(query)}"))))

    return listed


def streamed(requests: Requests, path: str) -> list[Any]:
    query = {
        "watch": "1",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(STREAM_SECONDS),
    }
    response = requests.stream(f"{path}?{urlencode(query)}", STREAM_SECONDS)
    if response.status != 200:
        return []
    trimmed = Trimmed()

    def items() -> Iterator[Any]:
        buffer = b""
        for chunk in response.stream(65536, decode_content=True):
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                event = _EVENT.decode(line)
                if event.type == "BOOKMARK":
                    return
                page = _PODS.decode(b'{"metadata":{},"items":[' + bytes(event.object) + b"]}")
                yield from trimmed(page)

    kept = list(items())
    response.close()
    return kept


VARIANTS: dict[str, Variant] = {
    "pages of 500": pages("500"),
    "pages of 2000": pages("2000"),
    "one answer, consistent": whole(),
    "one answer, resourceVersion=0": whole(resourceVersion="0"),
    "streamed": streamed,
    "metadata, pages of 500": pages("500", METADATA_LIST),
}


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(name: str, kubeconfig: str, context: str, namespace: str, *pids: str) -> list[float]:
    """Pods, seconds, CPU seconds of the client and of each of ``pids``, MiB that the client holds more at the most."""
    requests = Requests(connection(kubeconfig, context), lambda _: None, Patience(0.0))
    requests.send("GET", "/version")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    servers = [cpu_seconds(int(pid)) for pid in pids]
    began, own = time.monotonic(), time.process_time()
    kept = VARIANTS[name](requests, f"/api/v1/namespaces/{namespace}/pods")
    took, own = time.monotonic() - began, time.process_time() - own
    by_server = [cpu_seconds(int(pid)) - was for pid, was in zip(pids, servers, strict=True)]
    held = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return [len(kept), took, own, *by_server, held]


def main() -> int:
    *arguments, rounds = sys.argv[1:] if len(sys.argv) > 6 else [*sys.argv[1:], "7"]
    spawning = multiprocessing.get_context("spawn")
    found: dict[str, list[list[float]]] = {name: [] for name in VARIANTS}
    for _ in range(int(rounds)):
        for name in VARIANTS:
            with spawning.Pool(1) as pool:
                found[name].append(pool.apply(measured, (name, *arguments)))
    for name, each in found.items():
        count, took, own, api, etcd, held = (statistics.median(column) for column in zip(*each, strict=True))
        quickest = min(row[1] for row in each)
        click.echo(
            f"{name:30} {count:6.0f} pods {took:5.2f} s (best {quickest:.2f}), "
            f"CPU: client {own:.2f}, API server {api:.2f}, etcd {etcd:.2f} s; {held:3.0f} MiB"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
