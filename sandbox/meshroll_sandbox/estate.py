"""Put nodes and the estate into a fresh control plane, and wait until its workloads are Ready."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from kubernetes import config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError
from urllib3.exceptions import HTTPError

from meshroll_sandbox.errors import SandboxError
from meshroll_sandbox.paths import SandboxFolder, content_root

FIELD_MANAGER = "meshroll-sandbox"
REQUESTS_PER_SECOND = "sandbox.meshroll.io/requests-per-second"
READY_SECONDS = 120.0
REGION = "eu-central-1"

API_ERRORS = (ApiException, HTTPError)
"""What the functions here raise when the API server refuses something, or is not there."""

# Far more than a t3.xlarge has, so that thousands of pods fit on three nodes.
_CAPACITY = {"cpu": "1000", "memory": "4Ti", "ephemeral-storage": "4Ti", "pods": "10000"}


def connect(layout: SandboxFolder) -> DynamicClient:
    """A client of the sandbox's API server; its discovery cache stays inside the folder."""
    api = config.new_client_from_config(config_file=str(layout.kubeconfig))
    api.configuration.proxy = None
    cache = str(layout.home / "discovery.json")
    return DynamicClient(api, cache_file=cache)


def server_version(client: DynamicClient) -> str:
    """What the API server calls itself, for example "v1.35.4-eks-a1b2c3d"."""
    return str(client.version["kubernetes"]["gitVersion"])


def nodes(version: str) -> list[dict[str, Any]]:
    """Three Node objects as EKS makes them, one a zone, whose kubelets are of the server's `version`."""
    return [_node(index, zone, version) for index, zone in enumerate("abc")]


def _node(index: int, zone: str, version: str) -> dict[str, Any]:
    address = f"10.0.{index}.10"
    name = f"ip-{address.replace('.', '-')}.{REGION}.compute.internal"
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "eks.amazonaws.com/capacityType": "ON_DEMAND",
        "eks.amazonaws.com/nodegroup": "general",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "t3.xlarge",
        "topology.kubernetes.io/region": REGION,
        "topology.kubernetes.io/zone": f"{REGION}{zone}",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "providerID": f"aws:///{REGION}{zone}/i-0000000000000000{index}",
            # A quarter of the pod range each.
            "podCIDR": f"10.244.{index * 64}.0/18",
            "podCIDRs": [f"10.244.{index * 64}.0/18"],
        },
        "status": {
            "capacity": _CAPACITY,
            "allocatable": _CAPACITY,
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "InternalDNS", "address": name},
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "containerd://2.1.5",
                "kernelVersion": "6.12.46-66.121.amzn2023.x86_64",
                "kubeProxyVersion": "",
                "kubeletVersion": version,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "Amazon Linux 2023.9.20251105",
                "systemUUID": "",
            },
        },
    }


def apply(client: DynamicClient) -> None:
    """Create the nodes that are missing, and apply the estate. Doing it twice changes nothing.

    Callers come once their servers are Ready: an estate that begins with failed calls is outside its limits.
    """
    api = client.resources.get(api_version="v1", kind="Node")
    for node in nodes(server_version(client)):
        with suppress(ConflictError):  # an earlier `up` made it
            # The status of a Node is kept when it is created; server-side apply would drop it.
            api.create(body=node)
    own = manifests(content_root() / "estate.yml")
    _apply(client, [manifest for manifest in own if not is_caller(manifest)])
    wait_ready(client)
    _apply(client, [manifest for manifest in own if is_caller(manifest)])


def is_caller(manifest: dict[str, Any]) -> bool:
    """Whether its pods send requests in the traffic model."""
    template = (manifest.get("spec") or {}).get("template") or {}
    return REQUESTS_PER_SECOND in ((template.get("metadata") or {}).get("annotations") or {})


def _apply(client: DynamicClient, wanted: list[dict[str, Any]]) -> None:
    for manifest in wanted:
        metadata = manifest["metadata"]
        resource = client.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
        resource.server_side_apply(
            body=manifest,
            name=metadata["name"],
            namespace=metadata.get("namespace"),
            field_manager=FIELD_MANAGER,
        )


def manifests(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of YAML documents, namespaces first as they stand there."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def unready(client: DynamicClient) -> list[str]:
    """The sandbox's own workloads that are not Ready, as "Deployment charging/omni 1/2"."""
    own = manifests(content_root() / "estate.yml")
    found = []
    for kind in ("Deployment", "StatefulSet", "DaemonSet"):
        names = {(m["metadata"]["namespace"], m["metadata"]["name"]) for m in own if m["kind"] == kind}
        for workload in client.resources.get(api_version="apps/v1", kind=kind).get().to_dict()["items"]:
            name = (workload["metadata"]["namespace"], workload["metadata"]["name"])
            ready, wanted = readiness(workload)
            if name in names and (wanted is None or ready < wanted):
                found.append(f"{kind} {'/'.join(name)} {ready}/{'?' if wanted is None else wanted}")
    return found


def readiness(workload: dict[str, Any]) -> tuple[int, int | None]:
    """(Ready pods, wanted pods) of a workload; wanted is None while its controller has not seen it."""
    status = workload.get("status") or {}
    if status.get("observedGeneration", 0) < workload["metadata"]["generation"]:
        return 0, None
    if workload["kind"] == "DaemonSet":
        return status.get("numberReady", 0), status["desiredNumberScheduled"]
    return status.get("readyReplicas") or 0, workload["spec"]["replicas"]


def wait_ready(client: DynamicClient, seconds: float = READY_SECONDS) -> None:
    """Return once the estate is Ready. Raises SandboxError that names what is not."""
    deadline = time.monotonic() + seconds
    while waiting := unready(client):
        if time.monotonic() > deadline:
            raise SandboxError(
                f"the estate was not Ready within {seconds:.0f} s: {', '.join(waiting)}",
                "Look at the logs of kwok and kube-controller-manager in the sandbox's folder.",
            )
        time.sleep(0.2)
