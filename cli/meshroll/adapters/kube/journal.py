"""The journal: a few ConfigMaps a run in namespace ``meshroll``, readable with ``kubectl get -o yaml``.

The first one, ``run-ID``, has the run and its first changes; ``run-ID-2`` and so on have those that do not fit in it.
They are written before it, so what it counts is always there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from meshroll.adapters.kube.client import Kube, Object
from meshroll.core.errors import MeshrollError, Problem, Refused
from meshroll.core.history import forgettable
from meshroll.core.journal import Entry, Record

NAMESPACE = "meshroll"
PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
LABEL, RUN_LABEL, PAGE_LABEL = "meshroll.io/journal", "meshroll.io/run", "meshroll.io/page"
HEAD, CHANGES = "run.json", "changes.json"
KEPT_RUNS = 20
# An object holds 1 MiB. A change takes 1 to 4 KiB, one with a large Service in it perhaps 15.
ENTRIES_PER_OBJECT = 50


class Head(msgspec.Struct, frozen=True):
    """What ``run.json`` says: the run without its changes, and how many objects hold these."""

    run: Record
    objects: int


class Journal:
    """Reads and writes the runs of one cluster. ``local`` is the folder of this machine's copies, if there is one.

    ``say`` hears of what could not be done and does not matter enough to stop for. Raises ApiError.
    """

    def __init__(self, kube: Kube, local: Path | None, say: Callable[[str], None]) -> None:
        self._kube = kube
        self._local = local
        self._say = say
        self._written: dict[str, dict[str, str]] = {}

    def read(self) -> list[Record]:
        """All runs, newest first; a cluster that meshroll never wrote to has none.

        Raises Refused where one of the runs cannot be read: what it did is not known then.
        """
        items, _ = self._kube.list_all(PATH, labelSelector=LABEL)
        by_name = {str(item["metadata"]["name"]): item for item in items}
        heads = [name for name, item in by_name.items() if HEAD in (item.get("data") or {})]
        records = [self._record(name, by_name) for name in heads]
        return sorted(records, key=lambda record: (record.started_at, record.run_id), reverse=True)

    def read_run(self, run_id: str) -> Record | None:
        """One run's record, or None."""
        if not run_id:
            return None
        name = _name(run_id, 1)
        item = self._kube.get(f"{PATH}/{name}")
        if item is None:
            return None
        found = {name: item}
        for page in range(2, _head(item).objects + 1):
            further = self._kube.get(f"{PATH}/{_name(run_id, page)}")
            if further is not None:
                found[_name(run_id, page)] = further
        return self._record(name, found)

    def write(self, record: Record) -> None:
        """Makes or replaces those of the run's objects that have changed; its namespace is there with the lock."""
        objects = _objects(record)
        self._write_local(record.run_id, objects)
        for item in reversed(objects):
            name = str(item["metadata"]["name"])
            if self._written.get(name) != item["data"]:
                self._kube.apply(f"{PATH}/{name}", item)
                self._written[name] = item["data"]

    def prune(self) -> None:
        """Drops all but the newest runs, so that a yearly job does not fill the cluster."""
        for record in forgettable(self.read(), KEPT_RUNS):
            for page in range(len(_objects(record)), 0, -1):
                self._kube.delete(f"{PATH}/{_name(record.run_id, page)}")
            if self._local is not None:
                with suppress(OSError):
                    (self._local / f"{record.run_id}.json").unlink(missing_ok=True)

    def _record(self, name: str, items: dict[str, Object]) -> Record:
        try:
            head = _head(items[name])
            entries: list[Entry] = []
            for page in range(1, head.objects + 1):
                item = items[_name(head.run.run_id, page)]
                entries += msgspec.json.decode(item["data"][CHANGES], type=list[Entry])
                self._written[str(item["metadata"]["name"])] = dict(item["data"])
            return msgspec.structs.replace(head.run, entries=entries)
        except (msgspec.MsgspecError, KeyError, TypeError) as error:
            raise _unreadable(f"ConfigMap {NAMESPACE}/{name}", error) from error

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
    """Where this machine keeps its copies: $XDG_STATE_HOME/meshroll/runs/CLUSTER, None where there is no home."""
    state = environment.get("XDG_STATE_HOME")
    home = environment.get("HOME")
    if not state and not home:
        return None
    root = Path(state) if state else Path(str(home)) / ".local" / "state"
    return root / "meshroll" / "runs" / cluster.replace("/", "_")


def ensure_namespace(kube: Kube) -> None:
    body: Object = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "annotations": {"linkerd.io/inject": "disabled"}},
    }
    kube.apply(f"/api/v1/namespaces/{NAMESPACE}", body)


def _head(item: Object) -> Head:
    try:
        return msgspec.json.decode(item["data"][HEAD], type=Head)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise _unreadable(f"ConfigMap {NAMESPACE}/{item['metadata']['name']}", error) from error


def _objects(record: Record) -> list[Object]:
    """The run's ConfigMaps, the one with its head first."""
    entries = record.entries
    pages: list[Sequence[Entry]] = [
        entries[start : start + ENTRIES_PER_OBJECT] for start in range(0, len(entries), ENTRIES_PER_OBJECT)
    ] or [[]]
    head = Head(msgspec.structs.replace(record, entries=[]), len(pages))
    found = []
    for page, part in enumerate(pages, 1):
        data = {CHANGES: _readable(part), **({HEAD: _readable(head)} if page == 1 else {})}
        labels = {LABEL: record.command, RUN_LABEL: record.run_id, PAGE_LABEL: str(page)}
        state = {"meshroll.io/state": record.state.replace("_", "-")} if page == 1 else {}
        found.append(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": _name(record.run_id, page),
                    "namespace": NAMESPACE,
                    "labels": {**labels, **state},
                },
                "data": data,
            }
        )
    return found


def _readable(value: Any) -> str:
    """Indented, so that kubectl shows it line by line; defaults are left out."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()


def _name(run_id: str, page: int) -> str:
    return f"run-{run_id}" if page == 1 else f"run-{run_id}-{page}"


def _unreadable(where: str, error: Exception) -> MeshrollError:
    return Refused(
        Problem(
            "journal-unreadable",
            f"{where} is not a run that this meshroll can read: {error}.",
            "`kubectl apply -f` puts this machine's copy back (~/.local/state/meshroll/runs); or delete it, and what "
            "the run did is forgotten. `meshroll rollback` needs no journal.",
        )
    )
