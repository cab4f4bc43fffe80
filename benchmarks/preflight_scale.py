"""How long `meshroll preflight` takes for a large namespace, and how much memory.

    python benchmarks/preflight_scale.py INVENTORY [NAMESPACE]

Where the namespace is not there, it is made first: 500 Deployments of 20 pods, each behind a Service, each calling the
next one (minutes, on the sandbox). Beside it the same lists are read by a bare program, page by page, so that what the
API server and this machine take can be told from what meshroll does: the figure to watch is the ratio.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import yaml

from meshroll.adapters.kube.client import METADATA_LIST, Kube

DEPLOYMENTS, REPLICAS = 500, 20
LISTS = (
    "/api/v1/namespaces/{ns}/pods",
    "/api/v1/namespaces/{ns}/services",
    "/apis/apps/v1/deployments",
    "/api/v1/pods",
)


def make(kube: Kube, namespace: str) -> None:
    """The namespace, and its pods: returns once all of them are there."""
    kube.apply(
        f"/api/v1/namespaces/{namespace}",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
    )

    def one(number: int) -> None:
        name = f"svc-{number:03d}"
        labels = {"app": name}
        told = {"TARGET": f"svc-{(number + 1) % DEPLOYMENTS:03d}.{namespace}:80", "DIAL_MODE": "pooled"}
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
        spec = {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template}
        kube.apply(
            f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec},
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(DEPLOYMENTS)))
    while (found := count(kube, namespace)) < DEPLOYMENTS * REPLICAS:
        click.echo(f"{found} pods", err=True)
        time.sleep(10)


def count(kube: Kube, namespace: str) -> int:
    path = f"/api/v1/namespaces/{namespace}/pods"
    return len(kube.list_as(path, METADATA_LIST, lambda page: [1] * len(page["items"]))[0])


def bare(kube: Kube, namespace: str) -> float:
    """Seconds that a program takes which reads the same lists side by side and does nothing with them."""
    started = time.monotonic()
    with ThreadPoolExecutor(len(LISTS)) as pool:
        list(
            pool.map(
                lambda path: kube.list_as(path.format(ns=namespace), "application/json", lambda _: []), LISTS
            )
        )
    return time.monotonic() - started


def main() -> int:
    inventory = Path(sys.argv[1])
    namespace = sys.argv[2] if len(sys.argv) > 2 else "large"
    said = yaml.safe_load((inventory / "host_vars/sandbox/connection.yml").read_text())["meshroll_cluster"]
    kube = Kube.connect(said["kubeconfig"], said["context"])
    if kube.get(f"/api/v1/namespaces/{namespace}") is None:
        make(kube, namespace)
    read = bare(kube, namespace)
    command = [
        str(Path(sys.executable).parent / "meshroll"),
        "preflight",
        "-i",
        str(inventory),
        "-n",
        namespace,
    ]
    started = time.monotonic()
    done = subprocess.run(
        [*command, "--output", "json"], capture_output=True, text=True, env=os.environ, check=False
    )
    took = time.monotonic() - started
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    (cluster,) = json.loads(done.stdout)["data"]["clusters"]
    click.echo(f"{count(kube, namespace)} pods, {len(cluster['checks'])} checks, exit code {done.returncode}")
    click.echo(
        f"preflight {took:.1f} s ({usage.ru_utime + usage.ru_stime:.1f} s of CPU), bare lists {read:.1f} s"
    )
    click.echo(f"ratio {took / read:.1f}; its largest process held {usage.ru_maxrss / 1024:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
