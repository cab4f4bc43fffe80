"""What a run writes down in the cluster, so that the next one knows where it stands and what to undo."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from meshroll.core.changes import Change, Field, ObjectName, applied, lookup, pointer
from meshroll.core.gate.signals import Signals
from meshroll.core.gate.verdict import Outcome
from meshroll.core.model import Object
from meshroll.core.plan import Plan, Step
from meshroll.core.releases import EdgeName

State = Literal[
    "running", "succeeded", "paused", "rolled_back", "rollback_incomplete", "failed", "interrupted"
]
Command = Literal["rollout", "rollback", "upgrade", "uninstall", "drill"]
# Unfinished states: the next rollout of the namespace goes on where such a run stopped.
OPEN: tuple[State, ...] = ("running", "paused", "failed", "interrupted")
UNFINISHED: tuple[State, ...] = (*OPEN, "rollback_incomplete")

# What controllers and autoscalers write by themselves, what the API server counts, and what items of a list leave out.
_VOLATILE = (
    "/apiVersion",
    "/kind",
    "/status",
    "/spec/replicas",
    "/metadata/resourceVersion",
    "/metadata/generation",
    "/metadata/managedFields",
    pointer("metadata", "annotations", "deployment.kubernetes.io/revision"),
)


class Seen(msgspec.Struct, frozen=True):
    """An object at one moment. ``rest`` is a hash of all that the change leaves alone; Services are kept ``whole``."""

    resource_version: str
    rest: str
    whole: dict[str, Any] | None = None


class Entry(msgspec.Struct, frozen=True):
    """One change: what it was to be, the object before it, and after it (None: never made, or not seen any more).

    To undo it is to put each field's ``before`` back, a Service from its whole.
    """

    step: str
    change: Change
    before: Seen | None = None
    after: Seen | None = None


RunId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][-a-z0-9.]{0,60}$")]
Moment = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\dZ$")]


class Line(msgspec.Struct, frozen=True):
    """A gate in one line. ``recorded``: so many objects hold what it measured (recording_objects.py beside this).

    ``dry_run``: the run went on whatever the outcome was.
    """

    wave: str
    outcome: Outcome
    summary: str
    recorded: int = 0
    dry_run: bool = False


class HopTaken(msgspec.Struct, frozen=True):
    """One hop of an upgrade, as it was begun. ``revision`` is that of the control plane's Helm release before it (None:
    the control plane was ahead of its proxies already, and only they are brought up). The run's entries from number
    ``first_entry`` on are of this hop, until the next one. ``done`` once its last gate has passed.
    """

    start: EdgeName
    to: EdgeName
    revision: int | None
    first_entry: int
    done: bool = False


class Theft(msgspec.Struct, frozen=True):
    """Who took the run's lock from it, when, and why."""

    by: str
    at: Moment
    reason: str


class Record(msgspec.Struct, frozen=True):
    """One run. ``pending`` marks gates not passed yet; ``continues`` names the unfinished runs that it goes on with.
    ``paused_at`` are the marks of the step that it paused at, ``paused_since`` when the first of the runs paused there.

    An uninstall names no namespace and has no entries: nothing of it is undone, and the same command goes on with it.
    An upgrade has ``hops``, of which only the last one, where it is not done, is ever taken back.
    Of a drill ``pending`` are the scenarios whose fault is not taken back yet, which only a drill does.
    ``to`` is where a rollback goes, or a run that has turned back (``heading``). ``baseline`` are the signals from
    before the first of the runs; of an upgrade, from before its last hop. It never holds a secret: the only values of
    variables in it are those of a client's dial switches.
    """

    run_id: RunId
    command: Command
    holder: str
    namespaces: list[ObjectName]
    started_at: Moment
    state: State = "running"
    finished_at: Moment | None = None
    release: str | None = None
    asked: dict[str, Any] = {}
    plan: list[str] = []
    heading: Literal["forward", "back"] = "forward"
    to: str | None = None
    continues: list[RunId] = []
    continued_by: RunId | None = None
    entries: list[Entry] = []
    hops: list[HopTaken] = []
    pending: list[str] = []
    paused_at: list[str] = []
    waits_for: Literal["gate", "person"] | None = None
    paused_since: Moment | None = None
    acknowledged: list[str] = []
    verdicts: list[Line] = []
    baseline: dict[str, dict[str, Signals]] = {}
    reason: str | None = None
    stolen: Theft | None = None

    @property
    def order(self) -> tuple[str, str]:
        """Sorts runs by when they began."""
        return self.started_at, self.run_id

    @property
    def changes(self) -> list[Change]:
        return [entry.change for entry in self.entries]

    @property
    def open_hop(self) -> HopTaken | None:
        """The hop of an upgrade that was begun and is not done."""
        return self.hops[-1] if self.hops and not self.hops[-1].done else None


