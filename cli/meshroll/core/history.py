"""What earlier runs mean for the next one: what is left to pass, what there is to undo, what may be forgotten.

Records come newest first everywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from meshroll.core.changes import Change
from meshroll.core.errors import Locked, Problem, UsageError
from meshroll.core.gate.signals import Signals
from meshroll.core.hop_history import UPGRADE, carried_on, open_upgrade
from meshroll.core.journal import UNFINISHED, Command, Entry, Record, Theft, touches
from meshroll.core.moments import rfc3339
from meshroll.core.plan import to_builtins

PREVIOUS = "previous"
UNINSTALL = "uninstall"
DRILL = "drill"
KEPT_RUNS = 20
_COMMANDS: Mapping[str, Command] = {
    "in": "rollout",
    UPGRADE: "upgrade",
    UNINSTALL: "uninstall",
    DRILL: "drill",
}
# Namespaces come and go (previews of changes), and nobody takes back what was done in one that is gone.
KEPT_NEEDED_RUNS = 200


@dataclass(frozen=True)
class Inherited:
    """What a rollout takes over: gates still due, pauses that were answered, and the runs that it goes on with."""

    pending: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    runs: tuple[Record, ...] = ()

    @property
    def entries(self) -> list[Entry]:
        """All that the runs changed or meant to change, in that order."""
        return [entry for run in self.runs for entry in run.entries]

    @property
    def baseline(self) -> Mapping[str, Any]:
        """The signals from before the first of the runs, by namespace."""
        first = {name: signals for run in reversed(self.runs) for name, signals in run.baseline.items()}
        plain: dict[str, Any] = to_builtins(first)
        return plain

    @property
    def unjudged(self) -> frozenset[str]:
        """The workloads (NAMESPACE/KIND/NAME) that were changed and have not passed their gate."""
        return frozenset("/".join(mark.partition(":")[2].split("/")[:3]) for mark in self.pending)


def inherited(
    records: Sequence[Record], namespaces: Sequence[str], waived: Collection[str] = ()
) -> Inherited:
    """What a new rollout of these namespaces goes on with, each namespace from its own newest run.

    ``waived`` are marks of gates that are not to be looked at again. Whoever was taken back begins anew: a switch that
    a person threw is thrown back too. A run whose way back failed is gone on with all the same.
    """
    pending: list[str] = []
    answered: list[str] = []
    runs: dict[str, Record] = {}
    for namespace in namespaces:
        record = newest(records, namespace)
        if record is None or record.command != "rollout" or record.state == "rolled_back":
            continue
        thrown = record.paused_at if record.waits_for == "person" else []
        answered += [mark for mark in (*record.acknowledged, *thrown) if _of(mark, namespace)]
        if record.state in UNFINISHED:
            pending += [mark for mark in record.pending if _of(mark, namespace) and mark not in waived]
            runs.update({run.run_id: run for run in chain(records, record)})
    found = sorted(runs.values(), key=lambda run: run.order)
    return Inherited(tuple(dict.fromkeys(pending)), tuple(dict.fromkeys(answered)), tuple(found))


def newest(records: Sequence[Record], namespace: str) -> Record | None:
    """The run that says how the namespace stands; a rollback that did not come to its end says nothing of it, an
    upgrade only moves on what is meshed, and a drill leaves all as it was.
    """
    return next(
        (
            record
            for record in records
            if namespace in record.namespaces
            and record.command not in (UPGRADE, DRILL)
            and (record.command != "rollback" or record.state == "succeeded")
        ),
        None,
    )


def chain(records: Sequence[Record], record: Record) -> list[Record]:
    """The run and those that it went on with, oldest first."""
    known = {each.run_id: each for each in records}
    found: dict[str, Record] = {}
    left = [record]
    while left:
        here = left.pop()
        if here.run_id not in found:
            found[here.run_id] = here
            left += [known[name] for name in here.continues if name in known]
    return sorted(found.values(), key=lambda run: run.order)


def changes_of(records: Sequence[Record], record: Record) -> list[Change]:
    """All that the run has changed, with what those changed that it went on with."""
    return [change for run in chain([record, *records], record) for change in run.changes]


def has_changed(records: Sequence[Record], record: Record) -> bool:
    """Whether a run that failed has changed anything, with those that it went on with: of an upgrade its open hop, for
    those before it stay; of an uninstall, which writes no change down, always; of a drill, what it has not taken back.
    """
    if record.command == UPGRADE:
        return record.open_hop is not None
    if record.command == DRILL:
        return bool(record.pending)
    return record.command == UNINSTALL or bool(changes_of(records, record))


def to_undo(records: Sequence[Record], namespaces: Sequence[str], to: str = PREVIOUS) -> list[Entry]:
    """The changes that lie between now and ``to``, oldest first.

    ``previous``: before each namespace's newest rollout that changed it, with the runs that it went on with and all
    that came after; nothing where a rollback was the last word. A run's id: as that run left its namespaces, and
    no others.
    Raises UsageError where no such run is remembered.
    """
    if to != PREVIOUS:
        return _since(records, namespaces, to)
    entries: list[Entry] = []
    for namespace in namespaces:
        last = _newest_change(records, namespace)
        if last is not None:
            here = [record for record in records if namespace in record.namespaces]
            ids = {run.run_id for run in chain(records, last)}
            oldest = max(place for place, record in enumerate(here) if record.run_id in ids)
            entries += _in_order(here[: oldest + 1], namespace)
    return entries


def _newest_change(records: Sequence[Record], namespace: str) -> Record | None:
    for record in records:
        if namespace not in record.namespaces:
            continue
        if record.command == "rollback" and record.state == "succeeded":
            return None
        if record.command == "rollout" and any(
            touches(change, namespace) for run in chain(records, record) for change in run.changes
        ):
            return record
    return None


def _since(records: Sequence[Record], namespaces: Sequence[str], run_id: str) -> list[Entry]:
    place = list(records).index(run_named(records, run_id))
    kept = [name for name in namespaces if name in records[place].namespaces]
    return [entry for name in kept for entry in _in_order(records[:place], name)]


def _in_order(records: Sequence[Record], namespace: str) -> list[Entry]:
    """What a drill did is not among it: that it takes back itself."""
    return [
        entry
        for run in reversed(records)
        if run.command != DRILL
        for entry in run.entries
        if touches(entry.change, namespace)
    ]


def unfinished(records: Sequence[Record], namespaces: Collection[str]) -> bool:
    """Whether the last word on one of the namespaces is a run that did not end: the next one closes it."""
    return not open_runs(records).keys().isdisjoint(namespaces)


def open_runs(records: Sequence[Record]) -> dict[str, Record]:
    """The newest run of each namespace, whatever it was, where that did not end.

    An upgrade ends for all of its namespaces at once, also with a later one that is of others. A drill that has left
    nothing says nothing of its namespace, however it ended.
    """
    last: dict[str, Record] = {}
    for record in records:
        for namespace in record.namespaces if record.command != DRILL or record.pending else ():
            last.setdefault(namespace, record)
    upgrading = open_upgrade(records) is not None
    return {
        namespace: record
        for namespace, record in last.items()
        if record.state in UNFINISHED and (upgrading or record.command != UPGRADE)
    }


def left_open(records: Sequence[Record], namespaces: Collection[str]) -> tuple[list[Problem], list[Problem]]:
    """(of ``namespaces``, of others) whose last run did not end: what a resume has not brought to an end.

    An uninstall is of the whole cluster, so of any of its namespaces.
    """
    ours: list[Problem] = left_uninstalling(records)
    others: list[Problem] = []
    for namespace, record in sorted(open_runs(records).items(), key=lambda item: item[0]):
        upgrading = record.command == UPGRADE
        waits = record.state == "paused" and record.waits_for == "person"
        back = f"; `meshroll rollback -n {namespace}` takes it {'off the mesh' if upgrading else 'back'}."
        answer = (
            "`meshroll upgrade` goes on, or back"
            if upgrading
            else f"`meshroll drill undo -n {namespace}` takes back what it left"
            if record.command == DRILL
            else f"Do what it asks for, then `meshroll rollout -n {namespace}` goes on"
            if waits
            else f"`meshroll resume -n {namespace}` goes on"
        )
        (ours if namespace in namespaces else others).append(
            Problem(
                "run-unfinished",
                f"Run {record.run_id} ({record.command}, {record.state.replace('_', ' ')}) of {namespace} "
                f"{'waits for a person' if waits else 'did not come to its end'}.",
                f"{answer}{back}",
                namespace=namespace,
            )
        )
    return ours, others


def open_uninstall(records: Sequence[Record]) -> Record | None:
    """The newest uninstall, where it did not end."""
    newest_of_all = next((record for record in records if record.command == "uninstall"), None)
    return newest_of_all if newest_of_all and newest_of_all.state in UNFINISHED else None


def left_uninstalling(records: Sequence[Record]) -> list[Problem]:
    """Why nothing is meshed here for now: Linkerd is half gone, and nothing but an uninstall ends that."""
    record = open_uninstall(records)
    if record is None:
        return []
    crds = " --crds" if record.asked.get("crds") else ""
    return [
        Problem(
            "uninstall-unfinished",
            f"Run {record.run_id} (uninstall, {record.state.replace('_', ' ')}) did not come to its end.",
            f"Run it again: `meshroll uninstall{crds}` goes on; then `meshroll rollout` installs Linkerd anew.",
        )
    ]


def drills_left(records: Sequence[Record], namespaces: Collection[str]) -> list[Record]:
    """The drills of these namespaces whose fault is not taken back; only another one does that, whatever ran since."""
    return [
        record
        for record in records
        if record.command == DRILL and record.pending and not set(record.namespaces).isdisjoint(namespaces)
    ]


def left_drilling(records: Sequence[Record], namespaces: Collection[str]) -> list[Problem]:
    """What drills have left in these namespaces."""
    return [
        Problem(
            "drill-unfinished",
            f"Run {record.run_id} (drill, {', '.join(record.pending)}) of {name} did not take its fault back.",
            f"`meshroll drill undo -n {name}` does it.",
            namespace=name,
        )
        for record in drills_left(records, namespaces)
        for name in record.namespaces
    ]


def fingerprint(records: Sequence[Record]) -> str:
    """Differs once any run began, ended or was taken over: what was planned before is stale then."""
    return " ".join(f"{record.run_id}:{record.state}" for record in records)


@dataclass(frozen=True)
class Looked:
    """What a run is to be, as its look has decided it.

    ``direction``: ``in``, ``upgrade``, ``uninstall``, or where a way back goes. ``turn_back`` says why an upgrade takes
    back the hop of an earlier one, where it does.
    """

    direction: str
    namespaces: list[str]
    steps: list[str]
    asked: dict[str, Any]
    release: str | None
    baseline: dict[str, dict[str, Signals]]
    history: str
    waived: list[str]
    turn_back: str | None = None


def opened(
    looked: Looked,
    run_id: str,
    holder: str,
    now: datetime,
    records: Sequence[Record],
    theft: Mapping[str, str],
) -> list[Record]:
    """The record of a run that begins, and those of the unfinished runs that it takes over from.

    ``records`` are all others, newest first; a run begins later than each of them, whatever the clocks say. ``theft``
    is what the lock remembers of having been stolen. Raises Locked where another run has worked on the cluster since
    the look: its plan is stale.
    """
    if fingerprint(records) != looked.history:
        raise Locked(Problem("locked", "Another run worked on this cluster meanwhile.", "Run it again."))
    after_all = [datetime.fromisoformat(record.started_at) + timedelta(seconds=1) for record in records]
    own = Record(
        run_id=run_id,
        command=_COMMANDS.get(looked.direction, "rollback"),
        holder=holder,
        namespaces=looked.namespaces,
        started_at=rfc3339(max([now, *after_all])),
        release=looked.release,
        asked=looked.asked,
        plan=looked.steps,
        heading="forward" if looked.direction in _COMMANDS else "back",
        to=None if looked.direction in _COMMANDS else looked.direction,
        baseline=looked.baseline,
    )
    own = msgspec.structs.replace(own, **_taken_on(looked, records))
    left = [_stolen(record, theft) for record in records]
    taken = {record.run_id: record for record in taken_over(left, own)}
    now_read = [taken.get(record.run_id, record) for record in left]
    return [own, *(new for new, old in zip(now_read, records, strict=True) if new is not old)]


def _taken_on(looked: Looked, records: Sequence[Record]) -> dict[str, Any]:
    """The fields of a new run's record that come from those that it goes on with."""
    if looked.direction == UPGRADE:
        return carried_on(records, looked.waived, looked.turn_back is not None)
    before = inherited(records, looked.namespaces, looked.waived)
    waiting = {
        "paused_since": min((run.paused_since for run in before.runs if run.paused_since), default=None)
    }
    if looked.direction != "in":
        return waiting
    return {
        **waiting,
        "continues": [run.run_id for run in before.runs],
        "pending": list(before.pending),
        "acknowledged": list(before.answered),
    }


