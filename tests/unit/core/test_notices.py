"""What is told of a run to those who do not watch it."""

from __future__ import annotations

from typing import Any

import pytest

from meshroll.core.errors import ExitCode, Problem
from meshroll.core.journal import Record
from meshroll.core.notices import Notice, begun, ended, slack

RUN, START, END = "20260101t000000z-abcdef", "2026-01-01T00:00:00Z", "2026-01-01T00:09:00Z"
GATE = Problem("gate-failed", "omni fails 3 % of its calls.", "Look at it.")


def told(code: ExitCode, *problems: Problem, held: bool = True, **entry: Any) -> Notice | None:
    wanted = {"name": "prod-eu", "exit_code": int(code), "next": None, **entry}
    return ended(wanted, problems, "rollout", RUN, ["charging"], START, END, held)


@pytest.mark.parametrize(
    ("code", "event"),
    [
        (ExitCode.SUCCESS, "success"),
        (ExitCode.PAUSED, "pause"),
        (ExitCode.ROLLED_BACK, "rollback"),
        (ExitCode.ROLLBACK_INCOMPLETE, "failure"),
        (ExitCode.REFUSED, "failure"),
        (ExitCode.LOCKED, "failure"),
        (ExitCode.DRIFT, "failure"),
        (ExitCode.INTERRUPTED, "failure"),
        (ExitCode.BUG, "failure"),
    ],
)
def test_every_end_of_a_run_that_held_the_lock_is_one_event(code: ExitCode, event: str) -> None:
    notice = told(code)
    assert notice and (notice.event, notice.exit_code) == (event, int(code))


def test_a_failure_says_why_where_and_what_to_type_next() -> None:
    notice = told(ExitCode.ROLLED_BACK, GATE, next="meshroll report")
    assert notice is not None
    assert notice.text.splitlines() == [
        "meshroll rollout of charging on prod-eu failed, and what it changed was taken back.",
        "omni fails 3 % of its calls.",
        "Next: meshroll report",
        f"Run {RUN}.",
    ]


def test_a_refusal_before_the_lock_is_told_too() -> None:
    notice = told(ExitCode.REFUSED, GATE, held=False)
    assert notice and notice.event == "failure" and RUN not in notice.text


def test_a_run_that_found_nothing_to_do_tells_nothing() -> None:
    assert told(ExitCode.SUCCESS, held=False) is None
    assert told(ExitCode.SUCCESS, held=False, upgrade={"due": {"state": "due", "why": "x"}}) is None


def test_an_upgrade_that_does_not_begin_is_told_once_it_is_overdue() -> None:
    due = {"state": "overdue", "why": "An upgrade is overdue since 2025-11-01."}
    notice = told(ExitCode.SUCCESS, held=False, upgrade={"due": due})
    assert notice and (notice.event, notice.reason) == ("overdue", due["why"])


def test_the_start_says_who_began_it() -> None:
    record = Record(
        run_id=RUN,
        command="upgrade",
        holder="eva@laptop",
        namespaces=["charging"],
        started_at=START,
        release="edge-26.6.3",
        asked={},
        plan=[],
    )
    notice = begun(record, "prod-eu")
    assert notice.text == f"meshroll upgrade on prod-eu begins, by eva@laptop.\nRun {RUN}."
    assert (notice.event, notice.exit_code, notice.finished_at) == ("start", None, None)


def test_nothing_of_a_text_is_markup_to_slack() -> None:
    assert slack("<!channel> a & b") == {"text": "&lt;!channel&gt; a &amp; b"}
