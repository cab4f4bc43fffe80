"""What a preflight found, for people: what blocks first, what passed only as a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

ORDER = ("block", "warn", "note", "accepted")
STYLES = {"block": "bold red", "warn": "yellow", "note": "cyan", "accepted": "magenta", "skipped": "dim"}
NAMED_MAX = 5


def print_checks(console: Console, checks: Sequence[Mapping[str, Any]], verbose: bool) -> None:
    """``verbose`` names every object, and the checks that passed."""
    for result in ORDER:
        for each in checks:
            if each["result"] == result:
                _print_one(console, each, verbose)
    skipped: dict[str, list[str]] = {}
    for each in checks:
        if each["reason"] and each["result"] != "accepted":
            skipped.setdefault(each["reason"], []).append(each["id"])
    for reason, ids in skipped.items():
        line = Text.assemble(("skipped   ", STYLES["skipped"]), ", ".join(ids))
        console.print(line.append(f": {reason}", style="dim"))
    if verbose:
        for each in checks:
            if each["result"] == "pass":
                console.print(
                    Text.assemble(("pass      ", "green"), each["id"], (f": {each['title']}", "dim"))
                )
    console.print()
    console.print(_count(checks))


def _print_one(console: Console, check: Mapping[str, Any], verbose: bool) -> None:
    head = Text(f"{check['result']:<10}", style=STYLES[check["result"]])
    console.print(head.append(check["id"], style="bold"))
    if check["result"] == "accepted":
        console.print(Padding(Text(f"Accepted: {check['reason']}", style="dim"), (0, 0, 0, 10)))
    for message, hint, count in _told(check["findings"], verbose):
        text = Text(message)
        if count > 1:
            text.append(f" And {count - 1} more: --verbose lists them.", style="dim")
        console.print(Padding(text, (0, 0, 0, 10)))
        if hint:
            console.print(Padding(Text(f"-> {hint}", style="dim"), (0, 0, 0, 10)))


def _told(findings: Sequence[Mapping[str, Any]], verbose: bool) -> Iterator[tuple[str, str, int]]:
    """(message, hint, how many it stands for): the first few, and one line for the others."""
    shown = findings if verbose else findings[:NAMED_MAX]
    hints = Counter(finding["hint"] for finding in shown)
    left = len(findings) - len(shown)
    for number, finding in enumerate(shown, 1):
        hints[finding["hint"]] -= 1
        # A hint that the next ones repeat is said once, below the last of them.
        hint = finding["hint"] if not hints[finding["hint"]] else ""
        yield finding["message"], hint, 1 + left if number == len(shown) else 1


def _count(checks: Sequence[Mapping[str, Any]]) -> Text:
    counted = Counter(each["result"] for each in checks)
    names = {"pass": "passed", "block": "block", "warn": "warn", "note": "to note", "skipped": "skipped"}
    parts = [
        f"{counted[result]} {names.get(result, result)}"
        for result in ("pass", *ORDER, "skipped")
        if counted[result]
    ]
    return Text(f"{len(checks)} checks: {', '.join(parts)}.")
