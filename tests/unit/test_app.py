"""The command line's edge: options before or after the command, and every error with its exit code."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest

from meshroll import app
from meshroll.app import run, wants_json
from meshroll.commands.options import Options
from meshroll.core.errors import ExitCode, Locked, Problem


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """The options that a command sees, for command lines that name `status`."""
    found: list[Options] = []

    def playbook(*_: Any, **__: Any) -> ExitCode:
        found.append(Options.of(click.get_current_context()))
        return ExitCode.SUCCESS

    monkeypatch.setattr("meshroll.commands.status.run_playbook", playbook)
    for name in ("INVENTORY", "OUTPUT", "NAMESPACE", "LIMIT"):
        monkeypatch.delenv(f"MESHROLL_{name}", raising=False)
    return found


@pytest.mark.parametrize(
    "words",
    [
        ["-i", "inv", "-n", "charging", "status"],
        ["status", "-i", "inv", "-n", "charging"],
        ["-i", "inv", "status", "--namespace", "charging"],
        ["-i", "other", "status", "-i", "inv", "-n", "charging"],
    ],
)
def test_options_stand_before_or_after_the_command(words: list[str], seen: list[Options]) -> None:
    assert run(words) == 0
    assert (seen[0].inventory, seen[0].namespace, seen[0].output) == ("inv", "charging", "text")


def test_words_win_over_the_environment_wherever_they_stand(
    seen: list[Options], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHROLL_INVENTORY", "from-environment")
    monkeypatch.setenv("MESHROLL_OUTPUT", "text")
    assert run(["--output", "json", "status"]) == 0
    assert (seen[0].inventory, seen[0].output) == ("from-environment", "json")
    assert run(["-i", "inv", "status"]) == 0
    assert seen[1].inventory == "inv"


@pytest.mark.parametrize(
    ("raised", "code", "named"),
    [
        (Locked(Problem("locked", "Held by ann.", "Wait.")), ExitCode.LOCKED, "locked"),
        (KeyError("x"), ExitCode.BUG, "bug"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "interrupted"),
        (click.Abort(), ExitCode.INTERRUPTED, "interrupted"),
        (click.BadParameter("no"), ExitCode.USAGE, "usage"),
    ],
)
def test_every_error_ends_at_the_edge(
    raised: BaseException,
    code: ExitCode,
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Any, **__: Any) -> ExitCode:
        raise raised

    monkeypatch.setattr("meshroll.commands.status.run_playbook", fail)
    assert run(["status", "--output", "json"]) == code
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert (told["exit_code"], told["command"], told["errors"][0]["code"]) == (code, "status", named)
    assert captured.err.strip() == ""
    assert run(["status"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].endswith(f"(exit code {int(code)})")
    assert "Traceback" not in captured.err


def test_debug_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app.root, "main", lambda obj, **_: setattr(obj, "debug", True) or 1 / 0)
    assert run([]) == ExitCode.BUG
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["sandbox"]])
def test_a_group_without_a_command_shows_its_help(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == ExitCode.USAGE
    assert "Usage: meshroll" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "environment", "json_wanted"),
    [
        (["status", "--output", "json"], {}, True),
        (["--output=json", "status"], {}, True),
        (["status", "-o", "json"], {}, True),
        (["status", "-ojson"], {}, True),
        (["status"], {"MESHROLL_OUTPUT": "json"}, True),
        (["--output=json", "status", "--output", "text"], {}, False),
        (["status", "--output", "text"], {"MESHROLL_OUTPUT": "json"}, False),
        (["status", "--output"], {}, False),
        ([], {}, False),
    ],
)
def test_json_is_recognised_in_words_that_do_not_parse(
    words: list[str], environment: dict[str, str], json_wanted: bool
) -> None:
    assert wants_json(words, environment) == json_wanted


def test_a_report_and_the_json_of_its_command_never_share_stdout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["report", "2026", "-i", "inv", "--output-file", "-", "-o", "json"]) == 2
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert (error["code"], "stdout" in error["message"]) == ("report-not-written", True)
