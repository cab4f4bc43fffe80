"""Whether any process of a run is alive, told by a file that all of them hold locked.

The lock belongs to the open file, which ansible-playbook and its workers inherit: it is free only once the last of
them is gone, however it went. Programs that they start do not inherit it. It tells of this machine alone.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "MESHROLL_ALIVE"


@contextmanager
def held(path: Path) -> Iterator[int]:
    """A descriptor to be passed on to the run's processes; closing it here leaves the lock to them."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def path_of_this_run(environment: Mapping[str, str]) -> str | None:
    """The file of the run that this process belongs to; None where a playbook was started by hand."""
    return environment.get(VARIABLE) or None


def is_dead(path: str) -> bool:
    """True only where the file is there, is this user's, and no process holds it: False is not "alive".

    Asks for a shared lock, so that two who ask at once do not take each other for the run.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return False
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            return False
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
