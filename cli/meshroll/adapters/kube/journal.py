"""The journal: one ConfigMap a run in namespace ``meshroll``, readable with ``kubectl get -o yaml``."""

from __future__ import annotations

import msgspec

from meshroll.adapters.kube.client import Kube, Object
from meshroll.core.journal import Record, forgettable

NAMESPACE = "meshroll"
PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
LABEL = "meshroll.io/journal"
KEY = "run.json"
KEPT_RUNS = 20


class Journal:
    """Reads and writes the runs of one cluster. Raises ApiError."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    def read(self) -> list[Record]:
        """All runs, newest first; a cluster that meshroll never wrote to has none."""
        items, _ = self._kube.list_all(PATH, labelSelector=LABEL)
        records = [msgspec.json.decode(item["data"][KEY], type=Record) for item in items]
        return sorted(records, key=lambda record: (record.started_at, record.run_id), reverse=True)

    def read_run(self, run_id: str) -> Record | None:
        """One run's record, or None."""
        item = self._kube.get(f"{PATH}/run-{run_id}") if run_id else None
        return msgspec.json.decode(item["data"][KEY], type=Record) if item else None

    def write(self, record: Record) -> None:
        """Makes or replaces the run's object; the namespace is there once the lock is held."""
        self._kube.apply(f"{PATH}/run-{record.run_id}", _object(record))

    def prune(self) -> None:
        """Drops all but the newest runs, so that a yearly job does not fill the cluster."""
        for record in forgettable(self.read(), KEPT_RUNS):
            self._kube.delete(f"{PATH}/run-{record.run_id}")


def ensure_namespace(kube: Kube) -> None:
    body: Object = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "annotations": {"linkerd.io/inject": "disabled"}},
    }
    kube.apply(f"/api/v1/namespaces/{NAMESPACE}", body)


def _object(record: Record) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"run-{record.run_id}",
            "namespace": NAMESPACE,
            "labels": {LABEL: record.command, "meshroll.io/state": record.state.replace("_", "-")},
        },
        "data": {KEY: msgspec.json.encode(record).decode()},
    }
