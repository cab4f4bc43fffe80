"""The commands that documents show, in their order: what a reader types, and how it is said to end."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"(^|\s+)#.*")
INLINE = re.compile(r"`(meshroll [^`]+)`")
# A recording may say what was done before it, so that it went as it went.
RECORDED_WITH = re.compile(r"<!--[^>]*recording: begin \([^>]* with `([^`]+)`\) -->\s*\Z")
ENDS = re.compile(r"exit code (?:is )?(\d+)")
LANGUAGES = ("sh", "shell", "bash", "console")
ENDED_BY = {"|", ">", ">>", "<", ";", "&&", "||", "&"}

# tests/sandbox/test_documents.py runs what they say, but for what something else runs already.
RUN = (ROOT / "README.md", ROOT / "docs/tutorial/first-rollout.md")
ELSEWHERE = {
    "make demo": "its commands are those of the tutorial",
    "make test": "it would run itself",
    "make tools": "the Makefile's targets for tests begin with it",
    "make wheel": "tests/wheel/conftest.py builds one",
    "python3 -m venv ~/meshroll": "tests/wheel/test_installed.py makes one",
    "~/meshroll/bin/pip install dist/meshroll-*.whl": "tests/wheel/test_installed.py installs it",
    "~/meshroll/bin/meshroll --help": "tests/wheel/test_installed.py calls it",
}


@dataclass(frozen=True)
class Shown:
    """One command of a page. ``code``: of its exit, as the text around it says, else 0. ``after``: what a recording
    was made with, if it says so.
    """

    page: str
    text: str
    code: int = 0
    after: str | None = None


def shown(page: Path) -> Iterator[Shown]:
    """What a reader types, block by block."""
    text, name = page.read_text(), str(page.relative_to(ROOT))
    for block in FENCE.finditer(text):
        if block["language"] not in LANGUAGES:
            continue
        recorded = RECORDED_WITH.search(text, 0, block.start())
        # The section goes on after the block, to the next heading.
        section = re.split(r"^#", text[block.end() :], maxsplit=1, flags=re.MULTILINE)[0]
        typed = _typed(block["text"], console=block["language"] == "console")
        for command in typed:
            said = ENDS.search(block["text"] if block["language"] == "console" else section)
            ends = said is not None and (block["language"] == "console" or "$?" in command)
            yield Shown(
                name, command, int(said[1]) if said and ends else 0, recorded[1] if recorded else None
            )


def _typed(block: str, *, console: bool) -> list[str]:
    """Lines that go on after a backslash are one command; comments are none."""
    lines = re.sub(r"\\\n\s*", " ", block).splitlines()
    if console:
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [typed for line in lines if (typed := COMMENT.sub("", line).strip())]


def words_of_meshroll(page: Path) -> Iterator[list[str]]:
    """The words after ``meshroll`` in each block, and in each inline piece of code that begins with it."""
    inline = [" ".join(found.split()) for found in INLINE.findall(FENCE.sub("", page.read_text()))]
    for command in [*(each.text for each in shown(page)), *inline]:
        lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        for ends, part in groupby(lexer, ENDED_BY.__contains__):
            if not ends and (words := list(part))[0].rpartition("/")[2] == "meshroll":
                # … stands for what is filled in.
                yield [left for word in words[1:] if (left := word.rstrip("…"))]
