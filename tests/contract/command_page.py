"""docs/reference/commands.md, made from the commands' own help: `make docs` writes it, a test compares it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from meshroll.app import root

COLUMNS = 80

HEAD = """# Commands

<!-- Made by `make docs` from the commands' own help. -->

Options may stand before the command or after it. What is printed for people goes to stderr while it works and to
stdout when it is done; with `--output json` stdout holds one object and nothing else ([result](result.md)). What each
command exits with is in [exit codes](exit-codes.md).

Shell completion: `eval "$(_MESHROLL_COMPLETE=bash_source meshroll)"` (`zsh_source`, `fish_source`).
"""


def page() -> str:
    sections = [f"\n## {path}\n\n```text\n{text}```\n" for path, text in helps(root, None)]
    return HEAD + "".join(sections)


def commands(group: click.Group, parent: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Every command below a group, groups included, each with its context."""
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent, terminal_width=COLUMNS)
        yield command, context
        if isinstance(command, click.Group):
            yield from commands(command, context)


def helps(group: click.Group, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    context = click.Context(
        group,
        info_name="meshroll",
        parent=parent,
        terminal_width=COLUMNS,
        auto_envvar_prefix="MESHROLL",
        help_option_names=["-h", "--help"],
    )
    yield "meshroll", f"{context.get_help()}\n"
    for _, below in commands(group, context):
        yield below.command_path, f"{below.get_help()}\n"


if __name__ == "__main__":
    sys.stdout.write(page())