def seen(manifest: Object | None, change: Change) -> Seen | None:
    """``manifest`` as the journal remembers it beside ``change``; None where there is no object."""
    if manifest is None:
        return None
    own = [field.path for field in change.fields]
    rest = applied(
        manifest, [Field(path, None, None) for path in (*_VOLATILE, *own) if _there(manifest, path)]
    )
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return Seen(
        resource_version=str(manifest["metadata"]["resourceVersion"]),
        rest=hashlib.sha256(text.encode()).hexdigest()[:16],
        whole=_whole(manifest) if change.kind == "Service" else None,
    )


def _there(manifest: Object, path: str) -> bool:
    return lookup(manifest, path) is not None


def _whole(manifest: Object) -> dict[str, Any]:
    meta = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    return {**{key: value for key, value in manifest.items() if key != "status"}, "metadata": meta}


def intending(record: Record, step: Step, before: Mapping[str, Object | None]) -> Record:
    """The record with this step's changes and pending gates, written before the first of them is made.

    ``before``: the objects that are there now, by ``Change.object``.
    """
    entries = [Entry(step.title, change, seen(before.get(change.object), change)) for change in step.changes]
    return msgspec.structs.replace(
        record,
        entries=[*record.entries, *entries],
        pending=list(dict.fromkeys([*record.pending, *step.pending])),
    )


def made(record: Record, step: Step, after: Mapping[str, Object]) -> Record:
    """The record with what the step's changes have left, for those that were made; by ``Change.object``."""
    first = len(record.entries) - len(step.changes)
    entries = [
        msgspec.structs.replace(entry, after=seen(after.get(entry.change.object), entry.change))
        for entry in record.entries[first:]
    ]
    return msgspec.structs.replace(record, entries=[*record.entries[:first], *entries])


def passed(record: Record, step: Step) -> Record:
    """The record once the step's gate has passed."""
    left = [mark for mark in record.pending if mark not in step.pending]
    return msgspec.structs.replace(record, pending=left, paused_since=None)


def pausing(record: Record, step: Step, waits_for: Literal["gate", "person"]) -> Record:
    """The record of a run that is about to pause at this step."""
    return msgspec.structs.replace(record, paused_at=step.pending, waits_for=waits_for)


def turned_back(record: Record, to: str) -> Record:
    """The record of a run that begins to take its changes back."""
    return msgspec.structs.replace(record, heading="back", to=to)


def way_back(record: Record | None, to: str) -> str:
    """Where a run that failed goes: an upgrade to what its hop began from, any other one ``to``."""
    return record.open_hop.start if record and record.open_hop else to


def touches(change: Change, namespace: str) -> bool:
    """Whether the change is of the namespace: of something in it, or of its own object."""
    return namespace == (change.name if change.kind == "Namespace" else change.namespace)


def touched(changes: Sequence[Change], namespaces: Iterable[str]) -> list[str]:
    """The namespaces that something was changed in."""
    return [name for name in namespaces if any(touches(change, name) for change in changes)]


def titles(plan: Plan) -> list[str]:
    """The steps of a plan, as the journal lists them."""
    return [step.title for step in plan.steps]
