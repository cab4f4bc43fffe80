"""The gates of an earlier run, judged again by another policy from what they measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from meshroll.core.errors import MeshrollError, Problem, Refused
from meshroll.core.gate.ending import ending
from meshroll.core.gate.recording import Recording, replayed
from meshroll.core.gate.verdict import Verdict, worst
from meshroll.core.journal import Record
from meshroll.core.settings import Gate


@dataclass(frozen=True)
class Replay:
    """The verdicts in the run's order. ``lost`` are the waves whose measurements are gone."""

    verdicts: tuple[Verdict, ...]
    lost: tuple[str, ...]
    error: MeshrollError | None


def replay(record: Record, recordings: Sequence[Recording | None], gate: Gate) -> Replay:
    """All gates of the run by this policy; ``error`` is how `verify` ends. Raises Refused where none was recorded."""
    pairs = [
        (
            msgspec.structs.replace(
                replayed(each, record.baseline.get(each.namespace, {}), gate), was=line.outcome
            ),
            each,
        )
        for line, each in zip(record.verdicts, recordings, strict=True)
        if each
    ]
    if not pairs:
        raise Refused(
            Problem(
                "run-not-recorded",
                f"Nothing is kept of what gates of run {record.run_id} measured.",
                "`meshroll runs` lists the runs; one that was over before its first gate has measured nothing.",
            )
        )
    decides = worst(verdict.outcome for verdict, _ in pairs)
    verdict, recording = next(pair for pair in pairs if pair[0].outcome == decides)
    lost = [line.wave for line, each in zip(record.verdicts, recordings, strict=True) if each is None]
    return Replay(tuple(verdict for verdict, _ in pairs), tuple(lost), ending(verdict, recording.namespace))
