"""What a drill that was killed means for those that come after it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from meshroll.core.changes import Change, Field
from meshroll.core.errors import ExitCode
from meshroll.core.history import (
    drills_left,
    forgettable,
    has_changed,
    inherited,
    left_drilling,
    left_open,
    open_runs,
    taken_over,
    to_undo,
)
from meshroll.core.journal import Entry, Record
from meshroll.core.outcome import Outcome, closed
from meshroll.core.resume import Rule, resumption

SCALED = Entry(
    "scale-up",
    Change("Deployment", "charging", "sessions", "patch", "drill", [Field("/spec/replicas", 3, 4)]),
)
INJECTED = Entry("Wave 1", Change("Deployment", "charging", "omni", "patch", "inject"))


def run(number: int, command: str, state: str, **others: Any) -> Record:
    at = f"2026-01-01T00:{59 - number:02}:00Z"
    fields = {"holder": "ann", "namespaces": ["charging"], "started_at": at, **others}
    return Record(run_id=f"run-{number}", command=command, state=state, **fields)  # type: ignore[arg-type]


KILLED = run(0, "drill", "running", pending=["scale-up"], entries=[SCALED])
PAUSED = run(1, "rollout", "paused", pending=["inject:charging/Deployment/omni"], entries=[INJECTED])


def test_what_is_left_is_named_with_the_command_that_takes_it_back() -> None:
    (problem,) = left_drilling([KILLED], ["charging"])
    assert "scale-up" in problem.message
    assert "meshroll drill undo -n charging" in problem.hint
    assert left_drilling([KILLED], ["parking"]) == []
    (open_run,), _ = left_open([KILLED], ["charging"])
    assert "meshroll drill undo -n charging" in open_run.hint


def test_it_stays_known_whatever_ran_since_and_however_many() -> None:
    later = [run(number, "rollback", "succeeded") for number in range(1, 40)]
    last = run(50, "drill", "interrupted", pending=["partition"], continued_by="run-1")
    assert drills_left([*later, last], ["charging"]) == [last]
    assert last not in forgettable([*later, last])


def test_resume_and_a_way_back_leave_it_to_the_drill() -> None:
    rule = Rule("rollback", 60.0, "previous")
    assert resumption([KILLED], ["charging"], rule, datetime(2026, 1, 2, tzinfo=UTC)) is None
    done = run(1, "rollout", "succeeded", entries=[INJECTED])
    assert to_undo([KILLED, done], ["charging"]) == [INJECTED]


def test_a_drill_that_has_left_nothing_is_closed_and_hides_no_other_run() -> None:
    """Killed between two scenarios; or the undo of one, after a rollback that did not come to its end."""
    between = run(0, "drill", "running")
    assert open_runs([between]) == {}
    half_done = run(1, "rollback", "rollback_incomplete", entries=[INJECTED])
    undone = run(0, "drill", "succeeded")
    assert open_runs([undone, half_done]) == {"charging": half_done}
    assert open_runs([between, half_done]) == {"charging": half_done}
    assert open_runs([KILLED, half_done]) == {"charging": KILLED}


def test_a_drill_takes_over_from_drills_alone() -> None:
    half_done = run(1, "rollback", "rollback_incomplete", entries=[INJECTED])
    undo = run(0, "drill", "running")
    killed = run(2, "drill", "running", pending=["scale-up"], entries=[SCALED])
    assert [each.run_id for each in taken_over([half_done, killed], undo)] == ["run-2"]
    rollout = run(0, "rollout", "running")
    assert {each.run_id for each in taken_over([half_done, killed], rollout)} == {"run-1", "run-2"}


def test_a_rollout_goes_on_over_a_drill_as_if_there_had_been_none() -> None:
    over = run(0, "drill", "succeeded", entries=[SCALED])
    assert inherited([over, PAUSED], ["charging"]).pending == tuple(PAUSED.pending)


@pytest.mark.parametrize(
    ("pending", "code", "state"),
    [
        ([], ExitCode.SUCCESS, "succeeded"),
        ([], ExitCode.INTERRUPTED, "rolled_back"),
        ([], ExitCode.REFUSED, "rolled_back"),
        (["partition"], ExitCode.INTERRUPTED, "rollback_incomplete"),
    ],
)
def test_a_drill_is_open_as_long_as_its_fault_is_there_and_no_longer(
    pending: list[str], code: ExitCode, state: str
) -> None:
    record = run(0, "drill", "running", pending=pending, entries=[SCALED])
    assert closed(record, Outcome(code, (), False), "2026-01-01T01:00:00Z").state == state
    assert has_changed([record], record) == bool(pending)
