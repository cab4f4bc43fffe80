"""What the commands that run a playbook have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from meshroll.commands.options import Options
from meshroll.core.errors import ExitCode, Problem, UsageError

if TYPE_CHECKING:
    from meshroll.core.report.model import Report
    from meshroll.render.output import Output


@dataclass(frozen=True)
class Played:
    """A playbook that has run. ``to_repeat`` are the options that the next command has to be told again."""

    result: dict[str, Any]
    output: Output
    to_repeat: dict[str, str]


def run_playbook(
    command: str,
    check: bool = False,
    extra_vars: Mapping[str, Any] | None = None,
    in_full: bool = False,
    limit: str | None = None,
) -> ExitCode:
    """Run the command's playbook, show it live, print its result (``in_full`` or not); the result's exit code.

    ``limit`` names the clusters in place of --limit.
    """
    played = play(command, check, extra_vars, limit)
    played.output.result(played.result, played.to_repeat, in_full)
    return ExitCode(played.result["exit_code"])


def play(
    command: str,
    check: bool = False,
    extra_vars: Mapping[str, Any] | None = None,
    limit: str | None = None,
) -> Played:
    """Run the command's playbook and show it live."""
    from meshroll.playbook.invocation import Invocation
    from meshroll.playbook.run import run
    from meshroll.render.output import Output

    options = Options.of(click.get_current_context())
    if options.inventory is None:
        raise UsageError(
            Problem(
                "inventory-not-given",
                "No inventory is named.",
                "Use -i PATH or set MESHROLL_INVENTORY; `meshroll sandbox up` makes one to try it on.",
            )
        )
    invocation = Invocation(
        command=command,
        inventory=options.inventory,
        limit=limit or options.limit,
        namespace=options.namespace,
        check=check,
        verbosity=3 if options.debug else 0,
        extra_vars=extra_vars or {},
    )
    output = Output.of(options.output, options.quiet, options.verbose, options.no_color)
    with output.live() as view:
        result = run(invocation, view, keep_log=options.debug)
    return Played(result, output, _to_repeat(options))


def play_report(run: str) -> tuple[Played, Report | None]:
    """Run the playbook of `report`. Without a report the result says why, and is printed.

    Raises UsageError where no cluster remembers such a run, or several do.
    """
    from meshroll.render.report import report_in

    played = play("report", extra_vars={"report_run": run})
    report = report_in(played.result, run)
    if report is None:
        played.output.result(played.result, played.to_repeat)
    return played, report


def print_shipped(name: str) -> ExitCode:
    """Print a file that meshroll brings, as it is."""
    from importlib.resources import files

    text = files("meshroll").joinpath("data", name).read_text(encoding="utf-8")
    click.echo(text, nl=False)
    return ExitCode.SUCCESS


def _to_repeat(options: Options) -> dict[str, str]:
    """What was said on the command line and not by the environment, so the next command has to be told again."""
    said = {"-i": "inventory", "--limit": "limit", "-n": "namespace"}
    return {option: getattr(options, name) for option, name in said.items() if name in options.explicit}


def taking(take: list[str]) -> dict[str, list[str]]:
    """The run variable of ``--take``."""
    return {"meshroll_take": take} if take else {}
