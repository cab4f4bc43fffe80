"""Start, recognise and stop the sandbox's processes.

A process is known by its pid and the moment it started (clock ticks since boot, /proc/PID/stat): a pid alone
may belong to someone else by the time it is looked at. What the record lost is found by the environment that
every process of a sandbox is given: MESHROLL_SANDBOX_FOLDER names its folder.
"""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER_VARIABLE = "MESHROLL_SANDBOX_FOLDER"
TERMINATE_SECONDS = 1.0
"""The API server would take longer to end by itself; nothing here is lost when it is killed."""

KILL_SECONDS = 5.0

# Python ignores SIGPIPE, and a shell may have made its children ignore SIGINT or SIGHUP; both are inherited.
_DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class ProcessRecord:
    """A process that was started: `started` in clock ticks since boot, `argv0` the executable's path."""

    pid: int
    started: int
    argv0: str


@dataclass(frozen=True)
class Stat:
    """What the kernel says of a process: whether it ended, and when it started (clock ticks since boot)."""

    ended: bool
    started: int


def spawn(argv: list[str], log: Path, environment: dict[str, str]) -> ProcessRecord:
    """Start `argv` in a session of its own, so that it outlives its starter, with all output to `log`."""
    output_flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        argv[0],
        argv,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.fspath(log), output_flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigdef=_DEFAULT_SIGNALS,
    )
    # Until it is waited for, a child of ours stays in /proc even when it ended at once.
    stat = _read_stat(pid)
    return ProcessRecord(pid, stat.started if stat else 0, argv[0])


def is_alive(record: ProcessRecord) -> bool:
    """Whether this very process still runs. Collects it when it ended as a child of this one."""
    stat = _read_stat(record.pid)
    if stat is None or stat.started != record.started:
        return False
    if stat.ended:
        with suppress(ChildProcessError):  # someone else's child is theirs to collect
            os.waitpid(record.pid, os.WNOHANG)
        return False
    return True


def stop(records: Iterable[ProcessRecord]) -> list[ProcessRecord]:
    """Ask the processes to end, then kill those that do not. Returns those that even so did not end."""
    waiting = list(records)
    for number, patience in ((signal.SIGTERM, TERMINATE_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        for record in waiting:
            _send(record, number)
        deadline = time.monotonic() + patience
        while (waiting := [record for record in waiting if is_alive(record)]) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not waiting:
            break
    return waiting


def of_folder(folder: Path) -> list[ProcessRecord]:
    """Every live process of this user that was started for the sandbox in `folder`, recorded or not."""
    marker = f"{FOLDER_VARIABLE}={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes()
            argv0 = (entry / "cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
        except OSError:
            continue  # gone meanwhile, or another user's
        stat = _read_stat(int(entry.name))
        if stat and marker in environment.split(b"\0"):
            found.append(ProcessRecord(int(entry.name), stat.started, argv0))
    return [record for record in found if is_alive(record)]


def parse_stat(text: str) -> Stat:
    """Read a /proc/PID/stat line (proc(5)): field 3 is the state, 20 how many threads, 22 the start time.

    The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
    A killed process is a zombie from the end of its first thread, while others may still hold its ports:
    it ended with the last.
    """
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(ended=fields[0] in "ZX" and int(fields[17]) <= 1, started=int(fields[19]))


def _read_stat(pid: int) -> Stat | None:
    try:
        return parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (OSError, ValueError):
        return None


def _send(record: ProcessRecord, number: signal.Signals) -> None:
    if is_alive(record):
        with suppress(ProcessLookupError):
            os.kill(record.pid, number)
