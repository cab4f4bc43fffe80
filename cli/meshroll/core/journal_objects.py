"""The journal as Kubernetes objects: a few ConfigMaps a run, readable with ``kubectl get -o yaml``.

The first one, ``run-ID``, has the run and its first changes; ``run-ID-2`` and so on have those that do not fit in it.
They are written before it, so what it counts is always there. Each carries a checksum of its data: what a slip of an
editor has changed is not acted upon. The signals from before the run are compressed: only meshroll reads them, and
those of a few hundred workloads would fill an object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any

import msgspec

from meshroll.core.config_maps import NAMESPACE, Object, config_map, is_as_written, packed, pieces, unpacked
from meshroll.core.errors import Problem, Refused
from meshroll.core.gate.signals import Signals
from meshroll.core.journal import Entry, Record

LABEL, RUN_LABEL, PAGE_LABEL, STATE_LABEL = (
    f"meshroll.io/{name}" for name in ("journal", "run", "page", "state")
)
HEAD, CHANGES, BASELINE = "run.json", "changes.json", "baseline.json.gz.base64"
# An object holds 1 MiB. A change takes 1 to 4 KiB, one with a large Service in it perhaps 15.
ENTRIES_PER_OBJECT = 50
BASELINE_PER_OBJECT = 200_000
OBJECTS_MAX = 1000


class Head(msgspec.Struct, frozen=True):
    """What ``run.json`` says: the run without its changes and its baseline, and how many objects hold these."""

    run: Record
    objects: int


def name_of(run_id: str, page: int) -> str:
    """The name of a run's ConfigMap; pages count from 1."""
    return f"run-{run_id}" if page == 1 else f"run-{run_id}-{page}"


def objects_of(record: Record) -> list[Object]:
    """The run's ConfigMaps, the one with its head first."""
    past = packed(record.baseline) if record.baseline else ""
    pages = list(
        zip_longest(
            pieces(record.entries, ENTRIES_PER_OBJECT) or [[]],
            pieces(past, BASELINE_PER_OBJECT),
        )
    )
    head = Head(msgspec.structs.replace(record, entries=[], baseline={}), len(pages))
    return [
        _object(
            record,
            page,
            {
                **({HEAD: _readable(head)} if page == 1 else {}),
                **({CHANGES: _readable(part)} if part is not None else {}),
                **({BASELINE: text} if text else {}),
            },
        )
        for page, (part, text) in enumerate(pages, 1)
    ]


def pages_of(item: Object) -> list[str]:
    """The names of all ConfigMaps of the run whose first one ``item`` is. Raises Refused."""
    head = _head(item)
    return [name_of(head.run.run_id, page) for page in range(1, head.objects + 1)]


def records_of(items: Iterable[Object]) -> list[Record]:
    """The runs that these ConfigMaps hold, newest first. Raises Refused where one of them cannot be read."""
    by_name = {str(item["metadata"]["name"]): item for item in items}
    firsts = [item for item in by_name.values() if item["metadata"]["labels"].get(PAGE_LABEL) == "1"]
    records = [_record(item, by_name) for item in firsts]
    return sorted(records, key=lambda record: record.order, reverse=True)


def strays(items: Iterable[Object]) -> list[str]:
    """The names of ConfigMaps whose run has no first one any more."""
    labels = {str(item["metadata"]["name"]): item["metadata"]["labels"] for item in items}
    return [name for name, each in labels.items() if name_of(each.get(RUN_LABEL, ""), 1) not in labels]


def _record(item: Object, by_name: Mapping[str, Object]) -> Record:
    head = _head(item)
    entries: list[Entry] = []
    past = ""
    for name in pages_of(item):
        if name not in by_name:
            raise _unreadable(item, f"{name} is not there")
        _check(by_name[name])
        data = by_name[name]["data"]
        try:
            entries += msgspec.json.decode(data.get(CHANGES, "[]"), type=list[Entry])
        except (msgspec.MsgspecError, TypeError) as error:
            raise _unreadable(by_name[name], str(error)) from error
        past += data.get(BASELINE, "")
    try:
        baseline = unpacked(past, dict[str, dict[str, Signals]]) if past else {}
    except ValueError as error:
        raise _unreadable(item, str(error)) from error
    return msgspec.structs.replace(head.run, entries=entries, baseline=baseline)


def _check(item: Object) -> None:
    if not is_as_written(item):
        raise _unreadable(item, "it was changed since it was written")


def _head(item: Object) -> Head:
    _check(item)
    try:
        head = msgspec.json.decode(item["data"][HEAD], type=Head)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise _unreadable(item, str(error)) from error
    if not 1 <= head.objects <= OBJECTS_MAX or item["metadata"]["name"] != name_of(head.run.run_id, 1):
        raise _unreadable(item, "it is not of the run that it names")
    return head


def _object(record: Record, page: int, data: Mapping[str, str]) -> Object:
    labels = {LABEL: record.command, RUN_LABEL: record.run_id, PAGE_LABEL: str(page)}
    state = {STATE_LABEL: record.state.replace("_", "-")} if page == 1 else {}
    return config_map(name_of(record.run_id, page), {**labels, **state}, data)


def _readable(value: Any) -> str:
    """Indented, so that kubectl shows it line by line."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()


def _unreadable(item: Object, why: str) -> Refused:
    return Refused(
        Problem(
            "journal-unreadable",
            f"ConfigMap {NAMESPACE}/{item['metadata']['name']} is not a run that this meshroll can read: {why}.",
            "docs/how-to/after-an-interruption.md says how to put this machine's copy back; or delete it, and what the "
            "run did is forgotten. `meshroll rollback` needs no journal.",
        )
    )
