"""Who may write: the holder of the Lease while it is renewed, and nobody until a former holder surely cannot."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meshroll.adapters import clock
from meshroll.adapters.kube import lock as module
from meshroll.adapters.kube.client import ApiError
from meshroll.adapters.kube.lock import DURATION_SECONDS, FENCE_SECONDS, Lock
from meshroll.core.errors import Interrupted, Locked


class Cluster:
    """Objects by path with optimistic locking, and one clock for the API server and its clients."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.seconds = 1000.0
        self.writes = 0
        monkeypatch.setattr(clock, "seconds", lambda: self.seconds)

    def urgent(self) -> Cluster:
        return self

    def server_now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def get(self, path: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.objects.get(path))

    def apply(self, path: str, body: dict[str, Any]) -> None:
        self.objects.setdefault(path, body)

    def create(self, path: str, body: dict[str, Any]) -> None:
        self._put(f"{path}/{body['metadata']['name']}", body, None)

    def replace(self, path: str, body: dict[str, Any]) -> None:
        """Makes an object that is gone anew, as the API server does with a Lease, unless the body has its uid."""
        if path not in self.objects and "uid" not in body["metadata"]:
            self._put(path, body, None)
        else:
            self._put(path, body, body["metadata"]["resourceVersion"])

    def delete(self, path: str, uid: str | None = None) -> None:
        if self.objects[path]["metadata"]["uid"] == uid:
            del self.objects[path]

    def _put(self, path: str, body: dict[str, Any], version: str | None) -> None:
        present = self.objects.get(path)
        if (present["metadata"]["resourceVersion"] if present else None) != version:
            raise ApiError(409, "PUT", path, "conflict")
        self.writes += 1
        meta = {**body["metadata"], "resourceVersion": str(self.writes), "uid": "u"}
        self.objects[path] = copy.deepcopy({**body, "metadata": meta})


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(monkeypatch)


def lock(cluster: Cluster, run: str, alive_file: str | None = None) -> Lock:
    return Lock(cluster, f"{run}@host", run, alive_file)  # type: ignore[arg-type]


def test_a_run_that_comes_to_a_cluster_again_under_another_name_is_told_so(cluster: Cluster) -> None:
    """To wait for the lock or to steal it would be to wait for itself."""
    Lock(cluster, "ann@host (prod)", "one", None).acquire()  # type: ignore[arg-type]
    with pytest.raises(Locked, match="under another name"):
        Lock(cluster, "ann@host (prod-alias)", "one", None).acquire()  # type: ignore[arg-type]


def test_a_second_run_is_refused_and_told_who_since_when_and_which_run(cluster: Cluster) -> None:
    lock(cluster, "ann").acquire()
    with pytest.raises(
        Locked, match=r"ann@host has held this cluster's lock since 2026-01-01T00:16:40.*run ann"
    ):
        lock(cluster, "bob").acquire()
    with pytest.raises(Locked):
        lock(cluster, "bob").refuse_if_held()


def test_a_lock_that_nobody_renews_is_free_after_its_time_and_no_sooner(cluster: Cluster) -> None:
    lock(cluster, "ann").acquire()
    cluster.seconds += DURATION_SECONDS - 1
    with pytest.raises(Locked):
        lock(cluster, "bob").acquire()
    cluster.seconds += 2
    lock(cluster, "bob").acquire()


def test_a_write_is_held_back_until_a_lock_that_was_not_renewed_lately_is(cluster: Cluster) -> None:
    ann = lock(cluster, "ann")
    ann.acquire()
    before = cluster.writes
    ann.fence()
    assert cluster.writes == before, "a lock that was just taken need not be renewed"
    cluster.seconds += FENCE_SECONDS + 1
    ann.fence()
    assert cluster.writes == before + 1


def test_a_run_whose_lock_another_has_by_now_writes_nothing_more(cluster: Cluster) -> None:
    ann = lock(cluster, "ann")
    ann.acquire()
    cluster.seconds += DURATION_SECONDS + 1
    lock(cluster, "bob").acquire()
    with pytest.raises(Interrupted, match="no longer holds"):
        ann.fence()
    with pytest.raises(Interrupted):
        ann.check()
    ann.release()
    assert module.NAME in str(cluster.objects), "nor does it free what is not its own"


def test_a_renewal_whose_answer_comes_late_does_not_open_the_fence(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = lock(cluster, "ann")
    ann.acquire()
    cluster.seconds += FENCE_SECONDS + 1
    slow, asked = cluster.get, []

    def get(path: str) -> dict[str, Any] | None:
        asked.append(path)
        cluster.seconds += FENCE_SECONDS + 1 if len(asked) == 1 else 0
        return slow(path)

    monkeypatch.setattr(cluster, "get", get)
    ann.fence()
    assert len(asked) == 2, "it is renewed once more: the Lease may have run out meanwhile"


def test_a_stolen_lock_is_free_once_the_former_holder_surely_cannot_write(
    cluster: Cluster, tmp_path: Path
) -> None:
    dead = tmp_path / "alive"
    dead.touch()
    ann = lock(cluster, "ann")
    ann.acquire()
    thief = lock(cluster, "thief", str(dead))
    assert thief.steal("eve@host", "it hangs") == "ann"
    with pytest.raises(Interrupted):
        ann.renew()
    with pytest.raises(Locked):
        lock(cluster, "bob").acquire()
    cluster.seconds += DURATION_SECONDS + 1
    theft = lock(cluster, "bob").acquire()
    assert (theft["run"], theft["by"], theft["reason"]) == ("ann", "eve@host", "it hangs")


def test_nobodys_lock_cannot_be_stolen(cluster: Cluster) -> None:
    with pytest.raises(Locked, match="Nobody holds"):
        lock(cluster, "thief").steal("eve@host", "because")


def test_the_lock_of_a_run_of_which_no_process_lives_is_free_at_once(
    cluster: Cluster, tmp_path: Path
) -> None:
    dead = tmp_path / "alive"
    dead.touch()
    lock(cluster, "ann", str(dead)).acquire()
    lock(cluster, "bob").acquire()
