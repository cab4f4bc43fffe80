"""What documents say to type is there to be typed, and what README and tutorial say is run by a test."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from contract.document_commands import ELSEWHERE, ROOT, RUN, shown, words_of_meshroll

from meshroll.app import root

# A changelog shows what may be left out in brackets.
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")} - {ROOT / "CHANGELOG.md"})


def parsed(words: list[str]) -> None:
    """Let click read the words, and do nothing. Raises click.UsageError where a command or an option is not there."""
    command: click.Command = root
    context = root.make_context("meshroll", list(words), resilient_parsing="--help" in words)
    while isinstance(command, click.Group) and (left := [*context._protected_args, *context.args]):
        name, found, rest = command.resolve_command(context, left)
        assert found is not None
        command = found
        context = command.make_context(name, rest, parent=context, resilient_parsing="--help" in rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_that_documents_show_are_there(page: Path) -> None:
    wrong = {}
    for words in words_of_meshroll(page):
        try:
            parsed(words)
        except (click.MissingParameter, click.BadOptionUsage):
            pass  # a sentence names a command or an option without what it takes
        except click.UsageError as error:
            # The files that it names are the reader's.
            if not error.format_message().endswith("does not exist."):
                wrong[" ".join(words)] = error.format_message()
    assert wrong == {}


def test_what_readme_and_tutorial_say_is_run_or_listed() -> None:
    typed = [each.text for page in RUN for each in shown(page)]
    assert set(ELSEWHERE) <= set(typed)
    of_meshroll = re.compile(r"meshroll |export (PATH|MESHROLL_INVENTORY)=")
    assert [each for each in typed if each not in ELSEWHERE and not of_meshroll.match(each)] == []


def test_reasons_name_files_that_are_there() -> None:
    named = [file for reason in ELSEWHERE.values() for file in re.findall(r"tests/\S+\.py", reason)]
    assert named
    assert [file for file in named if not (ROOT / file).is_file()] == []
