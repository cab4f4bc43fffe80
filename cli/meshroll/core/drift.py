"""What somebody else has changed since meshroll did: it is shown and left, or taken by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from meshroll.core.changes import Change, lookup, relocated
from meshroll.core.errors import Problem
from meshroll.core.journal import Entry, seen
from meshroll.core.model import ClusterView, Object
from meshroll.core.plan import Plan
from meshroll.core.recreation import GIVEN
from meshroll.core.retry import holds

# What an object carries only where it is not one of a list.
IN_LISTS = ("apiVersion", "kind")
_HINT = "Look at it: `meshroll runs show RUN --diff` has what was written. `--take {name}` overwrites it."


class Since:
    """The objects of ``view`` beside what the journal says was done to them, ``done`` oldest first.

    A field is somebody else's where its value is none that a run found or wrote; an object that a run made, where
    anything in it is not as it was made. ``taken`` (KIND/NAME) are the operator's to overwrite.
    """

    def __init__(self, view: ClusterView, done: Sequence[Entry], taken: Collection[str] = ()) -> None:
        self._view = view
        self._taken = taken
        self._known: dict[tuple[str, str], list[Any]] = {}
        self._made: dict[str, list[Object]] = {}
        for entry in done:
            manifest = manifest_of(view, entry.change)
            for field in entry.change.fields:
                here = relocated(manifest, field) if manifest is not None else None
                known = self._known.setdefault((entry.change.object, (here or field).path), [])
                known += [field.before, field.after]
            if entry.after is not None and entry.after.whole is not None:
                self._made.setdefault(entry.change.object, []).append(entry.after.whole)

    def conflicts(self, changes: Iterable[Change]) -> list[Problem]:
        """What is left alone, as an operator reads it."""
        return [
            Problem(
                "drift",
                f"{change.object} was changed by somebody else since: {'; '.join(found)}. It is left as it is.",
                _HINT.format(name=f"{change.kind}/{change.name}"),
                namespace=change.namespace or change.name,
                object=change.object,
            )
            for change in changes
            if not self._is_taken(change) and (found := self._foreign(change))
        ]

    def _is_taken(self, change: Change) -> bool:
        return f"{change.kind}/{change.name}" in self._taken

    def _foreign(self, change: Change) -> list[str]:
        manifest = manifest_of(self._view, change)
        if manifest is None:
            return []
        if change.action == "apply":
            made = self._made.get(change.object, [])
            if made:
                ours = _rest(manifest, change) in [_rest(whole, change) for whole in made]
            else:  # the run died before it saw what became of it
                ours = holds(
                    manifest,
                    {key: value for key, value in (change.body or {}).items() if key not in IN_LISTS},
                )
            return [] if ours else ["it is not as it was made"]
        found = []
        for field in change.fields:
            here = relocated(manifest, field)
            known = self._known.get((change.object, (here or field).path))
            if field.makes_map or known is None or field.path in GIVEN:
                continue
            if here is None:
                found.append(f"the entry of {field.path} is not there any more")
            elif (now := lookup(manifest, here.path)) not in known:
                found.append(f"{here.path} is {now!r}")
        return found


def _rest(manifest: Object, change: Change) -> str:
    remembered = seen(manifest, change)
    return remembered.rest if remembered else ""


def in_the_way(plan: Plan, since: Since) -> list[Problem]:
    """Conflicts of a way in that goes on with unfinished runs: it would overwrite what somebody else wrote."""
    return since.conflicts(plan.changes())


def manifest_of(view: ClusterView, change: Change) -> Object | None:
    """The object that ``change`` is about, as it was seen; None where it is not there."""
    if change.kind == "Namespace":
        home = view.namespaces.get(change.name)
        return home.manifest if home else None
    space = view.namespaces.get(change.namespace)
    if space is None:
        return None
    if change.workload:
        workload = space.workload(change.workload)
        return workload.manifest if workload else None
    if change.kind == "Service":
        return space.service(change.name)
    return space.config_map(change.name)
