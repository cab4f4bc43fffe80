"""The options that every command takes, before its name or after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from meshroll.core.kinds import KINDS

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Options:
    """What the command line and the environment said. Explicit words win over the environment."""

    inventory: str | None = None
    limit: str | None = None
    namespace: str | None = None
    output: str = "text"
    debug: bool = False
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    explicit: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, context: click.Context) -> Options:
        return context.find_root().ensure_object(cls)


def _store(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep a given value. The root sees its options first, the command may say otherwise after it."""
    options, name = Options.of(context), str(parameter.name)
    source = context.get_parameter_source(name)
    if source == ParameterSource.COMMANDLINE or (
        source == ParameterSource.ENVIRONMENT and name not in options.explicit
    ):
        setattr(options, name, value)
    if source == ParameterSource.COMMANDLINE:
        options.explicit.add(name)


def _option(*names: str, **attributes: Any) -> Callable[[Command], Command]:
    return click.option(*names, expose_value=False, callback=_store, **attributes)


def _beginning(found: Sequence[str], incomplete: str) -> list[str]:
    return [name for name in found if name.startswith(incomplete)]


def _of_inventory(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion of --limit and --namespace."""
    from meshroll.adapters.completion import clusters, namespaces

    inventory = Options.of(context).inventory
    found = {"limit": clusters, "namespace": namespaces}[str(parameter.name)]
    return _beginning(found(inventory), incomplete) if inventory else []


def complete_runs(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion of what is the id of a run."""
    from meshroll.adapters.completion import runs

    return _beginning(runs(os.environ), incomplete)


def complete_way_back(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion of what way_back() takes."""
    from meshroll.adapters.completion import runs

    return _beginning(["fallback", "previous", *runs(os.environ)], incomplete)


# Those for people: how it is said. Every command has them.
_SAYING = (
    _option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        envvar="MESHROLL_OUTPUT",
        show_envvar=True,
        help="Text for people, or one JSON object on stdout.  [default: text]",
    ),
    _option("--quiet", is_flag=True, envvar="MESHROLL_QUIET", help="No progress, only the result."),
    _option(
        "--verbose", is_flag=True, envvar="MESHROLL_VERBOSE", help="Every event, and each changed field."
    ),
    _option(
        "--no-color",
        is_flag=True,
        envvar="MESHROLL_NO_COLOR",
        help="No colour; $NO_COLOR and TERM=dumb do it too.",
    ),
    _option(
        "--debug",
        is_flag=True,
        envvar="MESHROLL_DEBUG",
        help="Keep the log, make it detailed, show tracebacks.",
    ),
)
# Those that say where: for commands that run a playbook.
_WHERE = (
    _option(
        "-i",
        "--inventory",
        metavar="PATH",
        envvar="MESHROLL_INVENTORY",
        show_envvar=True,
        type=click.Path(),
        help="Ansible inventory; each host is a cluster.",
    ),
    _option(
        "--limit",
        metavar="PATTERN",
        envvar="MESHROLL_LIMIT",
        show_envvar=True,
        shell_complete=_of_inventory,
        help="Only these clusters or groups.",
    ),
    _option(
        "-n",
        "--namespace",
        metavar="NAME",
        envvar="MESHROLL_NAMESPACE",
        show_envvar=True,
        shell_complete=_of_inventory,
        help="Only this namespace, or one that the inventory does not list.",
    ),
)


def where_and_how(command: Command) -> Command:
    """Adds all common options, in the order in which help lists them."""
    for option in reversed((*_WHERE, *_SAYING)):
        command = option(command)
    return command


def how(command: Command) -> Command:
    """Adds those about output only."""
    for option in reversed(_SAYING):
        command = option(command)
    return command


def _objects(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> list[str]:
    for name in value:
        kind, slash, rest = name.partition("/")
        if not slash or not rest or kind not in KINDS:
            raise click.BadParameter(f"{name!r} is not KIND/NAME, with a kind of {', '.join(KINDS)}.")
    return list(value)


def way_back(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """``fallback``, ``previous``, or what may be a run's id: those begin with their date."""
    if value is not None and value not in ("fallback", "previous") and not value[:1].isdigit():
        raise click.BadParameter(f"{value!r} is neither fallback nor previous nor the id of a run.")
    return value


take_option: Callable[[Command], Command] = click.option(
    "--take",
    metavar="KIND/NAME",
    multiple=True,
    callback=_objects,
    help="Overwrite this object although somebody else changed it since; may be given several times.",
)
check_option: Callable[[Command], Command] = click.option(
    "--check", is_flag=True, help="Dry run: look, refuse and plan as the real run would, and change nothing."
)

on_inconclusive_option: Callable[[Command], Command] = click.option(
    "--on-inconclusive",
    type=click.Choice(["rollback", "continue", "pause"]),
    default="rollback",
    show_default=True,
    help="What becomes of a run that has waited for a person longer than paused_max_seconds.",
)
emit_patches_option: Callable[[Command], Command] = click.option(
    "--emit-patches",
    type=click.Path(file_okay=False, resolve_path=True),
    metavar="DIR",
    help="Write a manifest to commit for each Service that is refused because something else owns it.",
)
accept_option: Callable[[Command], Command] = click.option(
    "--accept",
    metavar="ID",
    multiple=True,
    help="Go on although this check blocks; may be given several times. meshroll_checks.accept does it for good.",
)


def accepting(ids: Sequence[str]) -> dict[str, list[str]]:
    """The run variable of ``--accept``."""
    return {"meshroll_accept": list(ids)} if ids else {}


def emitting(folder: str | None) -> dict[str, str]:
    """The variable that tells the playbook where --emit-patches wants its files."""
    return {"meshroll_emit_patches": folder} if folder else {}
