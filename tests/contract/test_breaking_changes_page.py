"""docs/reference/breaking-changes.md says of every breaking change what the data says; ids are the scanners'."""

from __future__ import annotations

from pathlib import Path

from contract.breaking_changes_page import page

from meshroll.adapters.catalogue import breaking_changes
from meshroll.core.scan import SCANNERS

PAGE = Path(__file__).parents[2] / "docs/reference/breaking-changes.md"


def test_the_page_is_what_the_data_says() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"


def test_every_change_is_looked_for_or_says_why_not() -> None:
    changes = breaking_changes()
    assert len({change.id for change in changes}) == len(changes)
    assert set(SCANNERS) == {change.id for change in changes if not change.not_looked_for}
