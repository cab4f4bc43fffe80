"""One command, from its invocation to its result, in a folder of its own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any

from meshroll import __version__
from meshroll.adapters.alive import held, is_dead
from meshroll.adapters.events import now
from meshroll.core.errors import ExitCode
from meshroll.core.run import run_id_of
from meshroll.playbook.child import View, run_child
from meshroll.playbook.ending import Identity, result_of
from meshroll.playbook.invocation import Invocation, RunFolder, arguments, environment

# Where Ansible's log tells more than the result does: something went wrong that meshroll did not foresee.
_KEPT_CODES = frozenset({ExitCode.BUG, ExitCode.ROLLBACK_INCOMPLETE})
_KEPT_ERRORS = frozenset({"task-failed", "no-result", "worker-died"})


def run(invocation: Invocation, view: View, keep_log: bool = False) -> dict[str, Any]:
    """The result's envelope. ``data.log_file`` is where the log is, where it was worth keeping.

    Raises UsageError before anything is started.
    """
    invocation.validate()
    started_at = now()
    run_id = new_run_id(started_at)
    folder = RunFolder(Path(tempfile.mkdtemp(prefix=f"meshroll-{run_id}-")))
    folder.temporary.mkdir(mode=0o700)
    kept = True
    try:
        argv = arguments(invocation, folder, run_id, started_at)
        with held(folder.alive) as alive:
            end = run_child(argv, environment(folder, os.environ), folder, view, alive)
        identity = Identity(invocation.command, __version__, run_id, started_at, now())
        result = result_of(identity, end, _written(folder.result), _lines(folder.log))
        kept = keep_log or _worth_keeping(result)
        result["data"]["log_file"] = str(folder.log) if kept else None
        return result
    finally:
        # A worker that outlived Ansible still writes there, and the lock tells others of it.
        if is_dead(str(folder.alive)):
            shutil.rmtree(folder.temporary if kept else folder.path, ignore_errors=True)


def new_run_id(started_at: str) -> str:
    """The id of a run that starts now."""
    return run_id_of(started_at, secrets.token_hex(3))


def _worth_keeping(result: dict[str, Any]) -> bool:
    told = {error["code"] for error in result["errors"]}
    return result["exit_code"] in _KEPT_CODES or not told.isdisjoint(_KEPT_ERRORS)


def _written(path: Path) -> dict[str, Any] | None:
    """What the clusters wrote; None where none did, or the last one was killed while writing."""
    try:
        written: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return written


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()
