"""What hints and documents point at is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(file for folder in ("cli", "plugins", "sandbox") for file in (ROOT / folder).rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMED = re.compile(r"docs/[\w./-]+\.(?:md|json)")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def named(file: Path) -> set[str]:
    """Documents of this repository that string literals (docstrings and the text of f-strings too) name."""
    literals = [
        node.value
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return {found for literal in literals for found in NAMED.findall(literal)}


def test_documents_that_the_source_names_are_there() -> None:
    found = {name: file for file in SOURCES for name in named(file)}
    assert "docs/reference/rbac.md" in found
    assert {name: str(file) for name, file in found.items() if not (ROOT / name).is_file()} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_decisions_are_numbered_in_one_row_and_have_one_form() -> None:
    files = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    for number, file in enumerate(files, 1):
        assert re.match(rf"# {number}\. .+\n\nStatus: accepted\n\n\S", file.read_text()), file.name
