"""A node's limit on a real API server: who watches its pods sees no more of them away, and all get there."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sandbox.support import Estate, document_path, make_estate, wait_for_pods

from meshroll.core.model import Pod
from meshroll_sandbox.status import Status

PODS_PER_NODE = 4
ON_NODES = [f"on-{node}-{number}" for node in ("a", "b") for number in range(PODS_PER_NODE)]


@pytest.fixture
def estate(sandbox: Status, tmp_path: Path) -> Estate:
    assert sandbox.connection
    made = make_estate(sandbox.connection, "limits", tmp_path)
    nodes = [item["metadata"]["name"] for item in made.kube.list_all("/api/v1/nodes")[0]][:2]
    for name in ON_NODES:
        body = deployment(made, name, nodes["ab".index(name[3])])
        made.kube.apply(document_path(body), body)
    wait_for_pods(made.kube, made.name, 20 + len(ON_NODES))
    return made


def deployment(estate: Estate, name: str, node: str) -> dict[str, Any]:
    """One pod that keeps to its node, and goes before the next one comes: away for a moment in any case."""
    labels = {"app.kubernetes.io/name": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "containers": [{"name": "app", "image": "registry.example/app:1.0"}],
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": estate.name, "labels": labels},
        "spec": {
            "replicas": 1,
            "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "selector": {"matchLabels": labels},
            "template": template,
        },
    }


@contextmanager
def away(estate: Estate) -> Iterator[list[Counter[str]]]:
    """At each moment that something changed, how many of the pods that belong on each node are not Ready there."""
    path = f"/api/v1/namespaces/{estate.name}/pods"
    items, version = estate.kube.list_all(path)
    pods = {item["metadata"]["name"]: item for item in items if mine(item)}
    belong = Counter(Pod(item).node for item in pods.values())
    seen: list[Counter[str]] = []
    ended, whole = threading.Event(), threading.Event()

    def watch() -> None:
        resume = version
        while not ended.is_set():
            for event in estate.kube.watch(path, resume, 5):
                item = event["object"]
                resume = item["metadata"]["resourceVersion"]
                if event["type"] == "BOOKMARK" or not mine(item):
                    continue
                pods[item["metadata"]["name"]] = item
                if event["type"] == "DELETED":
                    del pods[item["metadata"]["name"]]
                there = [pod for pod in map(Pod, pods.values()) if pod.ready and not pod.ending]
                seen.append(belong - Counter(pod.node for pod in there))
        whole.set()

    threading.Thread(target=watch, daemon=True).start()
    yield seen
    ended.set()
    assert whole.wait(30), "the watch broke"


def mine(item: dict[str, Any]) -> bool:
    return (Pod(item).owner or "").removeprefix("Deployment/") in ON_NODES


@pytest.mark.exhaustive
def test_no_more_of_a_nodes_pods_are_away_than_its_limit_and_nodes_do_not_wait_for_each_other(
    estate: Estate,
) -> None:
    workloads = [f"Deployment/{name}" for name in ON_NODES]
    estate.namespace_settings(workloads=workloads, injection="workloads", waves=[{"share": 1}])
    estate.settings(max_restarting_pods="100%", max_restarting_pods_per_node=1)
    (planned,) = [step for step in estate.run("plan").cluster["plan"]["steps"] if step["restarting_pods"]]
    assert (planned["restarting_pods"], planned["limits"]["pods_per_node"]) == (len(ON_NODES), 1)
    for command, proxies in (("rollout", 1), ("rollback", 0)):
        with away(estate) as seen:
            ran = estate.run(command)
        assert ran.code == 0, ran.result["errors"]
        assert all([bool(pod.proxy) for pod in estate.pods(each)] == [bool(proxies)] for each in workloads)
        assert max(max(each.values(), default=0) for each in seen) == 1, command
        assert max(each.total() for each in seen) == 2, f"{command}: the nodes went one after the other"
