"""Settings of all tests, and the sandbox of those that need a real API server."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from meshroll_sandbox.cluster import down, up
from meshroll_sandbox.status import Status, status

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("meshroll", deadline=None)
hypothesis.settings.load_profile("meshroll")

RUNNING = "MESHROLL_TEST_SANDBOX"
"""Names the folder of a sandbox that is up already: it is used as it is, and stays up."""


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Status]:
    """A sandbox that is up; each worker of a parallel run has one of its own."""
    running = os.environ.get(RUNNING)
    if running:
        found = status(Path(running))
        assert found.condition == "up", f"{RUNNING} names {running}, where the sandbox is {found.condition}"
        yield found
        return
    folder = tmp_path_factory.mktemp("sandbox") / "sandbox"
    try:
        yield up(folder, lambda _: None)
    finally:
        down(folder, lambda _: None)


# Started in the background (a shell's `&`, nohup) these are ignored, and a command that is started here inherits that:
# what is tried with signals would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)
