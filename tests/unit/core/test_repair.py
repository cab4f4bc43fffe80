"""A Service that was deleted and not made anew is made first, whatever is planned next."""

from __future__ import annotations

from typing import Any

import msgspec
from unit.core.factories import cluster, service, space

from meshroll.core.changes import Change
from meshroll.core.journal import Entry, Record, Seen
from meshroll.core.recreation import recreated, removed
from meshroll.core.repair import repaired, unmade

HEADLESS = service("points", "points", headless=True)
ANEW = [removed(HEADLESS), recreated(HEADLESS, headless=False)]


def run(state: str, changes: list[Change], **others: Any) -> Record:
    entries = [Entry("Services", change) for change in changes]
    return Record(
        f"run-{state}",
        "rollout",
        "someone",
        ["charging"],
        "2026-01-01T00:00:00Z",
        state=state,
        entries=entries,
    )  # type: ignore[arg-type]


def test_what_an_unfinished_run_meant_to_make_is_made_first() -> None:
    view, steps = repaired(
        cluster(space()), unmade([run("running", []), run("interrupted", ANEW)], ["charging"])
    )
    assert [change.action for step in steps for change in step.changes] == ["create"]
    made = view.namespaces["charging"].service("points")
    assert made and made["spec"]["selector"] == HEADLESS["spec"]["selector"]


def test_one_that_is_there_is_left_alone() -> None:
    view = cluster(space(services=[HEADLESS]))
    left, steps = repaired(view, unmade([run("running", ANEW)], ["charging"]))
    assert (left.namespaces, steps) == (view.namespaces, [])


def test_what_a_finished_run_made_and_somebody_deleted_since_is_theirs() -> None:
    assert unmade([run("succeeded", ANEW)], ["charging"]) == []
    assert unmade([run("succeeded", []), run("interrupted", ANEW)], ["charging"]) == []
    assert unmade([run("running", ANEW)], ["parking"]) == []


def test_one_that_is_known_to_have_been_made_was_deleted_by_somebody_else() -> None:
    known = [Entry("Services", change, after=Seen("7", "hash")) for change in ANEW]
    done = msgspec.structs.replace(run("interrupted", []), entries=known)
    assert unmade([done], ["charging"]) == []
