"""What the next run learns from those before it. Records come newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from meshroll.core.changes import Change
from meshroll.core.errors import Locked, UsageError
from meshroll.core.history import (
    Looked,
    changes_of,
    fingerprint,
    forgettable,
    has_changed,
    inherited,
    left_open,
    opened,
    run_beginning,
    run_named,
    taken_over,
    to_undo,
    unfinished,
)
from meshroll.core.journal import OPEN, Entry, HopTaken, Record, Theft

GATE, PAUSE = "inject:charging/Deployment/omni", "dial:charging/Deployment/omni/points"
CHANGE = Entry("Wave 1", Change("Deployment", "charging", "omni", "patch", "inject"))
ANNOTATION = Entry("Namespace", Change("Namespace", "", "charging", "patch", "inject"))
HOP = HopTaken("edge-25.10.7", "edge-26.6.3", 3, 0)
ELSEWHERE = Entry("Wave 1", Change("Deployment", "parking", "gate", "patch", "inject"))


def record(state: str = "succeeded", command: str = "rollout", *namespaces: str, **others: Any) -> Record:
    found: dict[str, Any] = {
        "entries": [CHANGE],
        "pending": [GATE],
        "paused_at": [PAUSE],
        "waits_for": "person",
    } | others
    number = next(COUNTER)
    return Record(
        str(found.pop("run_id", f"run-{number}")),
        command,  # type: ignore[arg-type]
        "someone",
        list(found.pop("namespaces", namespaces or ["charging"])),
        found.pop("started_at", f"2026-01-01T00:{59 - number % 60:02}:00Z"),
        state=state,  # type: ignore[arg-type]
        **found,
    )


NOW = datetime(2026, 1, 2, 10, tzinfo=UTC)
COUNTER = iter(range(10_000))


def took(records: list[Record], *namespaces: str) -> tuple[list[str], list[str], list[Entry]]:
    found = inherited(records, list(namespaces))
    return list(found.pending), list(found.answered), found.entries


@pytest.mark.parametrize("state", OPEN)
def test_an_unfinished_run_hands_on_gates_answers_and_changes(state: str) -> None:
    assert took([record(state)], "charging") == ([GATE], [PAUSE], [CHANGE])


def test_a_finished_run_hands_on_only_what_a_person_has_done() -> None:
    done = record(acknowledged=["dial:charging/Deployment/a/b"])
    assert took([done], "charging") == ([], ["dial:charging/Deployment/a/b", PAUSE], [])


@pytest.mark.parametrize(("state", "command"), [("rolled_back", "rollout"), ("succeeded", "rollback")])
def test_after_a_way_back_everything_is_new(state: str, command: str) -> None:
    assert took([record(state, command), record("paused")], "charging") == ([], [], [])


def test_a_way_back_that_failed_keeps_what_the_run_found_first() -> None:
    pending, _, entries = took([record("rollback_incomplete")], "charging")
    assert (pending, entries) == ([GATE], [CHANGE])


@pytest.mark.parametrize("state", ["failed", "rollback_incomplete", "interrupted", "running"])
def test_a_rollback_that_did_not_end_leaves_the_gates_due(state: str) -> None:
    records = [record(state, "rollback", pending=[], entries=[]), record("interrupted")]
    assert took(records, "charging") == ([GATE], [PAUSE], [CHANGE])


def test_only_the_newest_run_counts() -> None:
    assert took([record("succeeded", paused_at=[]), record("paused")], "charging") == ([], [], [])


def test_runs_of_other_namespaces_are_none_of_ours() -> None:
    others = [record("paused", "rollout", "parking"), record("succeeded", "rollback", "parking")]
    assert took([*others, record("paused")], "charging") == ([GATE], [PAUSE], [CHANGE])
    assert took([], "charging") == ([], [], [])


def test_each_namespace_inherits_from_its_own_newest_run() -> None:
    both = record("paused", "rollout", "charging", "parking", pending=[GATE, "inject:parking/x"])
    later = record("succeeded", "rollout", "parking", pending=[], paused_at=[], entries=[])
    assert took([later, both], "charging", "parking") == ([GATE], [PAUSE], [CHANGE])


def test_a_namespace_whose_name_begins_alike_inherits_nothing() -> None:
    both = record("paused", "rollout", "charging", "charging-eu", pending=["inject:charging-eu/Deployment/a"])
    assert took([both], "charging")[0] == []


def test_a_waived_gate_is_not_due_again() -> None:
    assert inherited([record("paused")], ["charging"], waived=[GATE]).pending == ()


def test_a_run_hands_on_what_it_had_from_those_that_it_went_on_with() -> None:
    first = record("interrupted", entries=[ANNOTATION], baseline={"charging": {"omni": 1}})
    second = record(
        "interrupted", entries=[CHANGE], continues=[first.run_id], baseline={"charging": {"omni": 2}}
    )
    first, second = older(first, second)
    found = inherited([second, first], ["charging"])
    assert found.entries == [ANNOTATION, CHANGE]
    assert found.baseline == {"charging": {"omni": 1}}, "from before the first of them"
    assert found.unjudged == {"charging/Deployment/omni"}


def older(*records: Record) -> list[Record]:
    """The same records, each begun a minute after the one before it."""
    return [
        msgspec.structs.replace(each, started_at=f"2026-02-01T00:{minute:02}:00Z")
        for minute, each in enumerate(records)
    ]


def test_undone_is_the_newest_rollout_that_changed_something() -> None:
    first, idle = record("succeeded"), record("succeeded", entries=[])
    assert to_undo([idle, first], ["charging"]) == [CHANGE]
    assert to_undo([idle], ["charging"]) == []
    assert to_undo([record("succeeded", "rollout", "parking")], ["charging"]) == []


def test_what_was_taken_back_is_not_taken_back_twice() -> None:
    first = record("succeeded")
    assert to_undo([record("succeeded", "rollback", entries=[]), first], ["charging"]) == []


def test_one_namespaces_way_back_does_not_hide_anothers_rollout() -> None:
    both = record("succeeded", "rollout", "charging", "parking", entries=[CHANGE, ELSEWHERE])
    back = record("succeeded", "rollback", "parking", entries=[])
    assert to_undo([back, both], ["charging", "parking"]) == [CHANGE]


@pytest.mark.parametrize("state", ["failed", "rollback_incomplete", "interrupted", "running"])
def test_a_rollback_that_did_not_end_is_undone_with_the_rollout_before_it(state: str) -> None:
    first, back = record("succeeded", entries=[ANNOTATION]), record(state, "rollback")
    assert to_undo([back, first], ["charging"]) == [ANNOTATION, CHANGE]


def test_undoing_goes_back_to_before_the_first_of_the_runs_that_were_gone_on_with() -> None:
    first = record("interrupted", entries=[ANNOTATION])
    second = record("succeeded", entries=[CHANGE], continues=[first.run_id])
    first, second = older(first, second)
    assert to_undo([second, first, record("succeeded")], ["charging"]) == [ANNOTATION, CHANGE]


def test_to_a_run_undoes_all_that_came_after_it_and_nothing_of_its_own() -> None:
    first, second, third = record(run_id="a", entries=[ANNOTATION]), record(run_id="b"), record(run_id="c")
    assert to_undo([third, second, first], ["charging"], "a") == [CHANGE, CHANGE]
    assert to_undo([third, second, first], ["charging"], "c") == []
    parking = record("succeeded", "rollout", "parking", entries=[ELSEWHERE])
    assert to_undo([parking, first], ["charging", "parking"], "a") == [], (
        "that run was not about the other one"
    )
    with pytest.raises(UsageError, match="remembers no run d"):
        to_undo([third], ["charging"], "d")


def test_no_run_is_forgotten_that_is_open_or_that_the_last_word_on_a_namespace_needs() -> None:
    newest = [record("succeeded", run_id=f"new-{number}") for number in range(3)]
    open_run = record("paused", run_id="open")
    over = record("paused", run_id="over", continued_by="new-0")
    other = record("succeeded", "rollout", "parking", run_id="other", continues=["needed"])
    needed = record("interrupted", "rollout", "parking", run_id="needed", continued_by="other")
    old = record("succeeded", run_id="old")
    assert forgettable([*newest, open_run, over, other, needed, old], 3) == [over, old]


def test_runs_that_are_gone_on_with_no_longer_read_as_running() -> None:
    killed, done, elsewhere = record("running"), record("succeeded"), record("running", "rollout", "parking")
    new = record("running", run_id="new")
    (found,) = taken_over([killed, done, elsewhere], new)
    assert (found.run_id, found.state, found.continued_by) == (killed.run_id, "interrupted", "new")
    assert taken_over([found], new) == [], "once"


def looked(**others: Any) -> Looked:
    found: dict[str, Any] = {
        "direction": "in",
        "namespaces": ["charging"],
        "steps": ["Wave 1"],
        "asked": {},
        "release": "edge-26.6.3",
        "baseline": {},
        "history": "",
        "waived": [],
    }
    return Looked(**{**found, **others})


def test_a_run_begins_later_than_all_others_whatever_the_clocks_say() -> None:
    ahead = record("interrupted", started_at="2026-01-02T10:10:00Z")
    (own, _) = opened(looked(history=fingerprint([ahead])), "new", "ann", NOW, [ahead], {})
    assert own.started_at == "2026-01-02T10:10:01Z"
    assert opened(looked(), "new", "ann", NOW, [], {})[0].started_at == "2026-01-02T10:00:00Z"


def test_a_run_goes_on_with_what_it_inherits_and_closes_what_it_takes_over() -> None:
    killed = record("running", paused_since="2026-01-01T00:00:00Z")
    own, taken = opened(looked(history=fingerprint([killed])), "new", "ann", NOW, [killed], {})
    assert (own.command, own.continues, own.pending) == ("rollout", [killed.run_id], [GATE])
    assert own.paused_since == "2026-01-01T00:00:00Z"
    assert (taken.state, taken.continued_by) == ("interrupted", "new")
    back = opened(
        looked(direction="previous", history=fingerprint([killed])), "new", "ann", NOW, [killed], {}
    )[0]
    assert (back.command, back.to, back.continues, back.pending) == ("rollback", "previous", [], [])


def test_a_plan_from_before_another_run_is_stale() -> None:
    with pytest.raises(Locked, match="Another run worked on this cluster meanwhile"):
        opened(looked(), "new", "ann", NOW, [record()], {})


def test_a_run_whose_lock_was_stolen_says_by_whom_and_why() -> None:
    killed, done = record("running"), record("succeeded", namespaces=["parking"], run_id="elsewhere")
    for victim in (killed, done):
        theft = {"run": victim.run_id, "by": "ann@laptop", "at": "2026-01-01T00:00:00Z", "reason": "it hangs"}
        records = opened(
            looked(history=fingerprint([killed, done])), "new", "bob", NOW, [killed, done], theft
        )
        (found,) = [each for each in records if each.run_id == victim.run_id]
        assert found.stolen == Theft("ann@laptop", "2026-01-01T00:00:00Z", "it hangs")
        assert found.reason == "ann@laptop took its lock: it hangs"


def test_what_is_left_open_is_named_with_what_to_type() -> None:
    waits = record("paused", waits_for="person", namespaces=["tolls"], run_id="w")
    runs = [record("running", run_id="r"), record("succeeded", "rollout", "parking"), waits]
    assert left_open(runs, ["parking"])[0] == []
    assert len(left_open(runs, ["parking"])[1]) == 2, "those of others are told, and no failure"
    found, _ = left_open(runs, ["charging", "parking", "tolls"])
    assert [(problem.namespace, problem.code) for problem in found] == [
        ("charging", "run-unfinished"),
        ("tolls", "run-unfinished"),
    ]
    assert "meshroll resume -n charging" in found[0].hint
    assert "meshroll rollout -n tolls" in found[1].hint and "waits for a person" in found[1].message


def upgrade(state: str, run_id: str, *namespaces: str, **others: Any) -> Record:
    return record(state, "upgrade", *namespaces, run_id=run_id, **({"hops": [HOP]} | others))


def test_an_upgrade_that_did_not_end_is_left_open_and_a_rollback_takes_a_namespace_out_of_it() -> None:
    left = upgrade("interrupted", "u", "charging", "parking")
    found, _ = left_open([left, record()], ["charging", "parking"])
    assert [(problem.code, problem.namespace) for problem in found] == [
        ("run-unfinished", "charging"),
        ("run-unfinished", "parking"),
    ]
    assert found[0].hint == (
        "`meshroll upgrade` goes on, or back; `meshroll rollback -n charging` takes it off the mesh."
    )
    off = record("succeeded", "rollback", "parking")
    assert [problem.namespace for problem in left_open([off, left], ["charging", "parking"])[0]] == [
        "charging"
    ]


def test_an_upgrade_ends_for_all_of_its_namespaces_though_the_run_that_went_on_was_of_fewer() -> None:
    left = upgrade("interrupted", "u", "charging", "parking")
    on = upgrade("succeeded", "v", "charging", continues=["u"])
    assert left_open([on, left], ["charging", "parking"]) == ([], [])
    assert not unfinished([on, left], ["parking"])
    assert unfinished([left], ["parking"])


def test_a_rollout_goes_on_with_its_own_kind_whatever_upgrades_came_between() -> None:
    paused = record("paused")
    for state in ("succeeded", "interrupted"):
        assert took([upgrade(state, "u", "charging"), paused], "charging") == ([GATE], [PAUSE], [CHANGE])


def test_previous_is_before_the_rollout_and_takes_back_what_upgrades_have_done_to_its_templates_since() -> (
    None
):
    later = Entry("Wave 1", Change("Deployment", "charging", "omni", "patch", "inject the newer"))
    runs = [upgrade("succeeded", "u", "charging", entries=[later]), record("succeeded", run_id="r")]
    assert to_undo(runs, ["charging"]) == [CHANGE, later]
    assert to_undo(runs, ["charging"], to="r") == [later]
    assert to_undo(runs[:1], ["charging"]) == [], "an upgrade alone is nothing that goes back to previous"


def test_an_upgrade_takes_over_from_one_that_did_not_end_and_a_rollback_from_its_namespaces_alone() -> None:
    left = upgrade("running", "u", "charging", pending=[GATE])
    up = looked(direction="upgrade", namespaces=["parking"], history=fingerprint([left]))
    own, taken = opened(up, "new", "bob", NOW, [left], {})
    assert (own.command, own.heading, own.to, own.continues) == ("upgrade", "forward", None, ["u"])
    assert (own.pending, own.hops) == ([GATE], [HOP])
    assert (taken.run_id, taken.state, taken.continued_by) == ("u", "interrupted", "new")
    for namespace, expected in (("charging", ["new", "u"]), ("parking", ["new"])):
        back = looked(direction="fallback", namespaces=[namespace], history=fingerprint([left]))
        assert [each.run_id for each in opened(back, "new", "bob", NOW, [left], {})] == expected


def test_what_an_open_hop_needs_is_not_forgotten() -> None:
    first = upgrade("interrupted", "first", "charging", continued_by="second")
    second = upgrade("interrupted", "second", "charging", continues=["first"])
    later = [record("succeeded", "rollout", "parking", run_id=f"p{number}") for number in range(3)]
    assert [each.run_id for each in forgettable([*later, second, first], kept=1)] == ["p1", "p2"]


def test_of_a_failed_upgrade_its_open_hop_goes_back_and_nothing_else() -> None:
    """Between two hops there is nothing to take back, whatever those before have changed."""
    assert has_changed([], upgrade("running", "u", "charging"))
    done = [msgspec.structs.replace(HOP, done=True)]
    earlier = upgrade("interrupted", "u", "charging", hops=done, entries=[CHANGE])
    assert not has_changed([earlier], upgrade("running", "v", "charging", hops=done, continues=["u"]))
    assert has_changed([], uninstall("running", "x"))
    first = record("interrupted", entries=[CHANGE])
    assert has_changed([first], record("running", entries=[], continues=[first.run_id]))
    assert not has_changed([first], record("running", entries=[]))


def test_an_uninstall_that_did_not_end_is_left_open_for_every_namespace_and_only_an_uninstall_ends_it() -> (
    None
):
    left = uninstall("interrupted", "r1", asked={"crds": True})
    for namespaces in (["charging"], []):
        (problem,) = left_open([left], namespaces)[0]
        assert problem.code == "uninstall-unfinished"
        assert "Run it again: `meshroll uninstall --crds` goes on" in problem.hint
    assert left_open([uninstall("succeeded", "r2"), left], ["charging"]) == ([], [])
    assert not unfinished([left], ["charging"]), "no rollout and no rollback closes it"


def test_an_uninstall_takes_over_from_one_that_did_not_end_and_a_rollback_does_not() -> None:
    left = uninstall("running", "r1")
    leaving = looked(direction="uninstall", namespaces=[], history=fingerprint([left]))
    own, taken = opened(leaving, "new", "bob", NOW, [left], {})
    assert (own.command, own.namespaces, own.heading, own.to) == ("uninstall", [], "forward", None)
    assert (taken.run_id, taken.state, taken.continued_by) == ("r1", "interrupted", "new")
    (only,) = opened(looked(direction="fallback", history=fingerprint([left])), "new", "bob", NOW, [left], {})
    assert only.command == "rollback"


def uninstall(state: str, run_id: str, **others: Any) -> Record:
    """As a run writes it: of no namespace, with nothing to undo."""
    nothing = {"namespaces": [], "entries": [], "pending": [], "paused_at": [], "waits_for": None}
    return record(state, "uninstall", run_id=run_id, **(nothing | others))


def test_an_uninstall_changes_nothing_of_what_a_rollback_undoes() -> None:
    runs = [uninstall("succeeded", "u"), record("succeeded", run_id="r")]
    assert to_undo(runs, ["charging"]) == to_undo(runs[1:], ["charging"]) == [CHANGE]
    assert forgettable(runs, 0) == runs[:1]


def test_a_run_that_began_or_ended_meanwhile_changes_the_fingerprint() -> None:
    runs = [record("running", run_id="a")]
    assert fingerprint(runs) != fingerprint([record("succeeded", run_id="a")])
    assert fingerprint(runs) != fingerprint([record("running", run_id="b"), *runs])


@pytest.mark.parametrize("command", ["rollout", "rollback"])
def test_a_run_that_did_not_end_is_closed_by_the_next_one_although_nothing_is_left_to_do(
    command: str,
) -> None:
    assert unfinished([record("running", command), record()], ["charging"])
    assert not unfinished([record("succeeded", command), record("running")], ["charging"])
    assert not unfinished([record("running", command)], ["parking"])


def test_a_run_has_changed_what_those_have_that_it_goes_on_with() -> None:
    first = record("interrupted", entries=[CHANGE])
    second = record("running", entries=[], continues=[first.run_id])
    assert changes_of([first, record(entries=[ELSEWHERE])], second) == [CHANGE.change]


def test_a_gate_that_paused_does_not_answer_a_switch_that_a_person_has_to_throw() -> None:
    assert took([record("paused", waits_for="gate")], "charging")[1] == []


def test_the_run_that_previous_goes_back_before_is_kept_although_later_ones_changed_nothing() -> None:
    changed, idle = record(run_id="changed"), record(run_id="idle", entries=[])
    elsewhere = [record("succeeded", "rollout", "parking", run_id=f"p{number}") for number in range(3)]
    assert changed not in forgettable([*elsewhere, idle, changed], 1)


def test_runs_of_namespaces_that_are_long_gone_are_not_kept_for_ever() -> None:
    previews = [record("running", "rollout", f"preview-{number}", run_id=f"r{number}") for number in range(6)]
    assert forgettable(previews, kept=1, kept_needed=4) == previews[4:]


def test_a_run_is_named_by_the_beginning_of_its_id_where_only_one_begins_so() -> None:
    records = [record(run_id="20261124-a1"), record(run_id="20261124-b2")]
    assert run_named(records, "20261124-b") is run_beginning(records, "20261124-b2") is records[1]
    assert run_beginning(records, "2025") is None
    with pytest.raises(UsageError, match="no run 2025"):
        run_named(records, "2025")
    for ask in (run_named, run_beginning):
        with pytest.raises(UsageError, match="2 runs 20261124"):
            ask(records, "20261124")
