"""The lock that tells whether a run still lives, with processes that really die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshroll.adapters.alive import VARIABLE, held, is_dead, path_of_this_run

# As ansible-playbook does: a worker is forked, in a session of its own, and starts a program in turn.
PARENT_AND_WORKER = """
import os, subprocess, sys, time
worker = os.fork()
if not worker:
    os.setsid()
    program = subprocess.Popen(["sleep", "60"])
    print(os.getpid(), program.pid, flush=True)
time.sleep(60)
"""


def start(path: Path) -> tuple[subprocess.Popen[str], int, int]:
    """A run's child, its worker's process id and that of the worker's program."""
    with held(path) as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", PARENT_AND_WORKER],
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=(descriptor,),
        )
    assert child.stdout
    worker, program = (int(word) for word in child.stdout.readline().split())
    return child, worker, program


def wait_for_end(pid: int) -> None:
    until = time.monotonic() + 10
    stat = Path(f"/proc/{pid}/stat")
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_run_is_dead_once_the_last_of_its_processes_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    child, worker, program = start(path)
    try:
        assert not is_dead(str(path))
        child.kill()
        child.wait()
        assert not is_dead(str(path))
        os.kill(worker, signal.SIGKILL)
        wait_for_end(worker)
        assert is_dead(str(path))
        assert Path(f"/proc/{program}").exists()
    finally:
        os.kill(program, signal.SIGKILL)
        child.stdout.close()  # type: ignore[union-attr]


def test_a_run_lives_while_the_process_that_opened_it_does(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    with held(path):
        assert not is_dead(str(path))
    assert is_dead(str(path))
    assert is_dead(str(path))


def test_whoever_asks_is_not_taken_for_the_run(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "alive"
    with held(path):
        pass
    with path.open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        assert is_dead(str(path))


def test_what_cannot_be_known_is_not_dead(tmp_path: Path) -> None:
    assert not is_dead(str(tmp_path / "never"))
    assert not is_dead(str(tmp_path))
    assert not is_dead("\0")
    os.mkfifo(tmp_path / "pipe")
    assert not is_dead(str(tmp_path / "pipe"))
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    assert not is_dead(str(tmp_path / "link"))
    assert is_dead(str(tmp_path / "file"))


def test_the_file_of_another_user_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    assert not is_dead(str(tmp_path / "file"))


def test_a_playbook_run_by_hand_has_no_file() -> None:
    assert path_of_this_run({}) is None
    assert path_of_this_run({VARIABLE: ""}) is None
    assert path_of_this_run({VARIABLE: "/run/alive"}) == "/run/alive"
