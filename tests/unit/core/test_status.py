"""What a person is told: how things stand, how a run ended, what to type next."""

from __future__ import annotations

import pytest
from unit.core.api_server import rolled
from unit.core.estate import estate, inventory
from unit.core.factories import EDGE, Json, cluster, pod, pods, space, workload

from meshroll.core.errors import ExitCode
from meshroll.core.journal import Entry, Record
from meshroll.core.model import Pod, Workload
from meshroll.core.outcome import Outcome
from meshroll.core.status import cluster_status, namespace_status, not_handled
from meshroll.core.summary import ended
from meshroll.core.way_in import rollout_plan

ENABLED = {"linkerd.io/inject": "enabled"}
IN = workload(annotations=ENABLED)


@pytest.mark.parametrize(
    ("owner", "seen", "reason"),
    [
        (workload(), pods(workload()), "not injected"),
        (IN, pods(IN, proxy="native"), None),
        (IN, (pod(IN, 0, proxy="native"), pod(IN, 1)), "1 pods started without a proxy"),
        (workload(annotations={"linkerd.io/inject": "disabled"}), pods(workload()), "opts out"),
        (workload(pod_spec={"hostNetwork": True}), pods(workload()), "host's network"),
        (workload(replicas=0), (), "has no pods"),
        (workload("CronJob", "nightly"), (), "not injected"),
        (workload("CronJob", "nightly", annotations=ENABLED), (), "meshed when they run"),
    ],
)
def test_a_workload_that_is_not_meshed_has_its_reason(
    owner: Workload, seen: tuple[Pod, ...], reason: str | None
) -> None:
    (row,) = namespace_status(space(owner, pods_seen=seen))["workloads"]
    if reason is None:
        assert row["reason"] is None
    else:
        assert reason in row["reason"]


def test_a_row_counts_pods_and_names_releases_and_sidecars() -> None:
    seen = (pod(IN, 0, proxy="native"), pod(IN, 1, proxy="wait", release=None, ready=False), pod(IN, 2))
    (row,) = namespace_status(space(IN, pods_seen=seen))["workloads"]
    assert (row["pods"], row["ready_pods"], row["meshed_pods"]) == (3, 2, 2)
    assert (row["release"], row["sidecar"]) == ("edge-26.6.3, unknown", "native, wait")


def test_kinds_that_are_not_handled_are_listed_once() -> None:
    argo = {"kind": "ReplicaSet", "name": "canary-abc", "controller": True}
    job = {"kind": "Job", "name": "nightly-1", "controller": True}
    bare = [
        Pod({"metadata": {"name": f"p-{index}", "ownerReferences": references}, "spec": {}})
        for index, references in enumerate([[argo], [argo], [job], []])
    ]
    assert not_handled(space(IN, pods_seen=[*pods(IN), *bare])) == ["Pod/p-3", "ReplicaSet/canary-abc"]


def told(code: ExitCode, command: str = "rollout", check_mode: bool = False, changes: bool = True) -> Json:
    view, wanted = estate(), inventory()
    plan = rollout_plan(view, wanted, EDGE, "run", (), ())
    after = rolled(view, plan, EDGE)
    shown = plan if changes else rollout_plan(after, wanted, EDGE, "run-2", (), ())
    record = Record(
        "run",
        command,
        "someone",
        ["charging"],
        "2026-01-01T00:00:00Z",
        entries=[Entry("Wave 1", change) for change in plan.changes()],
    )
    status = cluster_status(after)
    return ended("sandbox", Outcome(code, (), False), record, shown, status, command, check_mode)


@pytest.mark.parametrize(
    ("code", "command", "outcome", "then"),
    [
        (ExitCode.SUCCESS, "rollout", "success", "meshroll status -n charging shows it; meshroll rollback"),
        (ExitCode.SUCCESS, "plan", "success", "meshroll rollout -n charging"),
        (ExitCode.PAUSED, "rollout", "paused", "meshroll rollout -n charging goes on"),
        (ExitCode.ROLLBACK_INCOMPLETE, "rollout", "failed", "meshroll rollback -n charging tries again"),
        (ExitCode.INTERRUPTED, "rollout", "interrupted", "meshroll resume -n charging goes on"),
    ],
)
def test_each_end_says_what_to_type_next(code: ExitCode, command: str, outcome: str, then: str) -> None:
    entry = told(code, command)
    assert (entry["outcome"], entry["exit_code"]) == (outcome, code)
    assert entry["next"].startswith(then)


def test_a_look_that_was_stopped_has_nothing_to_go_on_with() -> None:
    assert told(ExitCode.INTERRUPTED, "verify")["next"] is None


def test_the_summary_counts_objects_and_meshed_pods() -> None:
    entry = told(ExitCode.SUCCESS)
    # 8 workloads, the CronJob, a ConfigMap, a Service and the namespace.
    assert "Changed 12 objects." in entry["summary"]
    assert "charging: 20 of 21 pods are meshed." in entry["summary"]


def test_a_check_says_would_and_a_repeat_says_nothing_to_do() -> None:
    assert told(ExitCode.SUCCESS, check_mode=True)["summary"][0].startswith("Would change ")
    assert told(ExitCode.SUCCESS, changes=False)["summary"][0].startswith("Nothing to do")


def test_the_result_names_each_field_with_before_and_after() -> None:
    changes = told(ExitCode.SUCCESS)["changes"]
    assert {"object", "field", "before", "after"} <= set(changes[0])
    annotation = {"object": "Namespace/charging", "field": "/metadata/annotations/linkerd.io~1inject"}
    assert any({**change, **annotation, "before": None, "after": "enabled"} == change for change in changes)


def test_a_namespace_that_is_not_there_has_no_status() -> None:
    assert cluster_status(cluster())["namespaces"] == []
