"""The gates of an earlier run, judged again by another policy from what they measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from meshroll.core.errors import MeshrollError, Paused, Problem, Refused
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
    error = ending(verdict, recording.namespace) or (_unknown(record, lost) if lost else None)
    return Replay(tuple(verdict for verdict, _ in pairs), tuple(lost), error)


def _unknown(record: Record, lost: Sequence[str]) -> MeshrollError:
    """What the others say is no verdict on the whole run."""
    return Paused(
        Problem(
            "gate-inconclusive",
            f"Nothing is kept of what these gates of run {record.run_id} measured: {', '.join(lost)}.",
            "All others are Successful by this policy; `meshroll runs show` has what these said then.",
        )
    )
