"""What writing everything down costs: a share of the same run, not seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from faults.conftest import Figure

from meshroll.adapters.kube.apply import Making, apply_step
from meshroll.adapters.kube.client import Kube, Object
from meshroll.adapters.kube.journal import Journal, ensure_namespace
from meshroll.core.budget import Limits
from meshroll.core.changes import Change, fields_between
from meshroll.core.journal import Record, intending, made
from meshroll.core.plan import Step
from meshroll_sandbox.status import Status

DEPLOYMENTS = 500
NAMESPACE = "journal-cost"
SHARE_MAX = 0.05
PATH = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


@pytest.mark.exhaustive
def test_the_journal_costs_little_beside_a_rollout_of_500_deployments(
    sandbox: Status, figure: Figure, tmp_path: Path
) -> None:
    figure.row("journal beside a rollout of 500 Deployments, at most 5 % of its time")
    assert sandbox.connection
    kube = Kube.connect(str(sandbox.connection.kubeconfig), sandbox.connection.context)
    step = many(kube)
    ensure_namespace(kube)
    journal = Journal(kube, tmp_path, lambda _: None)
    record = Record("cost", "rollout", "someone", [NAMESPACE], "2026-01-01T00:00:00Z")
    spent_seconds = 0.0

    def write(new: Record) -> None:
        nonlocal record, spent_seconds
        record = new
        begun = time.monotonic()
        journal.write(record)
        spent_seconds += time.monotonic() - begun

    def intend(before: Mapping[str, Object | None]) -> None:
        write(intending(record, step, before))

    making = Making(intend, lambda *_: None, lambda: None, keep_going=False)
    begun = time.monotonic()
    assert apply_step(kube, step, making) == []
    write(made(record, step, making.after))
    share = spent_seconds / (time.monotonic() - begun)
    found = journal.read_run("cost")
    assert found == record and len(record.entries) == DEPLOYMENTS
    assert all(entry.before and entry.after for entry in record.entries)
    kube.delete(f"/api/v1/namespaces/{NAMESPACE}")
    figure.end(f"{share:.1%}")
    assert share <= SHARE_MAX


def many(kube: Kube) -> Step:
    """The Deployments, Ready, and the step that gives each template an annotation."""
    kube.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: kube.create(PATH, deployment(f"app-{number}")), range(DEPLOYMENTS)))
    for _ in range(600):
        items, _ = kube.list_all(PATH)
        if all((item.get("status") or {}).get("availableReplicas") for item in items):
            break
        time.sleep(0.5)
    pointer = "/spec/template/metadata/annotations/example.com~1round"
    changes = [
        Change(
            "Deployment",
            NAMESPACE,
            item["metadata"]["name"],
            "patch",
            "a rollout",
            fields_between(item, [(pointer, "2")]),
            pods=1,
        )
        for item in items
    ]
    names = [f"Deployment/{item['metadata']['name']}" for item in items]
    return Step("wave", "Wave 1", NAMESPACE, changes, workloads=names, limits=Limits(DEPLOYMENTS))


def deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "app", "image": "example.com/app:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
