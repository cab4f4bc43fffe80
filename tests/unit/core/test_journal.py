"""What the next run learns from those before it. Records come newest first."""

from __future__ import annotations

import pytest

from meshroll.core.changes import Change
from meshroll.core.journal import OPEN, Record, carried_over, forgettable, intending, passed, to_undo
from meshroll.core.plan import Step

GATE, PAUSE = "inject:charging/Deployment/omni", "dial:charging/Deployment/omni/points"
CHANGE = Change("Deployment", "charging", "omni", "patch", "inject")
ANNOTATION = Change("Namespace", "", "charging", "patch", "inject")
ELSEWHERE = Change("Deployment", "parking", "gate", "patch", "inject")


def record(state: str = "succeeded", command: str = "rollout", *namespaces: str, **others: object) -> Record:
    found: dict[str, object] = {"changes": [CHANGE], "pending": [GATE], "paused_at": [PAUSE]} | others
    return Record(
        str(found.pop("run_id", "run")),
        command,
        "someone",
        list(namespaces or ["charging"]),
        "2026-01-01T00:00:00Z",
        state=state,
        **found,
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("state", OPEN)
def test_an_unfinished_run_hands_on_gates_answers_and_changes(state: str) -> None:
    assert carried_over([record(state)], ["charging"]) == ([GATE], [PAUSE], [CHANGE])


def test_a_finished_run_hands_on_only_what_a_person_has_done() -> None:
    done = record(acknowledged=["dial:charging/Deployment/a/b"])
    assert carried_over([done], ["charging"]) == ([], ["dial:charging/Deployment/a/b", PAUSE], [])


@pytest.mark.parametrize("newest", [record("rolled_back"), record("succeeded", "rollback")])
def test_after_a_way_back_everything_is_new(newest: Record) -> None:
    assert carried_over([newest, record("paused")], ["charging"]) == ([], [], [])


def test_a_way_back_that_failed_keeps_what_the_run_found_first() -> None:
    pending, _, changes = carried_over([record("rollback_incomplete")], ["charging"])
    assert (pending, changes) == ([GATE], [CHANGE])


@pytest.mark.parametrize("state", ["failed", "rollback_incomplete", "interrupted", "running"])
def test_a_rollback_that_did_not_end_leaves_the_gates_due(state: str) -> None:
    records = [record(state, "rollback", pending=[], changes=[]), record("interrupted")]
    assert carried_over(records, ["charging"]) == ([GATE], [PAUSE], [CHANGE])


def test_only_the_newest_run_counts() -> None:
    assert carried_over([record("succeeded", paused_at=[]), record("paused")], ["charging"]) == ([], [], [])


def test_runs_of_other_namespaces_are_none_of_ours() -> None:
    others = [record("paused", "rollout", "parking"), record("succeeded", "rollback", "parking")]
    assert carried_over([*others, record("paused")], ["charging"]) == ([GATE], [PAUSE], [CHANGE])
    assert carried_over([], ["charging"]) == ([], [], [])


def test_each_namespace_inherits_from_its_own_newest_run() -> None:
    both = record(
        "paused",
        "rollout",
        "charging",
        "parking",
        changes=[CHANGE, ELSEWHERE],
        pending=[GATE, "inject:parking/x"],
    )
    later = record("succeeded", "rollout", "parking", pending=[], paused_at=[], changes=[])
    assert carried_over([later, both], ["charging", "parking"]) == ([GATE], [PAUSE], [CHANGE])


def test_a_namespaces_own_annotation_goes_with_it() -> None:
    assert carried_over([record("paused", changes=[ANNOTATION])], ["charging"])[2] == [ANNOTATION]
    assert carried_over([record("paused", changes=[ANNOTATION])], ["charging2"])[2] == []


def test_a_namespace_whose_name_begins_alike_inherits_nothing() -> None:
    both = record("paused", "rollout", "charging", "charging-eu", pending=["inject:charging-eu/Deployment/a"])
    assert carried_over([both], ["charging"])[0] == []


def test_undone_is_the_newest_rollout_that_changed_something() -> None:
    first, idle = record("succeeded"), record("succeeded", changes=[])
    assert to_undo([idle, first], ["charging"]) == [CHANGE]
    assert to_undo([idle], ["charging"]) == []
    assert to_undo([record("succeeded", "rollout", "parking")], ["charging"]) == []


def test_what_was_taken_back_is_not_taken_back_twice() -> None:
    first = record("succeeded")
    assert to_undo([record("succeeded", "rollback", changes=[]), first], ["charging"]) == []
    assert to_undo([record("rolled_back"), first], ["charging"]) == [CHANGE]


def test_one_namespaces_way_back_does_not_hide_anothers_rollout() -> None:
    both = record("succeeded", "rollout", "charging", "parking", changes=[CHANGE, ELSEWHERE])
    back = record("succeeded", "rollback", "parking", changes=[])
    assert to_undo([back, both], ["charging", "parking"]) == [CHANGE]


@pytest.mark.parametrize("state", ["failed", "rollback_incomplete", "interrupted", "running"])
def test_a_rollback_that_did_not_end_can_be_tried_again(state: str) -> None:
    first = record("succeeded")
    assert to_undo([record(state, "rollback"), first], ["charging"]) == [CHANGE]
    assert to_undo([record(state), first], ["charging"]) == [CHANGE]


def test_no_run_is_forgotten_that_is_open_or_the_last_word_on_a_namespace() -> None:
    newest = [record("succeeded", run_id=f"new-{number}") for number in range(3)]
    open_run = record("paused", run_id="open")
    other = record("succeeded", "rollout", "parking", run_id="other")
    old = record("succeeded", run_id="old")
    assert forgettable([*newest, open_run, other, old], 3) == [old]


def test_intent_is_written_before_and_the_gates_mark_goes_when_it_has_passed() -> None:
    step = Step("wave", "Wave 1", "charging", [CHANGE], pending=[GATE])
    begun = intending(record(changes=[ELSEWHERE], pending=[GATE, PAUSE]), step)
    assert (begun.changes, begun.pending) == ([ELSEWHERE, CHANGE], [GATE, PAUSE])
    assert passed(begun, step).pending == [PAUSE]
