"""The row about a gate: one look at 500 workloads, beside the same queries asked by a program that reads no answer."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import click
from gate_speed import BLOCK, BOUNDS, history_of, subjects_of
from scale.rows import Row

from meshroll.adapters import prometheus
from meshroll.core.gate.observation import Look, Observation
from meshroll.core.gate.reading import read
from meshroll.core.settings import Gate, Prometheus
from meshroll_sandbox.tools import ensure

NAMESPACE, WORKLOADS, PODS = "charging", 500, 10
SCRAPE_SECONDS, SCRAPES = 15, 6
READY_SECONDS = 120.0


def rows(repeats: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder)) as (url, now):
        settings = Prometheus(url=url, scrape_interval_seconds=SCRAPE_SECONDS)
        client, asked = prometheus.connect(settings, _NoApi()), prometheus.queries()
        owners = {pod: f"Deployment/{name}" for name, pod in _pods()}
        gate = Gate(window_seconds=repeats * BLOCK, interval_seconds=BLOCK)
        observation = Observation(gate, settings, history_of(WORKLOADS))
        texts = [query.render(NAMESPACE, BLOCK) for query in asked]
        ours, theirs, verdict = [], [], None
        for number in range(1, repeats + 1):
            began = time.monotonic()
            with ThreadPoolExecutor(prometheus.PARALLEL_QUERIES) as pool:
                sizes = list(pool.map(lambda text: len(client.answer(text, now)), texts))
            theirs.append(time.monotonic() - began)
            began = time.monotonic()
            seen = read(prometheus.measure(client, asked, NAMESPACE, BLOCK, now), owners)
            look = Look(elapsed_seconds=number * BLOCK, subjects=subjects_of(WORKLOADS, PODS), reading=seen)
            verdict = observation.looked(look)
            ours.append(time.monotonic() - began)
            click.echo(
                f"a look: {ours[-1]:.1f} s, its queries alone {theirs[-1]:.1f} s, {sum(sizes) / 1e6:.0f} MB"
            )
    judged = "undecided" if verdict is None else str(verdict.outcome)
    yield Row(
        f"gate of {WORKLOADS} workloads x {PODS} pods, one interval",
        f"its {len(asked)} queries alone, {prometheus.PARALLEL_QUERIES} at a time",
        "s",
        ours,
        theirs,
        ratio_max=1.2,
        note=f"a Prometheus of its own with {len(BOUNDS) + 1} buckets a pod and direction; the gate ends {judged}",
    )


class _NoApi:
    def read_text(self, path: str, query: object) -> bytes:
        raise AssertionError("Prometheus is asked by its URL")


def _pods() -> Iterator[tuple[str, str]]:
    for number in range(WORKLOADS):
        for pod in range(PODS):
            yield f"workload-{number}", f"workload-{number}-7d9f8c6b5-{pod:05d}"


@contextmanager
def _served(folder: Path) -> Iterator[tuple[str, float]]:
    """A Prometheus with six scrapes of every proxy, and the moment of the last of them."""
    now = time.time() // SCRAPE_SECONDS * SCRAPE_SECONDS
    tools = ensure(lambda said: click.echo(said, err=True))
    with (folder / "series.txt").open("w") as file:
        for name, labels, per_scrape, start in _series(now):
            for scrape in range(SCRAPES):
                at = now - (SCRAPES - 1 - scrape) * SCRAPE_SECONDS
                file.write(f"{name}{{{labels}}} {start + per_scrape * scrape:g} {at:.0f}\n")
        file.write("# EOF\n")
    subprocess.run(
        [tools.promtool, "tsdb", "create-blocks-from", "openmetrics", "series.txt", "data"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / "prometheus.yml").write_text("global: {}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(tools.prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=data"),
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            until = time.monotonic() + READY_SECONDS
            while b"ready to receive web requests" not in (folder / "log").read_bytes():
                assert time.monotonic() < until, (folder / "log").read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}", now
        finally:
            process.terminate()
            process.wait()


def _series(now: float) -> Iterator[tuple[str, str, float, float]]:
    """(name, labels, growth from scrape to scrape, first value), metric by metric; each workload calls the next one."""
    proxies = [(name, pod, _labels(name, pod)) for name, pod in _pods()]
    calls = {pod: _called(name, pod) for name, pod, _ in proxies}
    done = 'classification="success"'
    inbound, outbound = 'direction="inbound",target_port="8080"', 'direction="outbound"'
    for _, _, own in proxies:
        yield "up", own, 0.0, 1.0
    for _, _, own in proxies:
        yield "process_start_time_seconds", own, 0.0, now - 86400
    for _, pod, own in proxies:
        yield "request_total", f'{own},{inbound},tls="true"', 75.0, 1e5
        yield "request_total", f'{own},{outbound},tls="true",{calls[pod]}', 75.0, 1e5
    for _, pod, own in proxies:
        yield "response_total", f'{own},{inbound},tls="true",{done}', 75.0, 1e5
        yield "response_total", f'{own},{outbound},tls="true",{done},{calls[pod]}', 75.0, 1e5
    for _, pod, own in proxies:
        for place, bound in enumerate([*(f"{bound}" for bound in BOUNDS), "+Inf"]):
            share = min(1.0, place / 9)
            yield "response_latency_ms_bucket", f'{own},{inbound},le="{bound}"', 75.0 * share, 1e5 * share
            yield (
                "response_latency_ms_bucket",
                f'{own},{outbound},{calls[pod]},le="{bound}"',
                75.0 * share,
                1e5 * share,
            )
    for _, pod, _ in proxies:
        kubelet = f'namespace="{NAMESPACE}",pod="{pod}",job="cadvisor",instance="kubelet"'
        yield "container_cpu_usage_seconds_total", f'{kubelet},container="linkerd-proxy"', 0.1, 100.0
        yield "container_cpu_usage_seconds_total", f'{kubelet},container="app"', 1.0, 1000.0
    for _, pod, _ in proxies:
        kubelet = f'namespace="{NAMESPACE}",pod="{pod}",job="cadvisor",instance="kubelet"'
        yield "container_memory_working_set_bytes", f'{kubelet},container="linkerd-proxy"', 0.0, 3e7
    for _, pod, _ in proxies:
        kubelet = f'namespace="{NAMESPACE}",pod="{pod}",job="cadvisor",instance="kubelet"'
        yield "container_network_receive_bytes_total", kubelet, 1e6, 1e9


def _labels(name: str, pod: str) -> str:
    return (
        f'namespace="{NAMESPACE}",pod="{pod}",deployment="{name}",control_plane_ns="linkerd",'
        f'job="linkerd-proxy",instance="{pod}:4191"'
    )


def _called(name: str, pod: str) -> str:
    """A pod of the next workload, a different one for each of this one's pods."""
    other = f"workload-{(int(name.rpartition('-')[2]) + 1) % WORKLOADS}"
    labels = {
        "dst_namespace": NAMESPACE,
        "dst_deployment": other,
        "dst_pod": f"{other}-7d9f8c6b5-{pod[-5:]}",
        "dst_service": other,
    }
    return ",".join(f'{key}="{value}"' for key, value in labels.items())
