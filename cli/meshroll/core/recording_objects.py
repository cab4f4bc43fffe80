"""What the gates of a run measured, as Kubernetes objects: ``gate-ID-N-P`` is page P of the run's Nth gate.

Written before the line in the journal that counts the pages, so what it counts is there. No run depends on them: one
that cannot be read is missing in the report, and stops nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshroll.core.config_maps import Object, config_map, is_as_written, packed, pieces, unpacked_lines
from meshroll.core.gate.observation import Look
from meshroll.core.gate.recording import Recording
from meshroll.core.journal import Record
from meshroll.core.journal_objects import RUN_LABEL

LABEL = "meshroll.io/recording"
DATA = "recording.jsonl.gz.base64"
# An object holds 1 MiB.
CHARACTERS_PER_OBJECT = 900_000
# A gate that takes more than these is not kept: etcd holds 2 GiB by default, for the whole cluster.
OBJECTS_MAX = 12


def name_of(run_id: str, gate: int, page: int) -> str:
    """Gates and pages count from 1."""
    return f"gate-{run_id}-{gate}-{page}"


def objects_of(run_id: str, gate: int, recording: Recording) -> list[Object]:
    """A line for the gate and one for each look: as one piece a large gate would be tens of megabytes on the way."""
    text = packed(msgspec.structs.replace(recording, looks=()), *recording.looks)
    labels = {LABEL: str(gate), RUN_LABEL: run_id}
    return [
        config_map(name_of(run_id, gate, page), labels, {DATA: part})
        for page, part in enumerate(pieces(text, CHARACTERS_PER_OBJECT), 1)
    ]


def all_names(record: Record) -> list[str]:
    """Every object that the run's gates may have left: those that could not be counted too, because writing was cut
    short or an answer was lost, and those of a gate that the journal never came to know of.
    """
    pages = [line.recorded or OBJECTS_MAX for line in record.verdicts] + [OBJECTS_MAX]
    return [
        name_of(record.run_id, gate, page)
        for gate, last in enumerate(pages, 1)
        for page in range(1, last + 1)
    ]


def names_of(record: Record) -> list[list[str]]:
    """By gate of the run the objects that hold it; none where it was not kept."""
    return [
        [name_of(record.run_id, gate, page) for page in range(1, line.recorded + 1)]
        for gate, line in enumerate(record.verdicts, 1)
    ]


def recording_of(pages: Sequence[Object | None]) -> Recording | None:
    """The recording that these pages hold; None where one is gone, or was changed since it was written."""
    if not pages or any(page is None or not is_as_written(page) for page in pages):
        return None
    try:
        text = "".join(page["data"][DATA] for page in pages if page)
        recording, looks = unpacked_lines(text, Recording, Look)
    except (KeyError, ValueError):
        return None
    return msgspec.structs.replace(recording, looks=tuple(looks))