def _stolen(record: Record, theft: Mapping[str, str]) -> Record:
    """The record of a run whose lock was taken from it, with by whom and why."""
    if theft.get("run") != record.run_id or record.stolen is not None:
        return record
    told = Theft(theft["by"], theft["at"], theft["reason"])
    reason = f"{told.by} took its lock: {told.reason}"
    return msgspec.structs.replace(record, stolen=told, reason=record.reason or reason)


def taken_over(records: Sequence[Record], by: Record) -> list[Record]:
    """The unfinished runs of its namespaces as they read once run ``by`` has taken over from them; or uninstalls.

    A drill takes over from drills alone: what another run has left half done it does not go on with.
    """
    return [
        msgspec.structs.replace(
            record,
            continued_by=by.run_id,
            state="interrupted" if record.state == "running" else record.state,
            reason=record.reason or "It did not come to its end.",
        )
        for record in records
        if record.state in UNFINISHED
        and not record.continued_by
        and record.run_id != by.run_id
        and (by.command != DRILL or record.command == DRILL)
        and (
            record.command == by.command in (UNINSTALL, UPGRADE)
            or not set(by.namespaces).isdisjoint(record.namespaces)
        )
    ]


def run_named(records: Sequence[Record], run_id: str) -> Record:
    """The run of that id, or of the only one that begins with it. Raises UsageError."""
    found = run_beginning(records, run_id)
    if found is None:
        raise UsageError(
            Problem(
                "run-unknown",
                f"This cluster remembers no run {run_id}.",
                "`meshroll runs` lists them; --to also takes fallback and previous.",
            )
        )
    return found


