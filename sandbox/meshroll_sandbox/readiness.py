"""Wait until processes answer, and say why when one does not."""

import ssl
import time
import urllib.request
from collections.abc import Iterable, Mapping
from http.client import HTTPException

from meshroll_sandbox.errors import SandboxError
from meshroll_sandbox.parts import Part
from meshroll_sandbox.paths import SandboxFolder
from meshroll_sandbox.processes import ProcessRecord, is_alive

READY_SECONDS = 120.0
LOG_TAIL_LINES = 15

# Loopback only: the controller manager and the scheduler answer with certificates they made themselves.
_ANY_CERTIFICATE = ssl.create_default_context()
_ANY_CERTIFICATE.check_hostname = False
_ANY_CERTIFICATE.verify_mode = ssl.CERT_NONE

_OPENER = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_ANY_CERTIFICATE)
)


def answers(url: str) -> bool:
    """Whether `url` answers 200 within two seconds."""
    try:
        with _OPENER.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, HTTPException):
        return False


def wait_ready(
    wanted: Iterable[Part],
    processes: Mapping[str, ProcessRecord],
    layout: SandboxFolder,
    seconds: float = READY_SECONDS,
) -> None:
    """Return when all parts answer. Raises SandboxError with the log's end of one that ended or was late."""
    deadline = time.monotonic() + seconds
    waiting = list(wanted)
    while waiting:
        for part in list(waiting):
            if answers(part.ready_url):
                waiting.remove(part)
            elif not is_alive(processes[part.name]):
                raise failure(layout, part.name, "ended while it was starting")
            elif time.monotonic() > deadline:
                raise failure(layout, part.name, f"was not ready within {seconds:.0f} s")
        if waiting:
            time.sleep(0.05)


def failure(layout: SandboxFolder, name: str, what: str) -> SandboxError:
    """The error for the process `name`, with the end of its log."""
    return SandboxError(
        f"{name} {what}:\n{log_tail(layout, name)}",
        f"The whole log is {layout.log(name)}. `meshroll sandbox down` clears the sandbox away.",
    )


def log_tail(layout: SandboxFolder, name: str) -> str:
    """The last lines of a process's log."""
    try:
        lines = layout.log(name).read_text(errors="replace").splitlines()
    except OSError:
        return "(it has no log)"
    return "\n".join(lines[-LOG_TAIL_LINES:]) or "(its log is empty)"
