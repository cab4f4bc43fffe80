from __future__ import annotations

from typing import Any

from meshroll.core import plan
from meshroll.core.gate.subjects import Restarts, owners_of, with_pods
from meshroll.core.model import Pod


def pod(name: str, ready: bool = True, meshed: bool = True, ending: bool = False) -> Pod:
    manifest: dict[str, Any] = {
        "metadata": {
            "name": name,
            "labels": {"pod-template-hash": "7f"},
            "ownerReferences": [{"controller": True, "kind": "ReplicaSet", "name": "omni-7f"}],
        },
        "spec": {"initContainers": [{"name": "linkerd-proxy"}] if meshed else [], "containers": []},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }
    if ending:
        manifest["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return Pod(manifest)


def test_only_ready_pods_are_judged_and_only_those_with_a_proxy_must_be_scraped() -> None:
    pods = [pod("a"), pod("b", meshed=False), pod("c", ready=False), pod("d", ending=True)]
    subject = with_pods([plan.Subject("Deployment/omni", True, False)], pods)[0]
    assert (subject.pods, subject.meshed_pods) == (("a", "b"), ("a",))
    assert (subject.traffic_expected, subject.evenness_expected) == (True, False)
    assert owners_of(pods) == {"a": "Deployment/omni", "b": "Deployment/omni"}


def test_a_workload_without_pods_stays_a_subject() -> None:
    assert with_pods([plan.Subject("Deployment/omni", True, False)], [])[0].pods == ()


def running(name: str, **status: object) -> dict[str, object]:
    return {"name": name, "ready": True, "restartCount": 0, **status}


def test_restarts_are_of_containers_that_are_to_keep_running_native_sidecars_too() -> None:
    omni = pod("a", ready=False)
    spec, status = omni.manifest["spec"], omni.manifest["status"]
    spec["initContainers"] = [{"name": "setup"}, {"name": "linkerd-proxy", "restartPolicy": "Always"}]
    ended = {"terminated": {"reason": "OOMKilled", "finishedAt": "1970-01-01T00:01:40Z"}}
    status["initContainerStatuses"] = [
        running("setup", ready=False, restartCount=3),
        running("linkerd-proxy", restartCount=2, lastState=ended),
    ]
    status["containerStatuses"] = [
        running("app", ready=False, state={"waiting": {"reason": "CrashLoopBackOff"}}),
        running("calm"),
    ]
    subject = with_pods([plan.Subject("Deployment/omni", True, False)], [omni])[0]
    assert subject.restarts == {
        "a/linkerd-proxy": Restarts(2, "OOMKilled", 100.0),
        "a/app": Restarts(0, crash_loop=True),
    }
    assert (subject.pods, subject.unready) == ((), {"a": ("app",)})


def test_a_pod_that_its_node_or_a_readiness_gate_holds_back_has_no_container_that_is_not_ready() -> None:
    omni = pod("a", ready=False)
    omni.manifest["status"]["containerStatuses"] = [running("app")]
    subject = with_pods([plan.Subject("Deployment/omni", True, False)], [omni, pod("b", ending=True)])[0]
    assert subject.unready == {"a": ()}
