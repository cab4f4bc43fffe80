"""Rows about commands that only look, at ten thousand pods, and about many clusters and the start of any command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import yaml
from scale.large import make
from scale.measured import MESHROLL, QUIET, Ran, calm, run
from scale.place import Place, meshed
from scale.rows import Row
from scale.times import Times

DEPLOYMENTS, REPLICAS = 500, 20
CLUSTERS = (1, 10, 50)
WINDOW_SECONDS = 120
NO_TRAFFIC = (
    "the pods have no traffic, so Prometheus, which this asks for their signals of now, has little to say"
)
PODS = "get", "pods", "-A", "-o", "json"


def large(bare: Place, repeats: int) -> Iterator[Row]:
    """Time and memory apart: who looks at memory takes time. Pods come before Linkerd, and call nobody: neither its
    webhook nor the traffic's model is written for so many.
    """
    namespace = "many-pods"
    make(bare.kube, namespace, DEPLOYMENTS, REPLICAS, calling=False)
    place = meshed(bare)
    calm()
    inventory = place.inventory(namespace)
    kubectl = place.kubectl(*PODS)
    size = f"{DEPLOYMENTS * REPLICAS:,} pods"
    for command in ("plan", "status", "preflight"):
        ours: list[Ran] = []
        theirs: list[Ran] = []
        for _ in range(repeats):
            theirs.append(run(kubectl))
            ours.append(run([MESHROLL, command, "-i", inventory, "-n", namespace, *QUIET], codes=(0, 2, 3)))
        held, kubectl_held = (
            [run(argv, codes=(0, 2, 3), memory=True).mib for _ in range(2)]
            for argv in ([MESHROLL, command, "-i", inventory, "-n", namespace, *QUIET], kubectl)
        )
        click.echo(f"{command}: {ours[-1].seconds:.1f} s of {theirs[-1].seconds:.1f} s, {held[-1]:.0f} MiB")
        against = f"`kubectl {' '.join(PODS)}`"
        times = [each.seconds for each in ours], [each.seconds for each in theirs]
        yield Row(
            f"`{command}` at {size}, time",
            against,
            "s",
            *times,
            ratio_max=1.5,
            note=NO_TRAFFIC if command == "plan" else "",
        )
        note = "all processes of it together, by their proportional set size"
        yield Row(
            f"`{command}` at {size}, memory",
            against,
            "MiB",
            held,
            kubectl_held,
            ratio_max=0.5,
            ours_max=143.0,
            note=note,
        )


def clusters(place: Place, repeats: int) -> Iterator[Row]:
    """One cluster under so many names, by commands that take no lock, so nothing keeps them apart.

    However a verdict ends, it has been waited for.
    """
    held = {}
    for number in CLUSTERS:
        inventory = _many(place, number)
        many = f"{number} cluster{'s' if number > 1 else ''}"
        environment = {"ANSIBLE_FORKS": str(number)}
        for command, what in (("verify", f"for {WINDOW_SECONDS} s"), ("status", "(no task waits)")):
            argv = [MESHROLL, command, "-i", inventory, "-n", "charging", *QUIET]
            ours, theirs = [], []
            for _ in range(repeats):
                times = Times(argv, environment, codes=(0, 6, 9, 10, 11))
                ours.append(times.play_seconds)
                theirs.append(times.slowest_seconds)
            if command == "status":
                held[number] = [run(argv, environment=environment, memory=True).mib for _ in range(repeats)]
            click.echo(f"{command} of {many}: {ours[-1]:.1f} s of {theirs[-1]:.1f} s")
            yield Row(
                f"`{command}` of {many} {what}",
                "the sum over tasks of the slowest cluster",
                "s",
                ours,
                theirs,
                ratio_max=1.1 if command == "verify" else None,
                note=f"first task to last, all at a time; the API server is on the same {os.cpu_count()} processors",
            )
    few, many_more = CLUSTERS[0], CLUSTERS[1]
    pairs = zip(held[few], held[many_more], strict=True)
    more = [(b - a) / (many_more - few) for a, b in pairs]
    yield Row(f"memory of each cluster more, {few} to {many_more}", "", "MiB", more, [], ours_max=57.0)


def start(repeats: int) -> Iterator[Row]:
    ours, theirs = [], []
    for _ in range(repeats):
        theirs.append(run([sys.executable, "-c", "import click"]).seconds * 1000)
        ours.append(run([MESHROLL, "--help"]).seconds * 1000)
    yield Row("`meshroll --help`", '`python -c "import click"`', "ms", ours, theirs, ours_max=150.0)


def _many(place: Place, number: int) -> str:
    inventory = Path(place.inventory("charging"))
    connection = yaml.safe_load((inventory / "host_vars/sandbox/connection.yml").read_text())
    names = [f"cluster-{each}" for each in range(1, number + 1)]
    said = {"all": {"hosts": dict.fromkeys(names, connection)}}
    (inventory / "hosts.yml").write_text(yaml.safe_dump(said))
    settings = inventory / "group_vars/all/bench.yml"
    told = yaml.safe_load(settings.read_text())
    told["meshroll_gate"] |= {"window_seconds": WINDOW_SECONDS, "window_max_seconds": WINDOW_SECONDS}
    told["meshroll_gate"] |= {"interval_seconds": WINDOW_SECONDS / 2}
    settings.write_text(yaml.safe_dump(told))
    return str(inventory)
