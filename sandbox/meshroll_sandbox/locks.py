"""One `up` or `down` at a time in a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from meshroll_sandbox.errors import SandboxError
from meshroll_sandbox.paths import SandboxFolder


@contextmanager
def exclusive(layout: SandboxFolder) -> Iterator[None]:
    """Hold the folder, which exists. Raises SandboxError when another process works on it, or removed it."""
    try:
        lock = layout.lock.open("w")
    except FileNotFoundError as error:
        raise SandboxError(f"{layout.root} was removed meanwhile", "Try again.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            same = layout.lock.exists() and os.path.samestat(os.fstat(lock.fileno()), layout.lock.stat())
        except BlockingIOError:
            same = False
        if not same:
            raise SandboxError(
                f"another `meshroll sandbox` command is working on {layout.root}", "Wait until it has ended."
            )
        yield
