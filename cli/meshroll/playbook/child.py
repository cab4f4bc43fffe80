"""The child process: followed live, stopped between two steps when asked, and never left alive."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any, Protocol

from meshroll.playbook.invocation import RunFolder

POLL_SECONDS = 0.1
GIVE_UP_SECONDS = 10.0
"""How long a child may take to end after a signal when its parent cannot wait for it any longer."""

Event = dict[str, Any]


class View(Protocol):
    """Whoever shows what goes on."""

    def event(self, event: Event) -> None: ...

    def note(self, message: str) -> None: ...


@dataclass(frozen=True)
class ChildEnd:
    """How the child ended. ``clusters`` are those of the play, ``begun`` those that said something.

    ``failures``: by cluster, its last failed task: message, and exit_code and problems if it was one of ours.
    ``asked``: how often the operator asked to stop.
    """

    return_code: int
    clusters: frozenset[str]
    begun: frozenset[str]
    failures: Mapping[str, Event]
    asked: int


def run_child(
    argv: Sequence[str], environment: Mapping[str, str], folder: RunFolder, view: View, alive: int
) -> ChildEnd:
    """Start the child and show its events until it has ended, however that comes about.

    ``alive`` is a descriptor that it inherits. A view that fails is asked no more, and its failure is in the log.
    """
    folder.events.touch(mode=0o600)
    follower = Follower(folder.events)
    with _signals_counted() as asked, folder.log.open("ab") as log:
        shown = _Shown(view, log)
        child = subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A Ctrl-C on the terminal reaches this process alone, which then decides what the child is told.
            process_group=0,
            pass_fds=(alive,),
        )
        try:
            heard = 0
            ended = False
            while not ended:
                ended = _ended(child)
                for event in follower.new_events():
                    shown.event(event)
                while heard < len(asked):
                    heard += 1
                    _tell(child, folder.stop, asked[heard - 1], heard == 1, shown)
        finally:
            _make_sure_it_ended(child)
    return ChildEnd(
        return_code=child.returncode,
        clusters=frozenset(follower.clusters),
        begun=frozenset(follower.begun),
        failures=follower.failures,
        asked=len(asked),
    )


@dataclass
class Follower:
    """Reads a growing file of JSON lines. A line that is not whole yet waits for its end."""

    path: Path
    clusters: set[str] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)
    failures: dict[str, Event] = field(default_factory=dict)
    _offset: int = 0

    def new_events(self) -> Iterator[Event]:
        """The events since the last call."""
        if not self.path.exists():  # somebody cleaned up; the run itself does not need the file
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                try:
                    event = json.loads(line)
                except ValueError:  # half of it did not fit on a full disk
                    continue
                if event["kind"] == "clusters":
                    self.clusters.update(event["clusters"])
                elif event["kind"] == "failure":
                    self.failures[event["cluster"]] = event
                else:
                    self.begun.add(event["cluster"])
                yield event


@contextmanager
def _signals_counted() -> Iterator[list[int]]:
    """The signals that ask to stop, as they come in. One that was ignored (nohup) stays ignored."""
    asked: list[int] = []

    def count(number: int, _: FrameType | None) -> None:
        asked.append(number)

    before = {
        number: signal.signal(number, count)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Shown:
    """A view that cannot end what it shows."""

    def __init__(self, view: View, log: IO[bytes]) -> None:
        self._view: View | None = view
        self._log = log

    def event(self, event: Event) -> None:
        self._ask(lambda view: view.event(event))

    def note(self, message: str) -> None:
        self._ask(lambda view: view.note(message))

    def _ask(self, what: Callable[[View], None]) -> None:
        if self._view is None:
            return
        try:
            what(self._view)
        except Exception:  # whatever it is, Ansible is in the middle of something
            self._view = None
            self._log.write(f"What goes on is shown no more:\n{traceback.format_exc()}".encode())
            self._log.flush()


def _tell(child: subprocess.Popen[bytes], stop: Path, number: int, first: bool, view: View) -> None:
    """A terminal that closes sends SIGHUP twice, and a shutdown SIGTERM after it: only a Ctrl-C asks for more."""
    if first:
        try:
            stop.touch(mode=0o600)
        except OSError as error:
            view.note(f"The run cannot be asked to stop ({error}). Once more (Ctrl-C) breaks it off.")
            return
        view.note("Stopping after the step in hand. Once more (Ctrl-C) breaks it off.")
    elif number == signal.SIGINT:
        child.send_signal(signal.SIGINT)
        view.note("Breaking off; waiting until Ansible has ended.")


def _ended(child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _make_sure_it_ended(child: subprocess.Popen[bytes]) -> None:
    """For the case that something went wrong on this side. Ansible passes both signals on to its workers."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if child.poll() is not None:
            return
        child.send_signal(number)
        try:
            child.wait(GIVE_UP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
