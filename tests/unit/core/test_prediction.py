"""What a rollout is said to cost."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.factories import EDGE, Json, cluster, pods, settings, space, workload

from meshroll.core.facts import Facts, Hidden, Requested
from meshroll.core.injection import WAIT
from meshroll.core.model import Pod, Workload
from meshroll.core.prediction import Prediction, predict, ready_seconds, restarts_seconds, rollout_seconds
from meshroll.core.quantities import quantity, requested
from meshroll.core.way_in import rollout_plan

MADE = "2026-11-01T00:00:00Z"
NODE = {"metadata": {"name": "node-1"}, "spec": {}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi"}}}
SLEEPS = [{"name": "omni", "lifecycle": {"preStop": {"sleep": {"seconds": 25}}}}]
AHEAD = {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 2}}}
ASKS = {
    "config.linkerd.io/proxy-cpu-request": "100m",
    "config.linkerd.io/proxy-memory-request": "20Mi",
}


def took(owner: Workload, seconds: int) -> list[Pod]:
    """Pods of ``owner`` that were Ready so long after they were made."""
    found = []
    for pod in pods(owner):
        meta = {**pod.manifest["metadata"], "creationTimestamp": MADE}
        at = f"2026-11-01T00:{seconds // 60:02}:{seconds % 60:02}Z"
        status = {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": at}]}
        found.append(Pod({**pod.manifest, "metadata": meta, "status": status}))
    return found


def told(
    owner: Workload,
    seconds: int,
    elsewhere: tuple[Requested, ...] | Hidden = (),
    nodes: Sequence[Json] = (NODE,),
    ranges: tuple[Json, ...] | Hidden = (),
) -> Prediction:
    view = cluster(space(owner, pods_seen=took(owner, seconds)), nodes=nodes)
    asked = settings(gate={"settle_seconds": 30, "window_seconds": 60, "window_max_seconds": 600})
    facts = Facts(view, requests=elsewhere, listed={"limit_ranges": ranges})
    return predict(rollout_plan(view, asked, EDGE, "run", (), ()), view, asked, facts)


def test_restarts_minutes_and_what_proxies_ask_for_are_said_beside_what_is_free() -> None:
    found = told(workload(annotations=ASKS), 20, (Requested("node-1", 1.0, 2.0**30),))
    assert (found.restarting_pods, found.proxies) == (2, 2)
    assert found.proxies_cpu_cores == pytest.approx(0.2)
    assert found.proxies_memory_bytes == 40 * 2**20
    assert (found.free_cpu_cores, found.free_memory_bytes) == (3.0, 7 * 2.0**30)
    assert 1 <= found.minutes_min < found.minutes_max
    assert "restart 2 pods" in found.line
    assert "0.2 CPU cores and 40 MiB of 3.0 and 7,168 MiB that are free" in found.line


def test_what_is_free_is_not_told_where_other_pods_may_not_be_read() -> None:
    found = told(workload(annotations=ASKS), 20, Hidden("this account may not read pods"))
    assert (found.free_cpu_cores, found.free_memory_bytes) == (None, None)
    assert "free" not in found.line


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute", "PreferNoSchedule"])
def test_nodes_that_keep_pods_off_are_not_free(effect: str) -> None:
    tainted = {**NODE, "metadata": {"name": "node-2"}, "spec": {"taints": [{"key": "gpu", "effect": effect}]}}
    free = 8.0 if effect == "PreferNoSchedule" else 4.0
    assert told(workload(), 20, nodes=[NODE, tainted]).free_cpu_cores == free


def test_what_limit_ranges_give_proxies_is_counted_as_far_as_it_may_be_read() -> None:
    def given_in(namespace: str) -> Json:
        item = {"type": "Container", "default": {"memory": "64Mi"}, "defaultRequest": {"cpu": "50m"}}
        return {"metadata": {"name": "sizes", "namespace": namespace}, "spec": {"limits": [item]}}

    found = told(workload(), 20, ranges=(given_in("charging"), given_in("other")))
    assert (found.proxies_cpu_cores, found.proxies_memory_bytes) == (0.1, 128 * 2**20)
    assert told(workload(), 20, ranges=Hidden("not allowed")).proxies_cpu_cores == 0.0


@pytest.mark.parametrize(
    ("owner", "seconds"),
    [
        (workload(replicas=10), 2 * 20),  # 3 more and 2 fewer at a time, of 25 % each
        (workload(replicas=10, spec={"strategy": {"type": "Recreate"}}), 20),
        (workload("StatefulSet", replicas=3), 3 * 20),
        (workload("DaemonSet", replicas=4, spec={"updateStrategy": {"rollingUpdate": {"maxUnavailable": "50%"}}}), 40),
        (workload(replicas=1, spec={"minReadySeconds": 15}), 35),
        (workload("DaemonSet", replicas=4, spec=AHEAD), 40),
        (workload("StatefulSet", replicas=3, containers=SLEEPS), 3 * 45),
        (workload("StatefulSet", replicas=3, annotations={WAIT: "10"}), 3 * 30),
        (workload("StatefulSet", replicas=3, annotations={WAIT: "600"}), 3 * 50),
        (workload(replicas=2, containers=SLEEPS), 2 * 20),
        (workload(replicas=1, containers=SLEEPS, spec={"strategy": {"type": "Recreate"}}), 45),
    ],
    ids=[
        *("surge", "recreate", "one by one", "half of the nodes", "min ready", "surge of the nodes"),
        *("sleep", "wait", "killed", "old ones end beside", "old ones end first"),
    ],
)  # fmt: skip
def test_a_workload_takes_as_long_as_its_own_strategy_says(owner: Workload, seconds: int) -> None:
    assert rollout_seconds(owner, space(owner, pods_seen=took(owner, 20))) == pytest.approx(seconds)


def test_a_pod_that_was_ready_again_after_hours_says_nothing_of_starting() -> None:
    owner = workload()
    assert ready_seconds(owner, space(owner, pods_seen=took(owner, 59 * 60))) == 30.0


@given(st.floats(0, 1e6), st.sampled_from(["", "m", "k", "Ki", "Mi", "Gi"]))
def test_a_quantity_is_its_number_times_its_unit(number: float, unit: str) -> None:
    factor = {"": 1, "m": 1e-3, "k": 1e3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[unit]
    assert quantity(f"{number:.3f}{unit}") == pytest.approx(round(number, 3) * factor)


@pytest.mark.parametrize("text", ["", "a lot", "1Zi", "--1"])
def test_what_is_no_quantity_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        quantity(text)


def test_an_init_container_counts_only_where_it_asks_for_more_than_what_runs_later() -> None:
    def asks(cpu: str, **more: str) -> dict[str, object]:
        return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **more}

    spec = {
        "nodeName": "node-1",
        "initContainers": [asks("100m", restartPolicy="Always"), asks("1")],
        "containers": [asks("200m")],
    }
    assert requested([{"spec": spec}]) == [Requested("node-1", pytest.approx(1.1), 0.0)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        ({"max_restarting_pods": "100%"}, 20),
        ({"max_restarting_pods": 2}, 40),
        ({"max_restarting_pods": "100%", "max_restarting_pods_per_cluster": 1}, 80),
        ({"max_restarting_pods": "100%", "max_restarting_pods_per_node": 1}, 60),
        ({"max_restarting_pods": "100%", "max_restarting_pods_per_node": 3}, 20),
    ],
    ids=["none", "namespace", "cluster", "node", "node with room"],
)
def test_workloads_that_wait_for_each_other_take_longer(limits: Json, seconds: int) -> None:
    """Four workloads of one pod: three of them on one node."""
    owners = [workload(name=name, replicas=1) for name in "abcd"]
    seen = [
        Pod(
            {
                **each.manifest,
                "spec": {**each.manifest["spec"], "nodeName": "b" if owner.name == "d" else "a"},
            }
        )
        for owner in owners
        for each in took(owner, 20)
    ]
    view = cluster(space(*owners, pods_seen=seen))
    asked = settings(waves=[{"share": 1}], **limits)
    (step,) = [s for s in rollout_plan(view, asked, EDGE, "run", (), ()).steps if s.restarting_pods]
    assert restarts_seconds(step, view.namespaces["charging"]) == seconds
    first = next(owner for owner in owners if owner.id == step.changes[0].workload)
    begun = msgspec.structs.replace(step, changes=step.changes[1:], waited=[first.id])
    without = msgspec.structs.replace(begun, waited=[])
    charging = view.namespaces["charging"]
    assert restarts_seconds(begun, charging) == restarts_seconds(without, charging), (
        "what is done costs nothing"
    )
    first.manifest["metadata"]["generation"] = 2
    assert restarts_seconds(begun, charging) == seconds, "on its way it takes its place too"
