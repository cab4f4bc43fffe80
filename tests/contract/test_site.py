"""The site builds without a warning, from nothing but the repository, and reads as the pages were meant."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARTICLE = re.compile(r"<article.*?</article>", re.DOTALL)
CODE = re.compile(r"<(pre|code).*?</\1>", re.DOTALL)
PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)
# What is no list, no fence and no table to Python's Markdown stays in the text as it was typed.
LEFT_OVER = re.compile(r"(^|\n) *(- |\d+\. |\|.*\|$|```)", re.MULTILINE)
LOADED = re.compile(r"""<(?:script|link|img)\b[^>]*\b(?:src|href)=["']?(https?:[^"' >]+)""")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each page's HTML by its path in the site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    build = [Path(sys.executable).with_name("mkdocs"), "build", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*.html")}


def test_every_page_is_in_it(pages: dict[str, str]) -> None:
    written = {
        str(file.relative_to(ROOT / "docs").with_suffix(".html")) for file in (ROOT / "docs").rglob("*.md")
    }
    assert written | {"404.html"} == set(pages)


def test_it_loads_nothing_from_elsewhere(pages: dict[str, str]) -> None:
    loaded = {name: LOADED.findall(text) for name, text in pages.items()}
    assert {name: found for name, found in loaded.items() if found} == {}


def test_lists_fences_and_tables_are_read_as_such(pages: dict[str, str]) -> None:
    wrong = {}
    for name, text in pages.items():
        article = ARTICLE.search(text)
        for paragraph in PARAGRAPH.findall(CODE.sub("", article.group() if article else "")):
            if LEFT_OVER.search(unescape(paragraph)):
                wrong[name] = paragraph
    assert wrong == {}
