"""The whole command while its terminal, its reader, or it itself goes away. Only ansible-playbook is a stand-in."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from meshroll.adapters.alive import is_dead

# Says what it does as the collection would, stops between two steps when asked, writes down that it did.
ANSIBLE = """
import os, pathlib, sys, time
from meshroll.adapters.events import append
def say(**event):
    append(os.environ["MESHROLL_EVENTS"], {"time": "2026-01-01T10:20:30Z", **event})
mark = pathlib.Path(os.environ["MARK"])
say(kind="clusters", clusters=["eu"])
mark.write_text(f"{os.getpid()} {os.environ['MESHROLL_ALIVE']}")
for step in range(STEPS):
    say(kind="stage", cluster="eu", message=f"Wave {step}", stage="wave", level="info")
    time.sleep(0.02)
    if os.path.exists(os.environ["MESHROLL_STOP"]):
        for _ in range(20):
            say(kind="line", cluster="eu", message="x" * 200, level="warning")
            time.sleep(0.01)
        mark.with_name("end").write_text("stopped between two steps")
        sys.exit(2)
mark.with_name("end").write_text("came to its end")
"""
COMMAND = """
import sys
import meshroll.playbook.run
meshroll.playbook.run.arguments = lambda *_: [sys.executable, "-c", ANSIBLE]
from meshroll import app
sys.exit(app.run(["rollout", "-i", "eu,", *sys.argv[1:]]))
"""
STOPPED, CAME_TO_ITS_END = "stopped between two steps", "came to its end"


def command(steps: int) -> list[str]:
    ansible = ANSIBLE.replace("STEPS", str(steps))
    return [sys.executable, "-c", COMMAND.replace("ANSIBLE", repr(ansible))]


def environment(folder: Path) -> dict[str, str]:
    own = {"MARK": str(folder / "mark"), "TMPDIR": str(folder), "TERM": "xterm", "MESHROLL_OUTPUT": "text"}
    # With buffers, as for a user: what is left in them is written when Python exits.
    return {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"} | own


def until(wanted: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not wanted():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def started(folder: Path) -> bool:
    return (folder / "mark").exists() and len((folder / "mark").read_text().split()) == 2


def ended(folder: Path) -> str:
    return (folder / "end").read_text()


def on_terminal(slave: int) -> Callable[[], None]:
    def own_it() -> None:
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    return own_it


def test_a_terminal_that_closes_stops_the_run_between_two_steps(tmp_path: Path) -> None:
    """As a closed laptop: the kernel sends SIGHUP, and every write fails from then on."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command(3000),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment(tmp_path),
        start_new_session=True,
        preexec_fn=on_terminal(slave),
    )
    os.close(slave)
    until(lambda: started(tmp_path))
    os.read(master, 1000)
    os.close(master)
    assert process.wait(30) == 130
    assert ended(tmp_path) == STOPPED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_wish_to_stop_leaves_a_result(number: signal.Signals, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*command(3000), "--output", "json"],
        stdout=subprocess.PIPE,
        env=environment(tmp_path),
        text=True,
    )
    until(lambda: started(tmp_path))
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    result = json.loads(output)
    assert (process.returncode, result["exit_code"], result["status"]) == (130, 130, "interrupted")
    assert ended(tmp_path) == STOPPED
    assert not list(tmp_path.glob("meshroll-*"))


@pytest.mark.parametrize("closed", [("stdout",), ("stderr",), ("stdout", "stderr")])
def test_a_reader_that_goes_away_changes_nothing(closed: tuple[str, ...], tmp_path: Path) -> None:
    """`meshroll rollout | head -1`: the run comes to its own end, with its own exit code."""

    def code(folder: Path, closing: tuple[str, ...]) -> int:
        folder.mkdir()
        process = subprocess.Popen(
            [*command(20), "--output", "json", "--verbose"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(folder),
        )
        streams: Mapping[str, object] = {"stdout": process.stdout, "stderr": process.stderr}
        for name in closing:
            streams[name].close()  # type: ignore[attr-defined]
        for name in {"stdout", "stderr"} - set(closing):
            streams[name].read()  # type: ignore[attr-defined]
        process.wait(30)
        assert ended(folder) == CAME_TO_ITS_END
        return process.returncode

    assert code(tmp_path / "closed", closed) == code(tmp_path / "open", ())


def test_a_run_whose_command_is_killed_goes_on_to_its_end_and_is_known_to_live(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(200), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(tmp_path)
    )
    until(lambda: started(tmp_path))
    process.kill()
    process.wait()
    alive = (tmp_path / "mark").read_text().split()[1]
    assert not is_dead(alive)
    until(lambda: is_dead(alive))
    assert ended(tmp_path) == CAME_TO_ITS_END
