"""The way back to what there was before: the fields that runs changed, as they were."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from meshroll.core.changes import Change, lookup, relocated, with_maps
from meshroll.core.conversion import cluster_domain
from meshroll.core.drift import Since, manifest_of
from meshroll.core.journal import Entry
from meshroll.core.model import ClusterView, NamespaceView
from meshroll.core.plan import Plan, Step
from meshroll.core.recreation import removed
from meshroll.core.scope import home_clients
from meshroll.core.settings import Service, Settings
from meshroll.core.taking_back import state_before, taken_back
from meshroll.core.waves import budgeted
from meshroll.core.way_out import by_hand, step_out


def previous_plan(
    view: ClusterView, settings: Settings, done: Sequence[Entry], taken: Collection[str] = ()
) -> Plan:
    """Every field that was changed, as it was before; ``done`` are the changes in the order they were made.

    An object that somebody else has changed since is left as it is, unless ``taken`` names it (KIND/NAME).
    """
    merged: dict[str, Change] = {}
    # What a run made is removed, whatever became of it later.
    born: dict[str, Change] = {}
    for change in (entry.change for entry in done):
        if change.action == "apply" and change.object not in merged:
            born[change.object] = change
        merged[change.object] = _merge(merged[change.object], change) if change.object in merged else change
    conflicts = Since(view, done, taken).conflicts({**merged, **born}.values())
    left_alone = {problem.object for problem in conflicts}
    undone = [
        left
        for change in reversed(merged.values())
        if change.action == "patch"
        and change.object not in born
        and state_before(change)[0] is None
        and change.object not in left_alone
        and (left := _still_done(view, change.undone("as it was before the run"))).fields
    ]
    made = [
        msgspec.structs.replace(removed(manifest), why="a run made it")
        for change in born.values()
        if (manifest := manifest_of(view, change)) is not None and change.object not in left_alone
    ]
    steps: list[Step] = []
    notes: list[str] = []
    for namespace in settings.namespaces:
        name = namespace.name
        space = view.namespaces[name]
        notes += by_hand(namespace)
        clients = [client.workload for client in home_clients(namespace)]
        first = [change for change in undone if change.kind == "Namespace" and change.name == name]
        here = [change for change in undone if change.namespace == name]
        called = [change for change in here if change.workload in clients or change.kind == "ConfigMap"]
        rest = [change for change in here if change not in called]
        rolling = [
            workload.id
            for workload in space.workloads
            if f"{name}/{workload.id}" in merged and not workload.rolled
        ]
        domain, known = cluster_domain(view, settings), {each.name: each for each in namespace.services}
        services = [
            again
            for change in merged.values()
            if change.namespace == name and change.object not in {*born, *left_alone}
            for again in taken_back(
                known.get(change.name) or Service(name=change.name), space, domain, change
            )
        ]
        steps += [
            Step("namespace", f"Namespace {name}", name, first),
            _proof_step("clients", f"Clients of {name}", space, called, [w for w in rolling if w in clients]),
            _proof_step(
                "servers", f"Other workloads of {name}", space, rest, [w for w in rolling if w not in clients]
            ),
            Step(
                "services",
                f"Services of {name}",
                name,
                [*services, *(change for change in made if change.namespace == name)],
            ),
        ]
    return Plan(
        "previous",
        None,
        budgeted(steps, view, settings),
        notes,
        conflicts=conflicts,
    )


def _proof_step(
    stage: str, title: str, space: NamespaceView, changes: list[Change], waited: list[str]
) -> Step:
    """Steps back to "previous" ask only that pods are Ready: before the run some may have been meshed already."""
    return msgspec.structs.replace(step_out(stage, title, space, changes, waited), meshed=None)


def _merge(earlier: Change, later: Change) -> Change:
    """Two changes of one object as one: the first value seen before, the last one written."""
    fields = {field.path: field for field in earlier.fields}
    for field in later.fields:
        before = fields[field.path].before if field.path in fields else field.before
        fields[field.path] = msgspec.structs.replace(field, before=before)
    return Change(
        later.kind,
        later.namespace,
        later.name,
        later.action,
        later.why,
        list(fields.values()),
        later.body,
        max(earlier.pods, later.pods),
    )


def _still_done(view: ClusterView, undo: Change) -> Change:
    """What is left to undo: a run that died may not have come as far as it intended."""
    manifest = manifest_of(view, undo)
    if manifest is None:
        return msgspec.structs.replace(undo, fields=[])
    fields = [
        msgspec.structs.replace(field, before=now)
        for field in (relocated(manifest, each) for each in undo.fields)
        if field is not None and (now := lookup(manifest, field.path)) != field.after
    ]
    return msgspec.structs.replace(undo, fields=with_maps(manifest, fields))
