"""meshroll sandbox: the local cluster to try all of it on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from meshroll.commands.options import Options, how
from meshroll.core.errors import ExitCode, Problem, Refused

if TYPE_CHECKING:
    from meshroll.render.output import Output
    from meshroll_sandbox.status import Status

Command = TypeVar("Command", bound=Callable[..., Any])

FAULTS = ("errors", "errors-with-mesh", "identity-misses-rotation", "no-traffic", "partition", "slow-pod")
FIRST_NAMESPACE = "charging"

_folder: Callable[[Command], Command] = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".sandbox"),
    show_default=True,
    help="Where everything of the sandbox is kept.",
)


@click.group()
@how
def command() -> None:
    """A local cluster to try all of it on.

    \b
    meshroll sandbox up
    meshroll sandbox fault errors-with-mesh --ratio 0.2
    meshroll sandbox down

    A real control plane (etcd, API server, controllers, scheduler, Prometheus) on loopback, with stand-ins for
    the kubelets, for Linkerd's images and for traffic. It needs no container runtime, and nothing leaves the
    machine.
    """


@command.command()
@_folder
@how
def up(folder: Path) -> ExitCode:
    """Bring the sandbox up, or mend one that died.

    The first time, programs that are not there already are built from pinned Go modules, which takes about
    15 minutes on two cores. Later it takes seconds.
    """
    from meshroll_sandbox import cluster

    output = _output()
    with _refusing():
        found = cluster.up(folder, output.note)
    return _tell(output, "up", found, _introduction(found))


@command.command()
@_folder
@how
def down(folder: Path) -> ExitCode:
    """Stop every process of the sandbox and remove its folder."""
    from meshroll_sandbox import cluster
    from meshroll_sandbox.status import status as look

    output = _output()
    with _refusing():
        done = cluster.down(folder, output.note)
        found = look(folder)
    there = f"Stopped {done.stopped} processes and removed {done.folder}."
    nothing = f"There is no sandbox in {done.folder}."
    return _tell(output, "down", found, [there if done.removed or done.stopped else nothing])


@command.command()
@_folder
@how
def status(folder: Path) -> ExitCode:
    """Say what runs and where it is reached."""
    from meshroll_sandbox.status import status as look

    with _refusing():
        found = look(folder)
    lines = [f"The sandbox in {found.folder} is {found.condition}."]
    lines += [
        f"  {process.name:<24} {f'pid {process.pid}' if process.alive else 'not running'}"
        for process in found.processes
    ]
    return _tell(_output(), "status", found, [*lines, *_introduction(found)])


@command.command()
@click.argument("name", required=False, type=click.Choice([*FAULTS, "off"]))
@click.option("--service", metavar="NS/NAME", help="The Service whose answers are at fault.")
@click.option("--pod", metavar="NS/NAME", help="The pod that is slow, or that nobody reaches.")
@click.option("--ratio", type=float, metavar="SHARE", help="The share of requests, for example 0.2.")
@click.option("--milliseconds", type=float, metavar="MS", help="How much slower answers are.")
@_folder
@how
def fault(name: str | None, folder: Path, **settings: str | float | None) -> ExitCode:
    """Switch a fault on, or all of them off; without a name, list those that are on.

    \b
    meshroll sandbox fault errors --service charging/tariffs --ratio 0.2
    meshroll sandbox fault errors-with-mesh --ratio 0.2
    meshroll sandbox fault no-traffic
    meshroll sandbox fault slow-pod --service charging/tariffs --milliseconds 400
    meshroll sandbox fault partition --service charging/tariffs
    meshroll sandbox fault identity-misses-rotation
    meshroll sandbox fault off

    errors-with-mesh begins with the first meshed pod, as a bad release or a wrong policy would.
    """
    from meshroll_sandbox import faults
    from meshroll_sandbox.status import status as look

    with _refusing():
        found = look(folder)
        if found.condition == "down":
            raise _refused(
                f"There is no sandbox in {found.folder}.", "Bring one up with `meshroll sandbox up`."
            )
        on = {each.name: each for each in faults.read(found.folder)}
        if name == "off":
            on = {}
        elif name:
            given = {key: value for key, value in settings.items() if value is not None}
            on[name] = faults.parse({"name": name, **given})
        faults.write(found.folder, on.values())
    said = [
        "  ".join([each.name, *(f"{key}={value}" for key, value in _plain(each).items())])
        for each in on.values()
    ]
    data = {"faults": [{"name": each.name, **_plain(each)} for each in on.values()]}
    return _tell(_output(), "fault", found, said or ["No fault is on."], data)


def _introduction(status: Status) -> list[str]:
    """Where things are, and what to type next."""
    if status.connection is None or status.condition != "up":
        return ["", "Next: meshroll sandbox up"]
    there = status.connection
    inventory = there.inventory
    if inventory.is_relative_to(Path.cwd()):
        inventory = inventory.relative_to(Path.cwd())
    return [
        "",
        f"Kubernetes  {there.kubernetes_version}, context {there.context}",
        f"Kubeconfig  {there.kubeconfig}",
        f"Prometheus  {there.prometheus_url}",
        f"Inventory   {inventory}",
        "",
        f"Next: meshroll rollout -i {inventory} -n {FIRST_NAMESPACE}",
    ]


def _tell(
    output: Output, command_name: str, status: Status, lines: list[str], more: dict[str, Any] | None = None
) -> ExitCode:
    from meshroll import __version__
    from meshroll.adapters.events import now
    from meshroll.core.result import envelope

    if not output.json:
        output.lines(lines)
        return ExitCode.SUCCESS
    moment = now()
    result = envelope(
        command=f"sandbox {command_name}",
        version=__version__,
        run_id=None,
        started_at=moment,
        finished_at=moment,
        exit_code=ExitCode.SUCCESS,
        data={"sandbox": _plain(status), **(more or {})},
    )
    output.object(result)
    return ExitCode.SUCCESS


def _output() -> Output:
    from meshroll.render.output import Output

    options = Options.of(click.get_current_context())
    return Output.of(options.output, options.quiet, options.verbose, options.no_color)


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass as JSON has it; settings that were not given are left out."""
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(value, enc_hook=str)
    return {key: item for key, item in plain.items() if item is not None}


@contextmanager
def _refusing() -> Iterator[None]:
    """The sandbox's own errors as the product's: it could not be done, and no cluster is worse for it."""
    from meshroll_sandbox.errors import SandboxError

    try:
        yield
    except SandboxError as error:
        message = error.message[:1].upper() + error.message[1:]
        raise _refused(message if message.endswith(".") else f"{message}.", error.hint) from error


def _refused(message: str, hint: str) -> Refused:
    return Refused(Problem("sandbox", message, hint))
