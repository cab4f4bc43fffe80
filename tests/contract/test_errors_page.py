"""docs/reference/errors.md has every code that the source makes, and how it is read there is known."""

from __future__ import annotations

from pathlib import Path

from contract.errors_page import gathered, page


def test_the_page_is_made_from_the_source() -> None:
    assert (Path(__file__).parents[2] / "docs/reference/errors.md").read_text() == page(), "make docs"


def test_no_code_is_made_in_a_way_that_the_page_cannot_read() -> None:
    _, unread = gathered()
    # Ids of rows that have pages of their own: checks, and breaking changes.
    assert unread == {"self.id", "change.id"}
