"""The command line's root: common options, commands found when they are needed, and the one error edge."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from itertools import pairwise

import click

from meshroll import __version__
from meshroll.commands import COMMANDS
from meshroll.commands.options import Options, where_and_how
from meshroll.core.errors import ExitCode, MeshrollError, Problem, UsageError


class LazyGroup(click.Group):
    """Imports a command's module only when that command is run, or its own help is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"meshroll.commands.{cmd_name}").command
        command.name = cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@where_and_how
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def root() -> None:
    """Take a namespace onto the Linkerd mesh, prove that it got better, and take it back when it did not.

    \b
    meshroll sandbox up                               a local cluster to try it on
    meshroll rollout -i .sandbox/inventory -n charging

    Options may stand before the command or after it.
    """


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command line; its exit code. Everything that goes wrong below ends here, told and not raised."""
    options = Options()
    try:
        code = root.main(
            args=list(arguments),
            prog_name="meshroll",
            obj=options,
            auto_envvar_prefix="MESHROLL",
            standalone_mode=False,
        )
        return int(code or ExitCode.SUCCESS)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "meshroll"
        return _tell(
            UsageError(Problem("usage", error.format_message(), f"See `{where} --help`.")), arguments
        )
    except (click.Abort, KeyboardInterrupt):
        return _tell_problem(Problem("interrupted", "Interrupted."), ExitCode.INTERRUPTED, arguments)
    except MeshrollError as error:
        return _tell(error, arguments)
    except Exception as error:  # the edge: nothing may pass it
        if options.debug:
            traceback.print_exc()
        hint = "This is a bug in meshroll. Run it again with --debug, and report it with the traceback."
        problem = Problem("bug", f"{type(error).__name__}: {error}", hint)
        return _tell_problem(problem, ExitCode.BUG, arguments)


def _tell(error: MeshrollError, arguments: Sequence[str]) -> int:
    return _report([problem.as_dict() for problem in error.problems], error.exit_code, arguments)


def _tell_problem(problem: Problem, code: ExitCode, arguments: Sequence[str]) -> int:
    return _report([problem.as_dict()], code, arguments)


def _report(errors: list[dict[str, object]], code: ExitCode, arguments: Sequence[str]) -> int:
    """Errors of a command that came to no result, in the form that was asked for."""
    from meshroll.adapters.events import now
    from meshroll.core.result import envelope
    from meshroll.render.output import Output

    command = next((word for word in arguments if word in COMMANDS), "meshroll")
    moment = now()
    result = envelope(
        command=command,
        version=__version__,
        run_id=None,
        started_at=moment,
        finished_at=moment,
        exit_code=code,
        data={},
        errors=errors,
    )
    output = Output(wants_json(arguments, os.environ), False, False, "--no-color" in arguments)
    if output.json:
        output.object(result)
    else:
        output.problems(result)
    return code


def wants_json(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether JSON was asked for, read from the bare words because they may be the ones that do not parse."""
    said = environment.get("MESHROLL_OUTPUT", "")
    for word, after in pairwise([*arguments, ""]):
        if word in ("-o", "--output"):
            said = after
        elif word.startswith(("-o", "--output=")):
            said = word.removeprefix("--output=").removeprefix("-o")
    return said == "json"
