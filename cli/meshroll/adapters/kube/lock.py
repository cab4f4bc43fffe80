"""One run at a time a cluster: a Lease in namespace ``meshroll``, renewed while an action works."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from meshroll.adapters.kube.client import ApiError, Kube, Object
from meshroll.adapters.kube.journal import NAMESPACE, ensure_namespace
from meshroll.core.errors import Interrupted, Locked, Problem

PATH = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
NAME = "meshroll"
# Longer than any pause between two actions of a run, short enough that a killed run does not block the night's job.
DURATION_SECONDS = 120
RENEW_SECONDS = 10.0
RUN = "meshroll.io/run-id"


class Lock:
    """The cluster's lock as one run sees it; ``holder`` is user@host."""

    def __init__(
        self, kube: Kube, holder: str, run_id: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._kube = kube
        self._identity = f"{holder}/{run_id}"
        self._run_id = run_id
        self._clock = clock
        self._renewed_at = 0.0

    def acquire(self) -> None:
        """Takes the lock, also from a holder that has not renewed it in time. Raises Locked naming the holder."""
        ensure_namespace(self._kube)
        lease = self._kube.get(f"{PATH}/{NAME}")
        try:
            if lease is None:
                self._kube.create(PATH, self._lease({}))
            else:
                self._refuse_if_held(lease)
                self._kube.replace(f"{PATH}/{NAME}", self._lease(lease))
        except ApiError as error:
            if error.status != 409:
                raise
            self._refuse_if_held(self._kube.get(f"{PATH}/{NAME}") or {})
            raise Locked(
                Problem("locked", "Another run took the lock at the same moment.", "Run it again.")
            ) from error
        self._renewed_at = time.monotonic()

    def renew(self) -> None:
        """Renews when due. Raises Interrupted where the lock is somebody else's by now: this run must not go on."""
        if time.monotonic() - self._renewed_at < RENEW_SECONDS:
            return
        lease = self._kube.get(f"{PATH}/{NAME}")
        if lease is None or (lease.get("spec") or {}).get("holderIdentity") != self._identity:
            raise Interrupted(
                Problem(
                    "lock-lost",
                    "This run no longer holds the cluster's lock, so it stops here.",
                    "`meshroll runs` shows who works on the cluster now.",
                )
            )
        try:
            self._kube.replace(f"{PATH}/{NAME}", self._lease(lease))
        except ApiError as error:
            if error.status != 409:
                raise
            return  # renewed by an answer that was lost, or taken: the next look at it tells
        self._renewed_at = time.monotonic()

    def release(self) -> None:
        """Frees the lock if it is still this run's."""
        lease = self._kube.get(f"{PATH}/{NAME}")
        if lease is not None and (lease.get("spec") or {}).get("holderIdentity") == self._identity:
            self._kube.delete(f"{PATH}/{NAME}", lease["metadata"]["uid"])

    def _lease(self, before: Object) -> Object:
        now = self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = before.get("spec") or {}
        mine = spec.get("holderIdentity") == self._identity
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": NAME,
                "namespace": NAMESPACE,
                "annotations": {RUN: self._run_id},
                **({"resourceVersion": before["metadata"]["resourceVersion"]} if before else {}),
            },
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": DURATION_SECONDS,
                "acquireTime": spec["acquireTime"] if mine else now,
                "renewTime": now,
            },
        }

    def _refuse_if_held(self, lease: Object) -> None:
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity")
        if not holder or holder == self._identity:
            return
        renewed = datetime.strptime(spec["renewTime"], "%Y-%m-%dT%H:%M:%S.%f%z")
        age_seconds = (self._clock() - renewed).total_seconds()
        if age_seconds < spec["leaseDurationSeconds"]:
            raise Locked(
                Problem(
                    "locked",
                    f"{holder} has held this cluster's lock since {spec['acquireTime']}.",
                    f"Wait for it; if that process is dead, the lock is free in "
                    f"{spec['leaseDurationSeconds'] - age_seconds:.0f} s.",
                )
            )
