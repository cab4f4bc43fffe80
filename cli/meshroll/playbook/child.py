"""The child process: followed live, stopped between two steps when asked, and never left alive."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

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


def run_child(argv: Sequence[str], environment: Mapping[str, str], folder: RunFolder, view: View) -> ChildEnd:
    """Start the child and show its events until it has ended, however that comes about."""
    folder.events.touch(mode=0o600)
    follower = Follower(folder.events)
    with _signals_counted() as asked, folder.log.open("wb") as log:
        child = subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A Ctrl-C on the terminal reaches this process alone, which then decides what the child is told.
            process_group=0,
        )
        try:
            heard = 0
            ended = False
            while not ended:
                ended = _ended(child)
                for event in follower.new_events():
                    view.event(event)
                while heard < len(asked):
                    heard += 1
                    _tell(child, folder.stop, heard, view)
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
        with self.path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                event = json.loads(line)
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


def _tell(child: subprocess.Popen[bytes], stop: Path, time: int, view: View) -> None:
    if time == 1:
        stop.touch(mode=0o600)
        view.note("Stopping after the step in hand. Once more (Ctrl-C) breaks it off.")
        return
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
