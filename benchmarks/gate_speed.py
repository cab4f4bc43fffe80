"""What one interval of a gate costs beside Prometheus' own time: 500 workloads of ten pods.

    .venv/bin/python benchmarks/gate_speed.py [--workloads 500] [--pods 10] [--blocks 20] [--judged 20]

Answers as Prometheus would give them are written to files, then every look reads them, makes signals of them and judges
all blocks so far beside a history. At the end all that was measured becomes objects for the cluster. Wanted: less than
3 s for a look and less than 150 MB (143 MiB) at the peak.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from meshroll.adapters import prometheus
from meshroll.core.gate.measurements import Query
from meshroll.core.gate.observation import Look, Observation
from meshroll.core.gate.reading import read
from meshroll.core.gate.recording import recorded
from meshroll.core.gate.signals import FAILED, PROXIES, Past, Signals, Traffic
from meshroll.core.gate.subjects import Subject
from meshroll.core.recording_objects import objects_of
from meshroll.core.settings import Gate, Prometheus

NAMESPACE = "charging"
NOW, BLOCK = 1_800_000_000.0, 30.0
BOUNDS = (1, 2, 3, 4, 5, *(b * t for t in (10, 100, 1000, 10000) for b in (1, 2, 3, 4, 5)))
PER_POD = 150.0
SHOWN_BLOCKS = (1, 3, 10)


class Files:
    """A transport that answers each query with the file of its id."""

    where = "files"

    def __init__(self, folder: Path, queries: tuple[Query, ...]) -> None:
        self._files = {query.render(NAMESPACE, BLOCK): folder / query.id for query in queries}

    def get(self, path: str, params: Mapping[str, str]) -> bytes:
        return self._files[params["query"]].read_bytes()


def rows(query_id: str, workloads: int, pods: int) -> Iterator[tuple[dict[str, str], float]]:
    """The series of an answer; each workload calls the next one, evenly."""
    for number in range(workloads):
        name, called = f"workload-{number}", f"workload-{(number + 1) % workloads}"
        own = {"deployment": name}
        names = [f"{name}-7d9f8c6b5-{pod:05d}" for pod in range(pods)]
        there = {"dst_deployment": called}
        them = [f"{called}-7d9f8c6b5-{pod:05d}" for pod in range(pods)]
        total = PER_POD * pods
        match query_id:
            case "inbound-latency" | "outbound-latency":
                for place, bound in enumerate(BOUNDS):
                    yield {**own, "le": f"{bound}"}, total * min(1.0, place / 9)
                yield {**own, "le": "+Inf"}, total
            case "inbound-responses" | "outbound-responses":
                yield {**own, "classification": "success"}, total
            case "inbound-by-pod":
                yield from (({"pod": pod, "classification": "success"}, PER_POD) for pod in names)
            case "inbound-requests":
                yield from (({**own, "pod": pod, "tls": "true"}, PER_POD) for pod in names)
            case "outbound-matrix":
                for pod in them:
                    yield {"namespace": NAMESPACE, **own, **there, "dst_pod": pod, "tls": "true"}, PER_POD
            case "outbound-clients" | "outbound-busiest":
                share = PER_POD if query_id == "outbound-clients" else PER_POD / pods
                for pod in names:
                    yield {"namespace": NAMESPACE, **own, **there, "pod": pod, "dst_service": called}, share
            case "proxy-targets":
                yield from (({**own, "pod": pod}, 1.0) for pod in names)
            case "proxy-scrape-age":
                yield from (({"pod": pod}, 5.0) for pod in names)
            case "proxy-started-at":
                yield from (({"pod": pod}, NOW - 86400) for pod in names)
            case "proxy-cpu" | "pod-cpu":
                yield from (({"pod": pod}, 0.01) for pod in names)
            case "proxy-memory" | "pod-network":
                yield from (({"pod": pod}, 3e7) for pod in names)
            case "inbound-median-by-pod":
                yield from (({"pod": pod}, 12.0) for pod in names)
            case _:
                return


def write(folder: Path, query_id: str, workloads: int, pods: int) -> int:
    """The number of series in the answer."""
    series = [
        {"metric": labels, "value": [NOW, f"{value:g}"]} for labels, value in rows(query_id, workloads, pods)
    ]
    if query_id == "proxy-metrics":
        names = ("request_total", "response_total", "response_latency_ms_bucket")
        series = [{"metric": {"__name__": name}, "value": [NOW, "1"]} for name in names]
    answer = {"status": "success", "data": {"resultType": "vector", "result": series}}
    (folder / query_id).write_text(json.dumps(answer))
    return len(series)


def subjects_of(workloads: int, pods: int) -> tuple[Subject, ...]:
    """As the pods that a look lists make them: anew each time."""
    return tuple(
        Subject(
            workload=f"Deployment/workload-{number}",
            pods=tuple(f"workload-{number}-7d9f8c6b5-{pod:05d}" for pod in range(pods)),
            meshed_pods=tuple(f"workload-{number}-7d9f8c6b5-{pod:05d}" for pod in range(pods)),
            traffic_expected=True,
            evenness_expected=True,
        )
        for number in range(workloads)
    )


def history_of(workloads: int) -> dict[str, Signals]:
    """Each share that is compared with before, in both directions."""
    slower = {"20": 0.34, "30": 0.23, "40": 0.12, "50": 0.0}
    past = {name: Past(ratio, ratio + 0.001, 2.0, 1.0) for name, ratio in {FAILED: 0.0005, **slower}.items()}
    traffic = Traffic(source=PROXIES, seconds=BLOCK, responses=PER_POD, past=past)
    return {
        f"Deployment/workload-{number}": Signals(inbound=traffic, outbound=traffic)
        for number in range(workloads)
    }


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@click.command()
@click.option("--workloads", default=500)
@click.option("--pods", default=10)
@click.option("--blocks", default=20)
@click.option(
    "--judged", default=None, type=int, help="How many of the workloads the gate judges; all by default."
)
def main(workloads: int, pods: int, blocks: int, judged: int | None) -> None:
    """Print what a look costs."""
    queries = prometheus.queries()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        series = sum(write(folder, query.id, workloads, pods) for query in queries)
        client = prometheus.PrometheusClient(Files(folder, queries))
        owners = {
            f"workload-{number}-7d9f8c6b5-{pod:05d}": f"Deployment/workload-{number}"
            for number in range(workloads)
            for pod in range(pods)
        }
        gate = Gate(window_seconds=blocks * BLOCK, interval_seconds=BLOCK)
        observation = Observation(gate, Prometheus(scrape_interval_seconds=15.0), history_of(workloads))
        took, outcome = [], None
        peaks_mib = [_peak_mib()]
        for number in range(1, blocks + 1):
            began = time.process_time()
            seen = read(prometheus.measure(client, queries, NAMESPACE, BLOCK, NOW), owners)
            subjects = subjects_of(judged or workloads, pods)
            outcome = observation.looked(
                Look(elapsed_seconds=number * BLOCK, subjects=subjects, reading=seen)
            )
            # As the plugin: the next look would hold two of them.
            del seen, subjects
            took.append(time.process_time() - began)
            peaks_mib.append(_peak_mib())
    began = time.process_time()
    objects = objects_of("run", 1, recorded(observation, NAMESPACE, outcome or observation.ended()))
    kept = time.process_time() - began
    click.echo(
        f"{workloads} workloads of {pods} pods, {judged or 'all'} judged, "
        f"{len(queries)} queries, {series} series a look\n"
        f"CPU of a look: first {took[0]:.2f} s, last ({blocks} blocks) {took[-1]:.2f} s, longest {max(took):.2f} s\n"
        f"memory at the peak {peaks_mib[0]:.0f} MiB before the first look, "
        f"{', '.join(f'{peaks_mib[at]:.0f} with {at}' for at in SHOWN_BLOCKS if at < blocks)}, "
        f"{peaks_mib[-1]:.0f} with {blocks} blocks\n"
        f"kept as {len(objects)} objects in {kept:.2f} s of CPU, memory at the peak {_peak_mib():.0f} MiB\n"
        f"ended {outcome.outcome if outcome else 'undecided'}"
    )


if __name__ == "__main__":
    main()
