"""A child is followed live, stopped when asked, and never left alive."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from meshroll.adapters.alive import held
from meshroll.playbook.child import ChildEnd, Follower, run_child
from meshroll.playbook.invocation import RunFolder

SAY = """
import json, os, signal, sys, time
def say(**event):
    with open(os.environ["MESHROLL_EVENTS"], "a") as file:
        file.write(json.dumps(event) + chr(10))
say(kind="clusters", clusters=["a", "b"])
say(kind="line", cluster="a", message=str(os.getpid()))
"""
WAIT_FOR_STOP = "while not os.path.exists(os.environ['MESHROLL_STOP']): time.sleep(0.02)\n"
UNTIL_INTERRUPTED = """
try:
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(99)
"""


class Recorder:
    """Keeps what it is shown, and may do something when it is."""

    def __init__(self, on_event: Any = lambda _: None, on_note: Any = lambda _: None) -> None:
        self.events: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self._on_event, self._on_note = on_event, on_note

    def event(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self._on_event(event)

    def note(self, message: str) -> None:
        self.notes.append(message)
        self._on_note(message)


def start(tmp_path: Path, script: str, view: Recorder) -> ChildEnd:
    folder = RunFolder(tmp_path)
    own = {"MESHROLL_EVENTS": str(folder.events), "MESHROLL_STOP": str(folder.stop)}
    with held(folder.alive) as alive:
        return run_child([sys.executable, "-c", SAY + script], {**os.environ, **own}, folder, view, alive)


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_events_are_shown_and_the_output_kept(tmp_path: Path) -> None:
    view = Recorder()
    ended = start(tmp_path, "print('hello'); sys.exit(3)", view)
    assert ended == ChildEnd(3, frozenset("ab"), frozenset("a"), {}, 0)
    assert [event["kind"] for event in view.events] == ["clusters", "line"]
    assert RunFolder(tmp_path).log.read_text() == "hello\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_asks_and_does_not_interrupt(tmp_path: Path, number: signal.Signals) -> None:
    def ask(event: dict[str, Any]) -> None:
        if event["kind"] == "line":
            os.kill(os.getpid(), number)

    view = Recorder(on_event=ask)
    before = signal.getsignal(number)
    ended = start(tmp_path, WAIT_FOR_STOP + "sys.exit(7)", view)
    assert (ended.return_code, ended.asked, len(view.notes)) == (7, 1, 1)
    assert signal.getsignal(number) == before


def test_the_second_signal_interrupts_the_child_and_waits_for_it(tmp_path: Path) -> None:
    def ask(_: object) -> None:
        if len(view.notes) < 2:
            os.kill(os.getpid(), signal.SIGINT)

    view = Recorder(on_event=lambda event: ask(event) if event["kind"] == "line" else None, on_note=ask)
    ended = start(tmp_path, UNTIL_INTERRUPTED, view)
    assert (ended.return_code, ended.asked) == (99, 2)


@pytest.mark.parametrize("numbers", [(signal.SIGHUP, signal.SIGHUP), (signal.SIGINT, signal.SIGTERM)])
def test_only_a_second_ctrl_c_breaks_off(tmp_path: Path, numbers: tuple[signal.Signals, ...]) -> None:
    """A shell that ends sends SIGHUP once more to those whose terminal the kernel has told already."""
    left = list(numbers)

    def ask(_: object) -> None:
        if left:
            os.kill(os.getpid(), left.pop(0))

    view = Recorder(on_event=lambda event: ask(event) if event["kind"] == "line" else None, on_note=ask)
    ended = start(tmp_path, WAIT_FOR_STOP + "time.sleep(0.5); sys.exit(7)", view)
    assert (ended.return_code, ended.asked, len(view.notes)) == (7, 2, 1)


@pytest.mark.parametrize("on", ["event", "note"])
def test_a_view_that_fails_breaks_nothing_off(tmp_path: Path, on: str) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("no terminal")

    def ask(event: dict[str, Any]) -> None:
        if on == "event":
            fail(event)
        if event["kind"] == "line":
            os.kill(os.getpid(), signal.SIGHUP)

    script = "say(kind='line', cluster='b', message='x')\n" + ("" if on == "event" else WAIT_FOR_STOP)
    view = Recorder(on_event=ask, on_note=fail)
    ended = start(tmp_path, script + "sys.exit(7)", view)
    assert (ended.return_code, ended.begun) == (7, {"a", "b"})
    assert "no terminal" in RunFolder(tmp_path).log.read_text()


def test_no_child_stays_when_its_parent_fails(tmp_path: Path) -> None:
    view = Recorder()
    with pytest.raises(KeyError):
        start(tmp_path, "say(kind='from nobody')\n" + UNTIL_INTERRUPTED, view)
    assert not is_alive(int(view.events[1]["message"]))


def test_a_run_whose_folder_was_removed_is_followed_to_its_end(tmp_path: Path) -> None:
    def remove(event: dict[str, Any]) -> None:
        if event["kind"] == "line":
            shutil.rmtree(tmp_path)
            os.kill(os.getpid(), signal.SIGTERM)

    view = Recorder(on_event=remove)
    gone = "while os.path.exists(os.environ['MESHROLL_EVENTS']): time.sleep(0.02)\ntime.sleep(0.5)\n"
    ended = start(tmp_path, gone + "sys.exit(7)", view)
    assert (ended.return_code, ended.begun) == (7, {"a"})
    assert "cannot be asked to stop" in view.notes[0]


def test_a_line_that_a_full_disk_cut_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text('{"kind": "li{"kind": "line", "cluster": "a"}\n{"kind": "line", "cluster": "b"}\n')
    assert [event["cluster"] for event in Follower(file).new_events()] == ["b"]


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text('{"kind": "line", "clus')
    follower = Follower(file)
    assert list(follower.new_events()) == []
    with file.open("a") as more:
        more.write('ter": "a"}\n{"kind": "failure", "cluster": "a", "message": "no"}\n')
    assert [event["kind"] for event in follower.new_events()] == ["line", "failure"]
    assert (follower.begun, follower.failures["a"]["message"]) == ({"a"}, "no")
    assert list(follower.new_events()) == []


def test_many_writers_are_all_heard(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.touch()

    def write(name: str) -> None:
        for _ in range(50):
            descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
            os.write(descriptor, f'{{"kind": "line", "cluster": "{name}"}}\n'.encode())
            os.close(descriptor)

    writers = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for writer in writers:
        writer.start()
    follower, heard = Follower(file), 0
    until = time.monotonic() + 10
    while heard < 150 and time.monotonic() < until:
        heard += len(list(follower.new_events()))
    assert (heard, follower.begun) == (150, {"a", "b", "c"})
