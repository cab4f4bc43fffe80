from __future__ import annotations

from typing import Any

from meshroll.core import plan
from meshroll.core.gate.subjects import owners_of, with_pods
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
