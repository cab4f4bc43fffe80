"""Reads and writes the journal: in the cluster, where it counts, and a copy on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from meshroll.adapters.kube.client import Kube, Object
from meshroll.adapters.local_copies import runs_folder
from meshroll.core import recording_objects
from meshroll.core.config_maps import NAMESPACE
from meshroll.core.errors import Refused
from meshroll.core.gate.recording import Recording
from meshroll.core.gate.verdict import Outcome
from meshroll.core.history import forgettable
from meshroll.core.journal import Record
from meshroll.core.journal_objects import LABEL, name_of, objects_of, pages_of, records_of, strays

PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps"


class Journal:
    """The runs of one cluster. ``local`` is the folder of this machine's copies, if there is one.

    ``say`` hears of what could not be done and does not matter enough to stop for. Raises ApiError.
    """

    def __init__(self, kube: Kube, local: Path | None, say: Callable[[str], None]) -> None:
        self._kube = kube
        self._local = local
        self._say = say
        self._known: dict[str, Mapping[str, str]] = {}

    def read(self) -> list[Record]:
        """All runs, newest first; a cluster that meshroll never wrote to has none.

        Raises Refused where one of the runs cannot be read: what it did is not known then.
        """
        items, _ = self._kube.list_all(PATH, labelSelector=LABEL)
        return self._read(items)

    def read_run(self, run_id: str) -> Record | None:
        """One run's record, or None."""
        first = self._kube.get(f"{PATH}/{name_of(run_id, 1)}") if run_id else None
        if first is None:
            return None
        further = [self._kube.get(f"{PATH}/{name}") for name in pages_of(first)[1:]]
        (record,) = self._read([first, *(item for item in further if item is not None)])
        return record

    def write(self, record: Record) -> None:
        """Makes or replaces those of the run's objects that have changed; its namespace is there with the lock."""
        objects = objects_of(record)
        self._write_local(record.run_id, objects)
        for item in reversed(objects):
            name = str(item["metadata"]["name"])
            if self._known.get(name) != item["data"]:
                self._kube.apply(f"{PATH}/{name}", item)
                self._known[name] = item["data"]

    def keep(self, record: Record, recording: Recording) -> int:
        """Keeps what the run's next gate measured, and says in how many objects; 0 where they cannot be written.

        What has failed is not kept waiting for it: then each object is tried once. Interrupted passes through: a run
        that has lost its lock writes nothing more.
        """
        kube = self._kube.hurried() if recording.verdict.outcome == Outcome.FAILED else self._kube
        objects = recording_objects.objects_of(record.run_id, len(record.verdicts) + 1, recording)
        if len(objects) > recording_objects.OBJECTS_MAX:
            self._say("What the gate measured is too much to be kept.")
            return 0
        try:
            for item in objects:
                kube.apply(f"{PATH}/{item['metadata']['name']}", item)
        except Refused as error:
            self._say(f"What the gate measured is not kept: {error}")
            return 0
        return len(objects)

    def recordings(self, record: Record) -> list[Recording | None]:
        """What each gate of the run measured; None where that was not kept or cannot be read any more."""
        return [
            recording_objects.recording_of([self._kube.get(f"{PATH}/{name}") for name in names])
            for names in recording_objects.names_of(record)
        ]

    def prune(self) -> None:
        """Drops all but the newest runs, so that a yearly job does not fill the cluster.

        The first object of a run goes first: what is left of it, if this is cut short, belongs to no run and goes the
        next time.
        """
        items, _ = self._kube.list_all(PATH, labelSelector=LABEL)
        dropped = forgettable(records_of(items))
        names = [str(item["metadata"]["name"]) for record in dropped for item in objects_of(record)]
        names += [name for record in dropped for name in recording_objects.all_names(record)]
        for name in [*names, *strays(items)]:
            self._kube.delete(f"{PATH}/{name}")
        if self._local is not None:
            for record in dropped:
                with suppress(OSError):
                    (self._local / f"{record.run_id}.json").unlink(missing_ok=True)

    def _read(self, items: Sequence[Object]) -> list[Record]:
        records = records_of(items)
        self._known.update({str(item["metadata"]["name"]): dict(item["data"]) for item in items})
        return records

    def _write_local(self, run_id: str, objects: Sequence[Object]) -> None:
        """A file for `kubectl apply -f`. Where it cannot be written the run goes on: the cluster's journal counts."""
        if self._local is None:
            return
        try:
            self._local.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self._local / f"{run_id}.json"
            new = file.with_suffix(".new")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(
                    msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": list(objects)})
                )
            new.replace(file)
        except OSError as error:
            self._say(f"No copy of the journal in {self._local}: {error.strerror}")
            self._local = None


def local_folder(cluster: str, environment: Mapping[str, str]) -> Path | None:
    """Where this machine keeps its copies of a cluster's runs, None where there is no home."""
    folder = runs_folder(environment)
    return folder / cluster.replace("/", "_") if folder else None


def ensure_namespace(kube: Kube) -> None:
    body: Object = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "annotations": {"linkerd.io/inject": "disabled"}},
    }
    kube.apply(f"/api/v1/namespaces/{NAMESPACE}", body)
