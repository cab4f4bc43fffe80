"""What a run becomes in the cluster fits into its objects, however large the run is."""

from __future__ import annotations

import json
import random
from typing import Any

from meshroll.core.changes import Change, Field
from meshroll.core.gate.evenness import evenness
from meshroll.core.gate.signals import FAILED, PROXIES, Past, Signals, Traffic
from meshroll.core.journal import Entry, Record
from meshroll.core.journal_objects import BASELINE, HEAD, objects_of, records_of, strays

# etcd takes 1.5 MiB a request, and a ConfigMap may hold 1 MiB.
OBJECT_MAX = 1 << 20
BOUNDS = (1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 5000, 10000)
CHANGE = Change("Deployment", "charging", "omni", "patch", "inject", [Field("/spec/x", None, "enabled")])


def record(baseline: dict[str, dict[str, Signals]], changes: int = 0) -> Record:
    entries = [Entry("Wave", CHANGE)] * changes
    return Record(
        "r1", "rollout", "ann", ["charging"], "2026-01-01T00:00:00Z", entries=entries, baseline=baseline
    )


def busy(dice: random.Random) -> Signals:
    """A workload of ten pods with all that is ever known of one, and no number like another."""
    counts = sorted(float(dice.randint(0, 10**6)) for _ in BOUNDS)
    traffic = Traffic(
        source=PROXIES,
        seconds=120.0,
        requests=dice.random() * 1e6,
        responses=dice.random() * 1e6,
        failures=float(dice.randint(0, 99)),
        buckets={**{f"{b}": n for b, n in zip(BOUNDS, counts, strict=True)}, "inf": 1e6},
        past={
            name: Past(*(dice.random() for _ in range(4))) for name in (FAILED, "20", "100", "500", "1000")
        },
    )
    pods = {f"omni-{dice.randbytes(5).hex()}": float(dice.randint(0, 10**5)) for _ in range(10)}
    load = evenness(pods, pods, (), "requests", "own proxies")
    return Signals(inbound=traffic, outbound=traffic, load=load, secured_requests=dice.random() * 1e6)


def size(item: dict[str, Any]) -> int:
    return sum(len(key) + len(value.encode()) for key, value in item["data"].items())


def test_the_baseline_of_five_hundred_workloads_fits() -> None:
    dice = random.Random(7)
    large = record({"charging": {f"Deployment/w{n}": busy(dice) for n in range(500)}}, changes=120)
    objects = objects_of(large)
    assert max(size(item) for item in objects) < OBJECT_MAX
    assert records_of(reversed(objects)) == [large]
    assert strays(objects) == []


def test_a_small_run_is_one_object_and_its_head_is_readable() -> None:
    (item,) = objects_of(record({"charging": {"Deployment/omni": busy(random.Random(7))}}, changes=3))
    assert json.loads(item["data"][HEAD])["run"]["namespaces"] == ["charging"]
    assert BASELINE in item["data"]


def test_without_a_baseline_there_is_nothing_of_it() -> None:
    (item,) = objects_of(record({}))
    assert BASELINE not in item["data"]
    assert records_of([item]) == [record({})]
