"""Processes are recognised, stopped only when they are ours, and found again when their record is lost."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from meshroll_sandbox import processes
from meshroll_sandbox.ports import FIRST, LAST, PORT_NAMES, all_free, choose_ports
from meshroll_sandbox.processes import FOLDER_VARIABLE, ProcessRecord, Stat


@pytest.fixture
def started() -> Iterator[list[ProcessRecord]]:
    """Records of what a test started, to be stopped after it."""
    records: list[ProcessRecord] = []
    yield records
    processes.stop(records)


def shell(script: str, tmp_path: Path, started: list[ProcessRecord]) -> ProcessRecord:
    environment = {"PATH": os.environ["PATH"], FOLDER_VARIABLE: str(tmp_path)}
    record = processes.spawn(["/bin/sh", "-c", script], tmp_path / "log", environment)
    started.append(record)
    return record


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_name_of_a_program_may_hold_spaces_and_parentheses() -> None:
    fields = " ".join(str(number) for number in range(4, 53))
    assert processes.parse_stat(f"12 (tmux: (a) b) S {fields}") == Stat(ended=False, started=22)


@pytest.mark.parametrize(("threads", "ended"), [(1, True), (7, False)])
def test_zombie_whose_threads_still_run_has_not_ended(threads: int, ended: bool) -> None:
    fields = [str(number) for number in range(4, 53)]
    fields[20 - 4] = str(threads)
    assert processes.parse_stat(f"12 (etcd) Z {' '.join(fields)}").ended is ended


def test_process_outlives_the_session_and_writes_to_its_log(
    tmp_path: Path, started: list[ProcessRecord]
) -> None:
    record = shell("echo out; echo err >&2; exec sleep 60", tmp_path, started)
    assert os.getsid(record.pid) == record.pid
    assert processes.is_alive(record)
    while (tmp_path / "log").read_text() != "out\nerr\n":
        assert processes.is_alive(record)
        time.sleep(0.01)
    assert processes.stop([record]) == []
    assert not processes.is_alive(record)


def test_process_that_ends_at_once_is_dead_and_collected(
    tmp_path: Path, started: list[ProcessRecord]
) -> None:
    record = shell("exit 3", tmp_path, started)
    deadline = time.monotonic() + 10
    while processes.is_alive(record):
        assert time.monotonic() < deadline
    with pytest.raises(ChildProcessError):
        os.waitpid(record.pid, os.WNOHANG)


def test_process_that_ignores_sigterm_is_killed(
    tmp_path: Path, started: list[ProcessRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "TERMINATE_SECONDS", 0.1)
    record = shell(f"trap '' TERM; touch {tmp_path}/ready; while :; do sleep 0.1; done", tmp_path, started)
    wait_for(tmp_path / "ready")
    assert processes.stop([record]) == []
    assert not processes.is_alive(record)


def test_pid_that_now_belongs_to_someone_else_is_left_alone(
    tmp_path: Path, started: list[ProcessRecord]
) -> None:
    record = shell("exec sleep 60", tmp_path, started)
    stale = replace(record, started=record.started - 1)
    assert not processes.is_alive(stale)
    assert processes.stop([stale]) == []
    assert processes.is_alive(record)


def test_lost_processes_and_their_children_are_found_by_their_folder(
    tmp_path: Path, started: list[ProcessRecord]
) -> None:
    record = shell(f"sleep 60 & touch {tmp_path}/ready; wait", tmp_path, started)
    wait_for(tmp_path / "ready")
    found = processes.of_folder(tmp_path)
    assert record.pid in {one.pid for one in found}
    assert len(found) == 2
    assert processes.of_folder(tmp_path / "elsewhere") == []
    assert processes.stop(found) == []
    assert processes.of_folder(tmp_path) == []


def test_whoever_looks_is_never_among_those_found(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from meshroll_sandbox import processes;"
        "print(processes.of_folder(Path(sys.argv[1])))"
    )
    package = Path(processes.__file__).parents[1]
    environment = {**os.environ, FOLDER_VARIABLE: str(tmp_path), "PYTHONPATH": str(package)}
    command = [sys.executable, "-c", script, str(tmp_path)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_ports_are_distinct_free_and_outside_the_range_of_outgoing_connections() -> None:
    ports = choose_ports()
    assert set(ports) == set(PORT_NAMES)
    assert len(set(ports.values())) == len(ports)
    assert all(FIRST <= port < LAST for port in ports.values())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports["etcd"]))
        taken.listen()
        assert not all_free(ports.values())
    assert all_free(ports.values())
