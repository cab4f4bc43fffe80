"""A large namespace to measure in: Deployments behind a Service each, each calling the next one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click

from meshroll.adapters.kube.client import Kube

POLL_SECONDS = 5.0
DIAL_MODE = "DIAL_MODE"


def make(kube: Kube, namespace: str, deployments: int, replicas: int, calling: bool = True) -> None:
    """The namespace, and its pods: returns once all of them are there. Without ``calling`` nobody calls anybody."""
    kube.apply(
        f"/api/v1/namespaces/{namespace}",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
    )

    def one(number: int) -> None:
        name = name_of(number)
        labels = {"app": name}
        told = {DIAL_MODE: "pooled"}
        if calling:
            told["TARGET"] = f"{name_of((number + 1) % deployments)}.{namespace}:80"
        container: dict[str, Any] = {
            "name": name,
            "image": f"registry.example/{name}:1.0",
            "ports": [{"name": "grpc", "containerPort": 8080}],
            "env": [{"name": key, "value": value} for key, value in told.items()],
            "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        }
        meta = {"name": name, "namespace": namespace}
        service = {"selector": labels, "ports": [{"name": "grpc", "port": 80, "targetPort": "grpc"}]}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        kube.apply(
            f"/api/v1/namespaces/{namespace}/services/{name}",
            {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service},
        )
        # Whoever comes second would find the old ReplicaSets of whoever came first, which controllers look at too.
        spec = {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": labels},
            "template": template,
        }
        kube.apply(
            f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec},
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(deployments)))
    while (found := ready(kube, namespace)) < deployments * replicas:
        click.echo(f"{found} of {deployments * replicas} pods are Ready", err=True)
        time.sleep(POLL_SECONDS)


def name_of(number: int) -> str:
    return f"svc-{number:03d}"


def ready(kube: Kube, namespace: str) -> int:
    """Pods that the namespace's Deployments call available."""
    found, _ = kube.list_all(f"/apis/apps/v1/namespaces/{namespace}/deployments")
    return sum(int((each.get("status") or {}).get("availableReplicas") or 0) for each in found)
