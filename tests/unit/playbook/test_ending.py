"""What becomes of a run, from what its child left behind."""

from __future__ import annotations

from typing import Any

import pytest

from meshroll.core.errors import ExitCode
from meshroll.core.result import envelope, with_cluster
from meshroll.playbook.child import ChildEnd
from meshroll.playbook.ending import Identity, result_of

NOW = "2026-01-01T00:00:00Z"
IDENTITY = Identity("rollout", "0.1.0", "run", NOW, NOW)


def end(
    return_code: int = 0, clusters: str = "", begun: str = "", asked: int = 0, **failures: Any
) -> ChildEnd:
    return ChildEnd(return_code, frozenset(clusters), frozenset(begun), failures, asked)


def written(**codes: int) -> dict[str, Any]:
    result = envelope(
        command="rollout",
        version="0.1.0",
        run_id="run",
        started_at=NOW,
        finished_at=None,
        exit_code=0,
        data={},
    )
    for name, code in codes.items():
        result = with_cluster(result, {"name": name, "outcome": "", "exit_code": code}, [], NOW)
    return result


def codes(result: dict[str, Any]) -> dict[str, int]:
    return {entry["name"]: entry["exit_code"] for entry in result["data"]["clusters"]}


def test_what_the_clusters_wrote_is_the_result_whatever_ansible_returns() -> None:
    for return_code in (0, 2, 4, 250):
        result = result_of(IDENTITY, end(return_code, "ab", "ab"), written(a=0, b=0), [])
        assert (result["exit_code"], result["status"]) == (0, "success")
    assert result_of(IDENTITY, end(0, "ab", "ab"), written(a=0, b=4), [])["exit_code"] == ExitCode.PARTIAL


def test_a_cluster_without_a_result_is_a_bug_with_the_logs_reason() -> None:
    log = ["PLAY", "[ERROR]: Task failed: boom", "Origin: roles/x.yml:3:1", "tail"]
    result = result_of(IDENTITY, end(2, "a", "a"), None, log)
    assert codes(result) == {"a": ExitCode.BUG}
    assert "boom (roles/x.yml:3:1)" in result["errors"][0]["message"]
    assert result["data"]["log_tail"][-1] == "tail"


def test_a_cluster_without_a_result_that_said_why_ends_as_it_said() -> None:
    problem = {"code": "x", "message": "Wrong.", "hint": "Right it.", "cluster": None}
    failure = {"exit_code": 2, "problems": [problem], "message": "Wrong."}
    result = result_of(IDENTITY, end(2, "a", "a", a=failure), None, [])
    assert (result["exit_code"], result["errors"][0]["cluster"]) == (ExitCode.USAGE, "a")
    assert "log_tail" not in result["data"]


def test_a_cluster_that_was_broken_off_is_interrupted_and_the_others_stay() -> None:
    result = result_of(IDENTITY, end(99, "abc", "ab", asked=2), written(a=0), [])
    assert codes(result) == {"a": 0, "b": 130, "c": 130}
    assert result["exit_code"] == ExitCode.INTERRUPTED


def test_an_incomplete_rollback_is_stronger_than_the_interruption() -> None:
    result = result_of(IDENTITY, end(99, "ab", "ab", asked=2), written(a=5), [])
    assert result["exit_code"] == ExitCode.ROLLBACK_INCOMPLETE


def test_a_cluster_that_was_never_begun_was_not_changed() -> None:
    result = result_of(IDENTITY, end(2, "ab", "a"), written(a=4), [])
    assert codes(result) == {"a": 4, "b": 3}
    assert result["errors"][0]["code"] == "cluster-not-begun"


def test_a_cluster_whose_first_task_failed_unforeseen_is_told_by_that_failure() -> None:
    failure = {"exit_code": None, "problems": None, "message": "The module broke."}
    result = result_of(IDENTITY, end(2, "ab", a=failure), None, [])
    assert codes(result) == {"a": ExitCode.BUG, "b": ExitCode.REFUSED}
    messages = {error["cluster"]: error["message"] for error in result["errors"]}
    assert "The module broke." in messages["a"]
    assert "not begun" in messages["b"]


@pytest.mark.parametrize(
    ("child", "log", "code", "named"),
    [
        (end(0), [], ExitCode.USAGE, "inventory-empty"),
        (end(1), ["[ERROR]: Completely failed to parse"], ExitCode.USAGE, "inventory-unreadable"),
        (end(4, "a"), ["[ERROR]: YAML parsing failed"], ExitCode.USAGE, "inventory-unreadable"),
        (end(250), ["[ERROR]: Unexpected Exception"], ExitCode.BUG, "no-result"),
        (end(-9), [], ExitCode.BUG, "no-result"),
        (end(99, asked=1), [], ExitCode.INTERRUPTED, "interrupted"),
    ],
)
def test_where_no_cluster_was_begun(child: ChildEnd, log: list[str], code: ExitCode, named: str) -> None:
    result = result_of(IDENTITY, child, None, log)
    assert (result["exit_code"], result["errors"][0]["code"]) == (code, named)
