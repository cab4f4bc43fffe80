"""What blocks comes first, what is alike is said once, and what passed is a number."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from meshroll.render.checks import print_checks


def check(
    name: str, result: str, *findings: str, reason: str | None = None, hint: str = "Mend it."
) -> dict[str, Any]:
    found = [{"message": message, "hint": hint} for message in findings]
    return {"id": name, "title": f"{name} holds", "result": result, "reason": reason, "findings": found}


def printed(*checks: dict[str, Any], verbose: bool = False) -> list[str]:
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        print_checks(console, checks, verbose)
    return [line.rstrip() for line in capture.get().splitlines() if line.strip()]


def test_blocks_stand_before_warnings_and_notes_and_passes_are_counted() -> None:
    lines = printed(check("one", "note", "A."), check("two", "block", "B."), check("three", "pass"))
    assert lines[0] == "block     two"
    assert lines[3] == "note      one"
    assert lines[-1] == "3 checks: 1 passed, 1 block, 1 to note."
    assert not any("three" in line for line in lines)
    assert any("pass      three" in line for line in printed(check("three", "pass"), verbose=True))


def test_a_hint_of_several_findings_is_said_once_below_the_last() -> None:
    lines = printed(check("one", "warn", "A.", "B."))
    assert [line.strip() for line in lines[1:4]] == ["A.", "B.", "-> Mend it."]


def test_more_than_a_few_findings_are_counted_unless_all_are_asked_for() -> None:
    many = check("one", "warn", *(f"Number {number}." for number in range(9)))
    assert any("Number 4. And 4 more: --verbose lists them." in line for line in printed(many))
    assert any("Number 8." in line for line in printed(many, verbose=True))


def test_checks_that_are_skipped_for_the_same_reason_share_a_line() -> None:
    lines = printed(check("one", "skipped", reason="not told"), check("two", "skipped", reason="not told"))
    assert lines[0] == "skipped   one, two: not told"


def test_what_is_accepted_is_shown_with_its_reason() -> None:
    lines = printed(check("one", "accepted", "A.", reason="It is well."))
    assert [line.strip() for line in lines[:3]] == ["accepted  one", "Accepted: It is well.", "A."]
