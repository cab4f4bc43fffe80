"""When a Service that was made or became another answers: its EndpointSlices, once their controller has caught up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meshroll.adapters.kube.client import Kube, Object
from meshroll.core.changes import Change
from meshroll.core.errors import Failed, Problem
from meshroll.core.services import is_headless

ENDPOINTS_SECONDS = 30.0
# On every slice of a headless Service; kube-proxy leaves slices with it out.
HEADLESS = "service.kubernetes.io/headless"


@dataclass(frozen=True)
class Conversion:
    """A Service that became another: ``gap_seconds`` from the end of its first update to the end of its last, then
    ``serving_seconds`` until its endpoints served."""

    object: str
    gap_seconds: float
    serving_seconds: float

    @property
    def said(self) -> str:
        return (
            f"{self.object} was converted with a gap of {self.gap_seconds:.3f} s; "
            f"its endpoints served {self.serving_seconds:.3f} s later."
        )


def wait_for_endpoints(kube: Kube, change: Change, between: Callable[[], None]) -> None:
    """A Service that nothing answers behind is no place to send clients to. Raises Failed after some seconds."""
    service = kube.get(change.path)
    path = f"/apis/discovery.k8s.io/v1/namespaces/{change.namespace}/endpointslices"
    until = time.monotonic() + ENDPOINTS_SECONDS
    while time.monotonic() < until:
        slices, _ = kube.list_all(path, labelSelector=f"kubernetes.io/service-name={change.name}")
        if service is not None and serving(service, slices):
            return
        between()
        time.sleep(0.05)
    raise Failed(
        Problem(
            "service-without-endpoints",
            f"Service {change.name} has no ready endpoint after {ENDPOINTS_SECONDS:.0f} s.",
            f"kubectl -n {change.namespace} get pods; no client was moved to it.",
            namespace=change.namespace,
            object=f"Service/{change.name}",
        )
    )


def serving(service: Object, slices: Sequence[Object]) -> bool:
    """Whether an endpoint is ready in a slice that is of the Service as it is now.

    Slices outlive a conversion, and their controller needs a moment to see it: their mark says whether it has.
    """
    wanted = {port.get("name") or "" for port in service["spec"].get("ports") or []}
    headless = is_headless(service)
    return any(
        (endpoint.get("conditions") or {}).get("ready")
        for item in slices
        if headless == (HEADLESS in (item["metadata"].get("labels") or {}))
        if wanted >= {port.get("name") or "" for port in item.get("ports") or []}
        for endpoint in item.get("endpoints") or []
    )
