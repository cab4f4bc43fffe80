"""Reading objects: owners, proxies in both container lists, replicas of each kind."""

from __future__ import annotations

import pytest
from unit.core.factories import Json, pod, pods, service, space, workload

from meshroll.core.model import Pod, Proxy, Workload, kubernetes_minor


def owned(kind: str, name: str, template_hash: str | None = None, controller: bool = True) -> str | None:
    labels = {"pod-template-hash": template_hash} if template_hash else {}
    reference = {"kind": kind, "name": name, "controller": controller}
    return Pod({"metadata": {"name": "p", "labels": labels, "ownerReferences": [reference]}}).owner


@pytest.mark.parametrize(
    ("kind", "name", "template_hash", "owner"),
    [
        ("ReplicaSet", "omni-6d4cf56db6", "6d4cf56db6", "Deployment/omni"),
        ("ReplicaSet", "my-omni-6d4cf56db6", "6d4cf56db6", "Deployment/my-omni"),
        ("ReplicaSet", "omni", None, "ReplicaSet/omni"),
        ("ReplicaSet", "rollout-abc", "abcdef", "ReplicaSet/rollout-abc"),
        ("StatefulSet", "ledger", None, "StatefulSet/ledger"),
        ("DaemonSet", "agent", None, "DaemonSet/agent"),
        ("Job", "nightly-28", None, "Job/nightly-28"),
    ],
)
def test_a_pod_knows_its_controller(kind: str, name: str, template_hash: str | None, owner: str) -> None:
    assert owned(kind, name, template_hash) == owner


def test_a_bare_pod_has_no_owner() -> None:
    assert Pod({"metadata": {"name": "p"}}).owner is None
    assert owned("Node", "n", controller=False) is None


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_pods_belong_to_the_workload_that_made_them(kind: str) -> None:
    mine, longer = workload(kind, "omni"), workload(kind, "omni-2")
    seen = space(mine, longer)
    assert [each.name for each in seen.pods_of(mine.id)] == ["omni-0", "omni-1"]


def test_pods_that_end_or_have_ended_are_nobodys() -> None:
    owner = workload()
    done = Pod({**pod(owner, 2).manifest, "status": {"phase": "Succeeded"}})
    seen = space(owner, pods_seen=[pod(owner), pod(owner, 1, ending=True), done])
    assert [each.name for each in seen.pods_of(owner.id)] == ["omni-0"]


def test_a_proxy_is_found_in_either_list() -> None:
    owner = workload()
    assert pod(owner, proxy="native").proxy == Proxy(True, "edge-26.6.3")
    assert pod(owner, proxy="wait").proxy == Proxy(False, "edge-26.6.3")
    assert pod(owner, proxy="wait", release=None).proxy == Proxy(False, None)
    assert pod(owner).proxy is None


@pytest.mark.parametrize("how", [("native", "native", True), ("native", None, False), (None, None, False)])
def test_fully_meshed_is_every_pod(how: tuple[str | None, str | None, bool]) -> None:
    owner = workload()
    seen = [pod(owner, 0, proxy=how[0]), pod(owner, 1, proxy=how[1])]  # type: ignore[arg-type]
    assert space(owner, pods_seen=seen).fully_meshed(owner.id) is how[2]
    assert not space(owner, pods_seen=[]).fully_meshed(owner.id)


@pytest.mark.parametrize(
    ("owner", "count"),
    [
        (workload(replicas=3), 3),
        (workload(replicas=0), 0),
        (Workload({"kind": "Deployment", "metadata": {"name": "x"}, "spec": {}}), 1),
        (workload("DaemonSet", replicas=5), 5),
        (Workload({"kind": "DaemonSet", "metadata": {"name": "x"}, "spec": {}}), 0),
        (workload("CronJob"), 0),
    ],
)
def test_replicas_are_what_each_kind_asks_for(owner: Workload, count: int) -> None:
    assert owner.replicas == count


def test_a_service_without_a_selector_has_no_servers() -> None:
    owner = workload(labels={"tier": "front"})
    seen = space(owner)
    assert seen.servers_of(service("omni", "omni")) == (owner,)
    assert seen.servers_of(service("omni")) == ()
    assert seen.servers_of({"spec": {"selector": {"app": "omni", "tier": "back"}}}) == ()


@pytest.mark.parametrize(("version", "minor"), [("v1.35.4-eks-a1b2c3d", (1, 35)), ("1.29", (1, 29))])
def test_kubernetes_versions_are_compared_as_numbers(version: str, minor: tuple[int, int]) -> None:
    assert kubernetes_minor(version) == minor
    with pytest.raises(ValueError, match="latest"):
        kubernetes_minor("latest")


def test_waiting_containers_are_told_of_with_their_reason() -> None:
    status: Json = {
        "initContainerStatuses": [
            {"name": "linkerd-proxy", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
        ],
        "containerStatuses": [
            {"name": "omni", "state": {"running": {}}},
            {"name": "side", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}},
        ],
    }
    waiting = list(Pod({"metadata": {"name": "p"}, "status": status}).waiting_reasons())
    assert waiting == [("linkerd-proxy", "CrashLoopBackOff", ""), ("side", "ErrImagePull", "no")]


def test_pods_factory_makes_one_pod_a_replica() -> None:
    assert [each.name for each in pods(workload(replicas=3))] == ["omni-0", "omni-1", "omni-2"]
