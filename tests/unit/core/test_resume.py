"""Which way an unfinished run goes on, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from meshroll.core.changes import Change
from meshroll.core.gate.verdict import Outcome
from meshroll.core.journal import UNFINISHED, Entry, HopTaken, Line, Record
from meshroll.core.resume import Rule, resumption

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RULE = Rule("rollback", 3600, "fallback")
CHANGED = Entry("Wave 1", Change("Deployment", "charging", "omni", "patch", "inject"))
GATE = "inject:charging/Deployment/omni"


def run(state: str, **others: Any) -> Record:
    found: dict[str, Any] = {
        "run_id": "r",
        "command": "rollout",
        "holder": "someone",
        "namespaces": ["charging"],
        "started_at": "2026-01-01T00:00:00Z",
        "finished_at": "2026-01-01T23:59:00Z",
        "pending": [GATE],
    }
    return Record(**{**found, "state": state, **others})


def way(*records: Record, rule: Rule = RULE) -> str | None:
    found = resumption(records, ["charging", "parking"], rule, NOW)
    return found.direction if found else None


@pytest.mark.parametrize("state", ["running", "interrupted", "failed", "paused"])
def test_a_rollout_goes_on_forward(state: str) -> None:
    assert way(run(state)) == "in"


def test_a_rollback_goes_on_to_where_it_was_going() -> None:
    assert way(run("running", command="rollback", to="previous")) == "previous"
    assert way(run("interrupted", command="rollback", to="20260101t000000z-abc")) == "20260101t000000z-abc"


def test_a_rollout_that_had_turned_back_goes_on_back() -> None:
    assert way(run("running", heading="back", to="previous")) == "previous"
    assert way(run("rollback_incomplete", entries=[CHANGED])) == "fallback"


def test_an_install_that_stopped_midway_goes_on() -> None:
    assert way(run("rollback_incomplete")) == "in"


def test_a_rollout_that_died_after_a_failed_gate_of_a_dry_run_goes_on() -> None:
    assert way(run("running", verdicts=[Line("Wave 1", Outcome.FAILED, "errors", dry_run=True)])) == "in"


def test_a_rollout_that_died_between_its_failed_gate_and_its_way_back_goes_back() -> None:
    verdicts = [Line("Wave 1", Outcome.SUCCESSFUL, "ok"), Line("Wave 2", Outcome.FAILED, "errors")]
    assert way(run("running", verdicts=verdicts), rule=Rule("pause", 0, "previous")) == "previous"
    assert way(run("running", verdicts=verdicts[:1])) == "in"


@pytest.mark.parametrize("state", ["succeeded", "rolled_back"])
def test_there_is_nothing_to_resume_after_an_end(state: str) -> None:
    assert way(run(state)) is None
    assert way() is None


@pytest.mark.parametrize("state", UNFINISHED)
def test_what_a_later_run_has_settled_is_not_resumed(state: str) -> None:
    assert way(run("succeeded", command="rollback"), run(state)) is None


def test_only_the_namespaces_that_are_still_open_are_gone_on_with() -> None:
    both = run("interrupted", namespaces=["charging", "parking"])
    found = resumption([run("succeeded"), both], ["charging", "parking"], RULE, NOW)
    assert found and found.namespaces == ("parking",)
    assert resumption([run("succeeded"), both], ["charging"], RULE, NOW) is None, (
        "nor others than those asked for"
    )


@pytest.mark.parametrize(
    ("rule", "direction", "waived"),
    [
        (Rule("rollback", 30, "fallback"), "fallback", ()),
        (Rule("continue", 30, "fallback"), "in", (GATE,)),
        (Rule("pause", 30, "fallback"), "in", ()),
        (Rule("rollback", 90, "fallback"), "in", ()),
    ],
)
def test_a_run_that_has_waited_too_long_for_a_person_goes_the_way_that_was_asked_for(
    rule: Rule, direction: str, waived: tuple[str, ...]
) -> None:
    found = resumption([run("paused", paused_at=[GATE])], ["charging"], rule, NOW)
    assert found and (found.direction, found.waived) == (direction, waived)


def test_the_reason_names_the_run_and_how_it_ended() -> None:
    found = resumption([run("running")], ["charging"], RULE, NOW)
    assert found and found.why == "Run r (rollout, running) did not come to its end: it goes on."


def test_all_that_go_the_same_way_go_on_together() -> None:
    others = [
        run("running", run_id="b", namespaces=["parking"]),
        run("running", command="rollback", namespaces=["tolls"]),
    ]
    found = resumption([run("running"), *others], ["charging", "parking", "tolls"], RULE, NOW)
    assert found and (found.direction, found.namespaces) == ("in", ("charging", "parking"))
    assert "Run r " in found.why and "Run b " in found.why


def test_a_switch_that_only_a_person_can_throw_is_not_thrown_by_a_job() -> None:
    waiting = run("paused", paused_at=[GATE], waits_for="person")
    assert way(waiting, rule=Rule("rollback", 90, "fallback")) is None
    assert way(waiting, rule=Rule("continue", 30, "fallback")) is None
    assert way(waiting, rule=Rule("rollback", 30, "fallback")) == "fallback", "not for ever"


def test_a_pause_is_as_old_as_the_first_of_the_runs_that_paused_there() -> None:
    again = run("paused", paused_at=[GATE], paused_since="2026-01-01T12:00:00Z")
    assert way(again, rule=Rule("rollback", 3600, "fallback")) == "fallback"


@pytest.mark.parametrize("state", UNFINISHED)
def test_an_upgrade_goes_on_by_its_own_command_alone(state: str) -> None:
    hop = HopTaken("edge-25.10.7", "edge-26.6.3", 3, 0)
    left = run(state, command="upgrade", hops=[hop])
    assert way(left) is None
    assert way(run("running", namespaces=["parking"]), left) == "in"
