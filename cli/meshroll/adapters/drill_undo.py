"""Taking back what drills have left, from what is there now."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from meshroll.adapters.kube.apply import make
from meshroll.adapters.kube.client import Kube
from meshroll.adapters.kube.journal import Journal
from meshroll.core.changes import Change
from meshroll.core.drill.faults import over, resized, resizes, taken, undoing
from meshroll.core.errors import Drift, Failed, Problem, Refused, RollbackFailed
from meshroll.core.history import drills_left
from meshroll.core.journal import Record
from meshroll.core.outcome import left_behind

RESIZE_SECONDS = 60.0
Say = Callable[[str], None]


def take_back_all(kube: Kube, journal: Journal, namespace: str, say: Say) -> list[str]:
    """Takes back what drills of the namespace have left that did not come to their end; the names of those runs.

    Raises Drift where somebody else has changed what a fault had changed: it is left as it is.
    """
    left = drills_left(journal.read(), [namespace])
    for record in left:
        take_back(kube, journal, record, say)
    return [record.run_id for record in left]


def take_back(kube: Kube, journal: Journal, record: Record, say: Say) -> Record:
    """Takes back whatever of the run's faults is still there; its record without them, which is written down.

    Raises Drift as above, with nothing left to take back then; RollbackFailed where the API server does not let it.
    """
    own = journal.read_run(record.run_id)
    if own is None or not own.pending:
        return record
    drifted: list[Problem] = []
    refused: list[Problem] = []
    for change in undoing([entry for entry in own.entries if entry.step in own.pending]):
        try:
            drifted += _undo(kube, change, say)
        except (Refused, Failed, Drift) as error:  # the rest of it goes all the same
            refused += error.problems
    if refused:
        raise RollbackFailed([*refused, *drifted])
    done = msgspec.structs.replace(own, pending=[])
    journal.write(done)
    if left := left_behind(drifted):
        raise left
    return done


def _undo(kube: Kube, change: Change, say: Say) -> Sequence[Problem]:
    """What of it is somebody else's by now. Raises Drift where that came about at this very moment."""
    present = kube.get(change.path)
    if present is None:
        return ()
    if change.action == "delete":
        kube.delete(change.path)
        return ()
    if over(change, present):
        return ()
    ours, theirs = taken(change, present)
    if ours:
        try:
            make(kube, msgspec.structs.replace(change, fields=ours))
        except Drift:
            if kube.get(change.path) is not None:
                raise
    if resizes(change) and not theirs:
        _see_resized(kube, change, say)
    return [
        Problem(
            "drift",
            f"{change.object}: {field.path} is not what the drill made it, and stays as it is.",
            "Someone else changed it meanwhile. Look at it; before the drill it was "
            f"{'not there' if field.after is None else field.after}.",
            namespace=change.namespace,
            object=change.object,
        )
        for field in theirs
    ]


def _see_resized(kube: Kube, change: Change, say: Say) -> None:
    """Until the pod has got its CPU back, which its node may have given away: then another pod takes its place."""
    until = time.monotonic() + RESIZE_SECONDS
    while (pod := kube.get(change.path)) is not None and not resized(change, pod):
        if time.monotonic() >= until:
            kube.delete(change.path, pod["metadata"]["uid"])
            say(
                f"{change.object} did not get its CPU back, and was deleted: its ReplicaSet makes another one."
            )
            return
        time.sleep(1.0)
