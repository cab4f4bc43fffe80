"""Bring a sandbox up, and take it down. Together with `status` this is what `meshroll sandbox` calls."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from meshroll_sandbox import processes
from meshroll_sandbox.errors import SandboxError
from meshroll_sandbox.locks import exclusive
from meshroll_sandbox.parts import Part, environment, parts
from meshroll_sandbox.paths import SandboxFolder
from meshroll_sandbox.ports import all_free, choose_ports
from meshroll_sandbox.processes import ProcessRecord
from meshroll_sandbox.readiness import failure, wait_ready
from meshroll_sandbox.settings import write_settings
from meshroll_sandbox.state import State
from meshroll_sandbox.status import Status, status
from meshroll_sandbox.tools import Tools, ensure

Say = Callable[[str], None]

DEFAULT_SEED = 1


@dataclass(frozen=True)
class DownResult:
    """What `down` did: how many processes it stopped, and whether there was a folder to remove."""

    folder: Path
    stopped: int
    removed: bool


def up(folder: Path, say: Say, seed: int = DEFAULT_SEED) -> Status:
    """Bring the sandbox in `folder` up with its estate Ready; repair it when parts of it are dead.

    `say` gets a line now and then, most of them while tools are built for the first time. `seed` is that of
    a new sandbox's traffic. Raises SandboxError when the folder is somebody else's, a tool cannot be had, or
    a process does not come up; what was started then goes on running, so that it can be looked at.
    """
    layout = SandboxFolder.of(folder)
    layout.check()
    tools = ensure(say)
    began = time.monotonic()
    layout.create()
    with exclusive(layout):
        state = _resume(layout, tools, seed)
        state.write(layout.state)
        write_settings(layout, state)
        wanted = parts(layout, state.ports, tools)
        dead = [part for part in wanted if not _lives(state, part)]
        if not dead and layout.estate_applied.exists():
            say(f"The sandbox in {layout.root} is already up.")
            return status(folder)
        if len(dead) < len(wanted):
            say(f"Starting again: {', '.join(part.name for part in dead)}")
        _start(layout, state, wanted, say)
        say(f"The sandbox is up after {time.monotonic() - began:.0f} s.")
    return status(folder)


def down(folder: Path, say: Say) -> DownResult:
    """Stop every process of the sandbox in `folder` and remove the folder; harmless where there is none.

    Raises SandboxError when the folder holds something else, or a process does not end.
    """
    layout = SandboxFolder.of(folder)
    layout.refuse_foreign()
    if not layout.marker.exists():
        # The folder may have been removed by hand, under running processes.
        return DownResult(layout.root, _stop_all(layout, None), removed=False)
    with exclusive(layout):
        say(f"Stopping the sandbox in {layout.root}.")
        stopped = _stop_all(layout, State.read(layout.state))
        shutil.rmtree(layout.root)
    return DownResult(layout.root, stopped, removed=True)


def _resume(layout: SandboxFolder, tools: Tools, seed: int) -> State:
    """The state to go on with: the recorded one, or a new one with ports of its own and nothing running.

    The control plane's data stay in either case.
    """
    state = State.read(layout.state)
    if state:
        state.processes = {name: one for name, one in state.processes.items() if processes.is_alive(one)}
        _stop(_strays(layout, state))
        dead = [part for part in parts(layout, state.ports, tools) if part.name not in state.processes]
        if all_free(state.ports[name] for part in dead for name in part.ports):
            state.helm, state.gateway_api = str(tools.helm), str(tools.gateway_api)
            return state
    # Without a state nothing is known of what runs, and a port that someone took is in too many settings.
    _stop_all(layout, state)
    return State(choose_ports(), str(tools.helm), str(tools.gateway_api), state.seed if state else seed)


def _start(layout: SandboxFolder, state: State, wanted: tuple[Part, ...], say: Say) -> None:
    # Imported only here: it costs half a second, which `status` and `down` need not pay.
    from meshroll_sandbox import estate

    first = [part for part in wanted if not part.needs_api]
    _spawn(layout, state, first)
    wait_ready([part for part in first if part.name in ("etcd", "kube-apiserver")], state.processes, layout)
    fresh = not layout.estate_applied.exists()
    try:
        client = estate.connect(layout)
        state.kubernetes_version = estate.server_version(client)
        _spawn(layout, state, [part for part in wanted if part.needs_api])
        if fresh:
            say("The API server answers; applying nodes and estate.")
            estate.apply(client)
        wait_ready(wanted, state.processes, layout)
        if fresh:
            estate.wait_ready(client)
            layout.estate_applied.touch()
        elif waiting := estate.unready(client):
            # Someone may have made it so on purpose, a drill for one.
            say(f"Not Ready: {', '.join(waiting)}")
    except estate.API_ERRORS as error:
        raise failure(layout, "kube-apiserver", f"did not do as asked ({error})") from error


def _spawn(layout: SandboxFolder, state: State, wanted: list[Part]) -> None:
    """Start those parts that do not live, recording each at once."""
    for part in wanted:
        if not _lives(state, part):
            argv, log = part.argv, layout.log(part.name)
            state.processes[part.name] = processes.spawn(argv, log, environment(layout, part))
        state.write(layout.state)


def _lives(state: State, part: Part) -> bool:
    record = state.processes.get(part.name)
    return record is not None and processes.is_alive(record)


def _strays(layout: SandboxFolder, state: State | None) -> list[ProcessRecord]:
    """Processes of this sandbox that are neither recorded nor children of one that is (they share its
    session).
    """
    recorded = {record.pid for record in state.processes.values()} if state else set()
    return [one for one in processes.of_folder(layout.root) if _session(one.pid) not in recorded]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _stop_all(layout: SandboxFolder, state: State | None) -> int:
    """Stop whatever runs for this sandbox; returns how many processes that were."""
    recorded = [one for one in state.processes.values() if processes.is_alive(one)] if state else []
    _stop(recorded)
    children = processes.of_folder(layout.root)
    _stop(children)
    return len(recorded) + len(children)


def _stop(records: list[ProcessRecord]) -> None:
    left = processes.stop(records)
    if left:
        pids = ", ".join(str(record.pid) for record in left)
        raise SandboxError(f"these processes do not end: {pids}", "Look at them with ps, then try again.")