def run_beginning(records: Sequence[Record], run_id: str) -> Record | None:
    """The same, and None where no run begins with it. Raises UsageError where several do."""
    found = [record for record in records if record.run_id.startswith(run_id)]
    if len(found) > 1:
        raise UsageError(
            Problem(
                "run-unknown",
                f"This cluster remembers {len(found)} runs {run_id}...",
                "Give more of its id; `meshroll runs` lists them.",
            )
        )
    return found[0] if found else None


def forgettable(
    records: Sequence[Record], kept: int = KEPT_RUNS, kept_needed: int = KEPT_NEEDED_RUNS
) -> list[Record]:
    """The runs that may be dropped: all but the newest ``kept``.

    Those that a rollback or a resume may need are kept longer, up to ``kept_needed``.
    """
    newest_upgrade = next((record for record in records if record.command == UPGRADE), None)
    needed = {run.run_id for run in chain(records, newest_upgrade)} if newest_upgrade else set()
    needed |= {
        run.run_id
        for namespace in {name for record in records for name in record.namespaces}
        for record in (newest(records, namespace), _newest_change(records, namespace))
        if record
        for run in chain(records, record)
    }
    return [
        record
        for place, record in enumerate(records)
        if place >= kept_needed
        or (
            place >= kept
            and record.run_id not in needed
            and (record.state not in UNFINISHED or record.continued_by)
            and not (record.command == DRILL and record.pending)
        )
    ]


def _of(mark: str, namespace: str) -> bool:
    """Whether a mark such as ``inject:charging/Deployment/omni`` is of this namespace."""
    return mark.partition(":")[2].startswith(f"{namespace}/")
