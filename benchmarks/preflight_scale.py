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

import click
import yaml
from large import make, pods

from meshroll.adapters.kube.client import Kube

DEPLOYMENTS, REPLICAS = 500, 20
LISTS = (
    "/api/v1/namespaces/{ns}/pods",
    "/api/v1/namespaces/{ns}/services",
    "/apis/apps/v1/deployments",
    "/api/v1/pods",
)


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
        make(kube, namespace, DEPLOYMENTS, REPLICAS)
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
    click.echo(f"{pods(kube, namespace)} pods, {len(cluster['checks'])} checks, exit code {done.returncode}")
    click.echo(
        f"preflight {took:.1f} s ({usage.ru_utime + usage.ru_stime:.1f} s of CPU), bare lists {read:.1f} s"
    )
    click.echo(f"ratio {took / read:.1f}; its largest process held {usage.ru_maxrss / 1024:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
