"""Every command and option has help, is documented, and is found without importing what it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from contract.command_page import commands, page

from meshroll.app import root
from meshroll.commands import COMMANDS, drill
from meshroll.commands.sandbox import FAULTS
from meshroll.core.drill.model import HYPOTHESES
from meshroll.core.summary import TELLS
from meshroll.paths import playbook_file
from meshroll_sandbox import comparison
from meshroll_sandbox.faults import KINDS

ROOT = Path(__file__).parents[2]
CONTEXT = click.Context(root, info_name="meshroll", help_option_names=["-h", "--help"])
EVERY = [(context.command_path, command) for command, context in commands(root, CONTEXT)]
SLOW_TO_IMPORT = (
    "ansible",
    "kubernetes",
    "rich",
    "aiohttp",
    "yaml",
    "msgspec",
    "cryptography",
    "jinja2",
    "matplotlib",
    "numpy",
    "boto3",
    "botocore",
    "meshroll_sandbox",
)


def test_the_page_of_commands_is_their_help() -> None:
    assert (ROOT / "docs/reference/commands.md").read_text() == page(), "make docs"


@pytest.mark.parametrize(("path", "command"), EVERY, ids=[path for path, _ in EVERY])
def test_every_command_and_option_has_help(path: str, command: click.Command) -> None:
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.opts}"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_table_is_the_first_line_of_the_commands_help(name: str) -> None:
    command = root.get_command(CONTEXT, name)
    assert command is not None
    assert (command.help or "").splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {"bundle", "completion", "init", "sandbox"}))
def test_every_command_has_its_playbook_and_the_common_options(name: str) -> None:
    command = root.get_command(CONTEXT, name)
    if name == "lock":
        assert isinstance(command, click.Group)
        command = command.commands["steal"]
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"-i", "--inventory", "--limit", "-n", "--namespace", "--output"} <= options
    assert playbook_file(name).is_file()


def test_the_faults_of_the_command_are_those_of_the_sandbox() -> None:
    assert set(FAULTS) == set(KINDS)


@pytest.mark.parametrize(
    "words", [[], *([name] for name in COMMANDS), ["sandbox", "up"]], ids=lambda words: " ".join(words)
)
def test_help_imports_nothing_slow(words: list[str]) -> None:
    code = (
        "import sys; from meshroll.app import run; "
        f"code = run([*{words!r}, '--help']); "
        f"print(','.join(m for m in {SLOW_TO_IMPORT!r} if m in sys.modules), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert "Usage: meshroll" in done.stdout


def test_the_drills_of_the_command_are_those_that_there_are() -> None:
    assert drill.SCENARIOS == tuple(HYPOTHESES) == tuple(comparison.SCENARIOS)
    assert tuple(comparison.APPROACHES) == drill.APPROACHES


def test_what_a_result_tells_is_said_of_commands_that_there_are() -> None:
    assert set(TELLS) <= set(COMMANDS)
