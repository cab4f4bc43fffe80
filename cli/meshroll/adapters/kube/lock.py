"""One run at a time a cluster: a Lease in namespace ``meshroll``, renewed in the background while an action works.

A run that has lost its Lease stops before another may change anything: it starts a write only within FENCE_SECONDS of
its last renewal, no write takes longer than WRITE_TIMEOUT_SECONDS, and the Lease lasts longer than both together. All
times in it are the API server's, so the clocks of the machines do not matter.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from meshroll.adapters import alive, clock
from meshroll.adapters.kube.client import ApiError, Kube, Object
from meshroll.adapters.kube.journal import ensure_namespace
from meshroll.adapters.kube.requests import WRITE_TIMEOUT_SECONDS
from meshroll.core.config_maps import NAMESPACE
from meshroll.core.errors import Interrupted, Locked, MeshrollError, Problem
from meshroll.core.moments import rfc3339

PATH = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
NAME = "meshroll"
LEASE = f"{PATH}/{NAME}"
RENEW_SECONDS = 10.0
FENCE_SECONDS = 20.0
RENEWALS = 3
DURATION_SECONDS = int(FENCE_SECONDS + WRITE_TIMEOUT_SECONDS) + 10
RUN, ALIVE = "meshroll.io/run-id", "meshroll.io/alive-file"
# What `lock steal` leaves for the next run to write into the journal of the run that lost the lock: its holder may be
# writing there until it has noticed.
STOLEN = {name: f"meshroll.io/stolen-{name}" for name in ("run", "by", "at", "reason")}


class Lock:
    """The cluster's lock as one run sees it; ``alive_file`` is that of adapters.alive.

    ``holder`` is "user@host (cluster)", with the name that the run has for the cluster: of two names for one cluster in
    one run only one may change it.
    """

    def __init__(self, kube: Kube, holder: str, run_id: str, alive_file: str | None) -> None:
        # A renewal that waits its turn behind the writes that wait for it would be waited for in vain.
        self._kube = kube.urgent()
        self._identity = f"{holder}/{run_id}"
        self._annotations = {RUN: run_id, **({ALIVE: alive_file} if alive_file else {})}
        # When the last renewal was sent, not answered: the Lease may count from there.
        self._renewed_at = float("-inf")
        self._renewing = threading.Lock()
        self._lost: Interrupted | None = None

    def refuse_if_held(self) -> None:
        """Raises Locked naming who holds the lock, since when, and in which run. Changes nothing."""
        lease = self._kube.get(LEASE)
        if lease is not None:
            self._refuse_if_held(lease)

    def acquire(self) -> dict[str, str]:
        """Takes the lock, also from a holder that is dead or has not renewed it in time. Raises Locked.

        Returns the last theft of the lock: ``run`` that lost it, ``by`` whom, ``at``, ``reason``; empty without one.
        """
        ensure_namespace(self._kube)
        sent = clock.seconds()
        lease = self._kube.get(LEASE)
        try:
            if lease is None:
                self._kube.create(PATH, self._lease({}))
            else:
                self._refuse_if_held(lease)
                self._kube.replace(LEASE, self._lease(lease))
        except ApiError as error:
            if error.status != 409:
                raise
            found = self._kube.get(LEASE) or {}
            if not self._is_mine(found):  # else the answer to our own write was lost
                self._refuse_if_held(found)
                raise _busy("Another run took the lock at the same moment.") from error
        self._renewed_at = sent
        noted = ((lease or {}).get("metadata") or {}).get("annotations") or {}
        return {name: str(noted[key]) for name, key in STOLEN.items() if key in noted}

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renews the lock now and every few seconds. Raises Interrupted where it is somebody else's by now."""
        self.renew()
        done = threading.Event()

        def renewing() -> None:
            while not done.wait(RENEW_SECONDS):
                try:
                    self.renew()
                except Interrupted:
                    return
                except MeshrollError:
                    continue  # not reached: the fence holds writes back until it is

        thread = threading.Thread(target=renewing, daemon=True, name="lock")
        thread.start()
        try:
            yield
        finally:
            done.set()

    def fence(self) -> None:
        """Before every write: renews a lock that was not renewed lately. Raises Interrupted where it is lost."""
        self.check()
        while clock.seconds() - self._renewed_at > FENCE_SECONDS:
            self.renew()  # it may itself have waited long for an answer

    def check(self) -> None:
        """Raises Interrupted once the lock is known to be lost; asks nobody."""
        if self._lost is not None:
            raise self._lost

    def renew(self) -> None:
        """Renews now. Raises Interrupted where the lock is somebody else's: this run must not go on."""
        with self._renewing:
            self.check()
            for _ in range(RENEWALS):
                sent = clock.seconds()
                lease = self._kube.get(LEASE)
                if lease is None or not self._is_mine(lease):
                    break
                try:
                    self._kube.replace(LEASE, self._lease(lease))
                except ApiError as error:
                    if error.status not in (404, 409):
                        raise
                    continue  # renewed by an answer that was lost, or taken: the next look at it tells
                self._renewed_at = sent
                return
            self._lost = _lost(lease)
            raise self._lost

    def release(self) -> None:
        """Frees the lock if it is still this run's."""
        lease = self._kube.get(LEASE)
        if lease is not None and self._is_mine(lease):
            self._kube.delete(LEASE, lease["metadata"]["uid"])

    def steal(self, by: str, reason: str) -> str:
        """Takes the lock from whoever holds it, and lets it run out; the id of the run that had it, or "".

        The former holder may be alive: until this lock runs out, whatever it had begun has ended. So nothing says that
        the thief is dead, which would free it at once. Raises Locked where nobody holds it.
        """
        lease = self._kube.get(LEASE)
        holder = (lease or {}).get("spec", {}).get("holderIdentity")
        if lease is None or not holder:
            raise _busy("Nobody holds this cluster's lock.", "There is nothing to steal.")
        run_id = str((lease["metadata"].get("annotations") or {}).get(RUN, ""))
        at = rfc3339(self._kube.server_now())
        told = {"run": run_id, "by": by, "at": at, "reason": reason}
        self._annotations = {
            RUN: self._annotations[RUN],
            **{STOLEN[name]: said for name, said in told.items()},
        }
        self._kube.replace(LEASE, self._lease(lease))
        return run_id

    def _is_mine(self, lease: Object) -> bool:
        return bool((lease.get("spec") or {}).get("holderIdentity") == self._identity)

    def _lease(self, before: Object) -> Object:
        now = self._kube.server_now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = before.get("spec") or {}
        # A PUT of a Lease that is gone makes it anew unless it names the uid: a late renewal must not lock anybody out.
        same = {key: before["metadata"][key] for key in ("uid", "resourceVersion")} if before else {}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": NAME,
                "namespace": NAMESPACE,
                "annotations": self._annotations,
                **same,
            },
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": DURATION_SECONDS,
                "acquireTime": spec["acquireTime"] if self._is_mine(before) else now,
                "renewTime": now,
            },
        }

    def _refuse_if_held(self, lease: Object) -> None:
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity")
        if not holder or self._is_mine(lease):
            return
        told = lease["metadata"].get("annotations") or {}
        if told.get(RUN) == self._annotations[RUN]:
            raise under_two_names()
        file = told.get(ALIVE)
        if file and alive.is_dead(file):
            return
        renewed = datetime.strptime(spec["renewTime"], "%Y-%m-%dT%H:%M:%S.%f%z")
        left_seconds = spec["leaseDurationSeconds"] - (self._kube.server_now() - renewed).total_seconds()
        if left_seconds > 0:
            who, _, run = holder.rpartition("/")
            raise _busy(
                f"{who} has held this cluster's lock since {spec['acquireTime']} (run {run}).",
                f"Wait for it; if that process is dead, the lock is free in {left_seconds:.0f} s. "
                "`meshroll lock steal --limit CLUSTER --reason WHY` takes it from a run that hangs.",
            )


def under_two_names() -> Locked:
    """What one run is told that comes to the same cluster again."""
    return _busy(
        "This run works on the same cluster under another name.",
        "Take one of the two names out of the inventory: with both, each would undo or judge what the other does.",
    )


def _busy(message: str, hint: str = "Run it again.") -> Locked:
    return Locked(Problem("locked", message, hint))


def _lost(lease: Object | None) -> Interrupted:
    holder = ((lease or {}).get("spec") or {}).get("holderIdentity", "nobody")
    return Interrupted(
        Problem(
            "lock-lost",
            f"This run no longer holds the cluster's lock ({holder} does), so it stops here.",
            "`meshroll runs` shows who works on the cluster now; the same command goes on once it is free.",
        )
    )
