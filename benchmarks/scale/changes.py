"""Rows about runs that change a namespace: against the bare program, and against a playbook of loops."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
from scale.floor import to_headless
from scale.large import DIAL_MODE, make, name_of
from scale.measured import BIN, MESHROLL, QUIET, calm, run
from scale.place import Audit, Place, writes
from scale.processors import Profile, Spent, medians, spending
from scale.rows import Row
from scale.times import LOOK, STEP, Times

REPLICAS = 2
SERVICES = 50
LOOPED = 100
KINDS = "deployments,pods,services,configmaps,horizontalpodautoscalers"
FLOOR = "a bare program that patches 16 at a time and watches"
LIMITS_OFF = "no disruption limits and one wave"
STEPS = "without the start of the command, the look before and the journal; the other with its start"
NO_GATES = f"{LIMITS_OFF}; the whole command without the time of its gates, which the other has not"


def rows(place: Place, deployments: int, repeats: int) -> Iterator[Row | Profile]:
    """Into the mesh, nothing to do, and out of it; each repeat begins and ends without the mesh."""
    namespace = f"large-{deployments}"
    make(place.kube, namespace, deployments, REPLICAS)
    plain = place.inventory(namespace)
    services = [name_of(number) for number in range(min(SERVICES, deployments))]
    dialled = place.inventory(
        namespace,
        services=[{"name": name, "method": "in_place", "source_ready": True} for name in services],
        clients=[_client(number, deployments) for number in range(len(services))],
    )
    seen = _Seen()
    for repeat in range(1, repeats + 1):
        # Whoever comes first leaves caches and a larger store to the other.
        halves = [lambda: _bare(place, namespace, services, seen)]
        halves.append(lambda: _own(place, namespace, services, plain, dialled, seen))
        for half in halves if repeat % 2 else reversed(halves):
            _headless(place, namespace, services)
            half()
        figures = f"in {seen.into.last}, out {seen.out.last}, nothing {seen.nothing[-1]:.1f} s"
        click.echo(f"{deployments} Deployments, {repeat} of {repeats}: {figures}")
    size = f"{deployments} Deployments x {REPLICAS} pods"
    yield from seen.into.rows(f"inject, restart and prove {size}", FLOOR, 1.1, NO_GATES)
    each = [number / deployments for number in seen.written]
    yield Row(f"its writes for each of {deployments} Deployments", "", "", each, [], ours_max=2.0)
    yield Row(f"its reads and lists in all, {deployments} Deployments", "", "", seen.read, [])
    yield Row(
        f"the same {size}, nothing to do",
        f"`kubectl get {KINDS}` of the namespace",
        "s",
        seen.nothing,
        seen.gets,
        ratio_max=2.0,
        ours_max=5.0,
    )
    back = f"rollback of {deployments} Deployments and {len(services)} Services"
    yield from seen.out.rows(back, f"{FLOOR}, Services one by one", 1.2, LIMITS_OFF)


@dataclass
class _Way:
    """Into the mesh or out of it, a figure a repeat: seconds of meshroll, of its steps and its look alone, and of the
    bare program (``floor``); and who spent what.
    """

    ours: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    look: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    ours_spent: list[Spent] = field(default_factory=list)
    floor_spent: list[Spent] = field(default_factory=list)

    @property
    def last(self) -> str:
        return f"{self.ours[-1]:.0f} / {self.floor[-1]:.0f} s"

    def rows(self, what: str, against: str, ratio_max: float, note: str) -> Iterator[Row | Profile]:
        yield Row(what, against, "s", self.ours, self.floor, ratio_max=ratio_max, note=note)
        yield Row(f"{what}: its steps alone", against, "s", self.steps, self.floor, note=STEPS)
        yield Row(f"{what}: its look before", "", "s", self.look, [])
        yield Profile(what, medians(self.ours_spent), medians(self.floor_spent))


@dataclass
class _Seen:
    """What all repeats have shown; of ``nothing`` (to do) and ``gets`` three figures a repeat, else one."""

    into: _Way = field(default_factory=_Way)
    out: _Way = field(default_factory=_Way)
    nothing: list[float] = field(default_factory=list)
    gets: list[float] = field(default_factory=list)
    written: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)


def _bare(place: Place, namespace: str, services: list[str], seen: _Seen) -> None:
    for way, what, converted in ((seen.into, "inject", 0), (seen.out, "remove", len(services))):
        calm()
        with spending(way.floor_spent):
            way.floor.append(floor(place, what, namespace, converted))


def _own(place: Place, namespace: str, services: list[str], plain: str, dialled: str, seen: _Seen) -> None:
    again = [MESHROLL, "rollout", "-i", plain, "-n", namespace, *QUIET]
    audit = Audit()
    seen.into.ours.append(_timed(again, seen.into).seconds_without_gates)
    asked = audit.asked()
    seen.written.append(writes(asked))
    seen.read.append(sum(asked.values()) - seen.written[-1])
    calm()
    for _ in range(3):
        seen.gets.append(run(place.kubectl("get", KINDS, "-n", namespace, "-o", "json")).seconds)
        seen.nothing.append(run(again).seconds)
    _headless(place, namespace, services)
    back = [MESHROLL, "rollback", "-i", dialled, "-n", namespace, *QUIET]
    seen.out.ours.append(_timed(back, seen.out).ran.seconds)


def _timed(command: list[str], way: _Way) -> Times:
    calm()
    with spending(way.ours_spent):
        times = Times(command)
    way.steps.append(times.seconds_of(STEP))
    way.look.append(times.seconds_of(LOOK))
    return times


def looped(place: Place, repeats: int) -> Iterator[Row]:
    """Against a loop of tasks: as many workloads as it can do while somebody waits for it."""
    namespace = f"large-{LOOPED}"
    make(place.kube, namespace, LOOPED, REPLICAS)
    plain = place.inventory(namespace)
    ours, theirs = [], []
    playbook = str(Path(__file__).with_name("loops.yml"))
    said = [f"kubeconfig={place.kubeconfig}", f"context={place.context}", f"target_namespace={namespace}"]
    command = [str(BIN / "ansible-playbook"), playbook, "-i", "localhost,"]
    command += [part for each in said for part in ("-e", each)]
    for _ in range(repeats):
        theirs.append(run(command, environment={"ANSIBLE_PYTHON_INTERPRETER": sys.executable}).seconds)
        floor(place, "remove", namespace)
        calm()
        times = Times([MESHROLL, "rollout", "-i", plain, "-n", namespace, *QUIET])
        ours.append(times.seconds_without_gates)
        floor(place, "remove", namespace)
        click.echo(f"{LOOPED} Deployments: loops {theirs[-1]:.0f} s, meshroll {ours[-1]:.0f} s")
    yield Row(
        f"inject, restart and prove {LOOPED} Deployments x {REPLICAS} pods",
        "a playbook of `kubernetes.core.k8s` and `k8s_info` in loops",
        "s",
        ours,
        theirs,
        ratio_min=10.0,
        note=NO_GATES,
    )


def floor(place: Place, what: str, namespace: str, services: int = 0) -> float:
    """Seconds, its start included, as with a command."""
    command = [sys.executable, "-m", "scale.floor", what, place.kubeconfig, place.context, namespace]
    return run([*command, str(services)]).seconds


def _client(number: int, deployments: int) -> dict[str, object]:
    """The one that calls the Service of this number."""
    caller = name_of((number - 1) % deployments)
    dial = {"env": DIAL_MODE, "pooled": "pooled", "per_request": "per_request"}
    return {"workload": f"Deployment/{caller}", "service": name_of(number), "dial": [dial]}


def _headless(place: Place, namespace: str, services: list[str]) -> None:
    """As before the first rollback: headless, and without the Services that it made beside them."""
    for name in services:
        path = f"/api/v1/namespaces/{namespace}/services"
        place.kube.delete(f"{path}/{name}-clusterip")
        found = place.kube.get(f"{path}/{name}")
        if found is not None and found["spec"].get("clusterIP") != "None":
            to_headless(place.kube, f"{path}/{name}")
