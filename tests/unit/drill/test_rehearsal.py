"""A rehearsed rollback says how it ended, and never that nothing was changed once something was."""

from __future__ import annotations

from typing import Any

import pytest

from meshroll.core.drill.rehearsal import Rehearsed, against, ended, is_unsettled, parts_of, refused
from meshroll.core.errors import STATUS, ExitCode, Problem
from meshroll.core.result import envelope

NOW = "2026-01-01T00:00:00Z"


def result(code: ExitCode = ExitCode.SUCCESS, *codes: str, meshed: int = 2, steps: int = 0) -> dict[str, Any]:
    namespace = {"name": "charging", "workloads": [{"meshed_pods": 0}, {"meshed_pods": meshed}]}
    cluster = {
        "name": "prod-eu",
        "exit_code": int(code),
        "outcome": STATUS[code],
        "namespaces": [namespace],
        "plan": {"steps": [{}] * steps},
        "summary": ["As it is."],
        "gate": ["said"],
    }
    return envelope(
        command="drill",
        version="0",
        run_id="the-run",
        started_at=NOW,
        finished_at=NOW,
        exit_code=code,
        data={"clusters": [cluster]},
        errors=[Problem(each, f"{each}.").as_dict() for each in codes],
    )


def part(command: Any, code: ExitCode = ExitCode.SUCCESS) -> Rehearsed:
    return Rehearsed(command, "r", 12.0, int(code))


def test_what_is_on_the_mesh_goes_off_it_first_and_what_is_not_goes_on_it() -> None:
    assert parts_of(result()["data"]["clusters"][0]) == ("rollback", "rollout")
    assert parts_of(result(meshed=0)["data"]["clusters"][0]) == ("rollout", "rollback")


def test_it_is_refused_where_the_rollout_would_change_something_or_could_not_be_planned() -> None:
    assert against(result()) == []
    assert [error["code"] for error in against(result(steps=1))] == ["rehearsal-would-change"]
    assert [error["code"] for error in against(result(ExitCode.LOCKED, "locked"))] == ["locked"]
    told = refused(result(), against(result(steps=1)))
    assert (told["exit_code"], told["errors"][0]["cluster"]) == (3, "prod-eu")


def test_only_calls_that_still_fail_are_waited_for() -> None:
    assert is_unsettled(result(ExitCode.REFUSED, "namespace-outside-limits"))
    assert not is_unsettled(result(ExitCode.REFUSED, "namespace-outside-limits", "pod-security"))
    assert not is_unsettled(result())


def test_both_parts_told_with_their_times_are_a_success() -> None:
    told = ended(result(), result(), [part("rollback"), part("rollout")])
    (cluster,) = told["data"]["clusters"]
    assert (told["exit_code"], told["errors"], cluster["gate"]) == (0, [], [])
    assert [each["seconds"] for each in cluster["rehearsal"]] == [12.0, 12.0]
    assert cluster["summary"][-1] == "Rehearsed: rollback 12 s, rollout 12 s."


@pytest.mark.parametrize(
    ("code", "whole"),
    [
        (ExitCode.REFUSED, 5),
        (ExitCode.LOCKED, 5),
        (ExitCode.ROLLED_BACK, 5),
        (ExitCode.PAUSED, 9),
        (ExitCode.INTERRUPTED, 130),
        (ExitCode.DRIFT, 8),
    ],
)
def test_a_way_back_that_is_not_gone_to_its_end_is_no_refusal(code: ExitCode, whole: int) -> None:
    told = ended(result(), result(code, "why"), [part("rollback"), part("rollout", code)])
    assert (told["exit_code"], [error["code"] for error in told["errors"]]) == (
        whole,
        ["why", "rehearsal-half-way"],
    )
    assert "off the mesh" in told["errors"][1]["message"]
    other = ended(result(meshed=0), result(code, "why"), [part("rollout"), part("rollback", code)])
    assert "`meshroll rollback --to previous`" in other["errors"][1]["hint"]


def test_a_first_part_that_fails_ends_as_that_command_does() -> None:
    told = ended(result(), result(ExitCode.REFUSED, "why"), [part("rollback", ExitCode.REFUSED)])
    assert (told["exit_code"], [error["code"] for error in told["errors"]]) == (3, ["why"])


def test_a_wish_to_stop_between_the_parts_says_where_the_namespace_is() -> None:
    told = ended(result(), None, [part("rollback")])
    assert (told["exit_code"], [error["code"] for error in told["errors"]]) == (
        130,
        ["interrupted", "rehearsal-half-way"],
    )


def test_a_part_of_which_no_play_began_is_told_of_too() -> None:
    nothing = {**result(ExitCode.BUG, "no-result"), "data": {"clusters": []}}
    told = ended(result(), nothing, [part("rollback"), part("rollout", ExitCode.BUG)])
    assert (told["exit_code"], told["data"]["clusters"][0]["name"]) == (1, "prod-eu")
