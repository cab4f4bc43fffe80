"""Write Kubernetes Events."""

import logging
from datetime import UTC, datetime

import aiohttp

from meshroll_sandbox.standins.kube import Kube, Object

log = logging.getLogger(__name__)


async def create_event(
    kube: Kube, about: Object, reason: str, message: str, component: str, kind: str = "Normal"
) -> None:
    """Record a core/v1 Event about an object (it must carry apiVersion, kind, and metadata).

    Nothing is raised: an event that cannot be written is only logged.
    """
    metadata = about["metadata"]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata.get("uid", ""),
            "resourceVersion": metadata.get("resourceVersion", ""),
        },
        "type": kind,
        "reason": reason,
        "message": message,
        "source": {"component": component},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        await kube.create(f"/api/v1/namespaces/{metadata['namespace']}/events", event)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        log.warning("event %s about %s %s not written: %s", reason, about["kind"], metadata["name"], error)
