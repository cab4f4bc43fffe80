"""The result file: each cluster adds its own entry, under a lock, as soon as it has ended."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from meshroll import __version__
from meshroll.adapters.events import now
from meshroll.core.result import envelope, with_cluster
from meshroll.core.run import Run


def add_cluster(
    run: Run, command: str, cluster: Mapping[str, Any], errors: Sequence[Mapping[str, Any]]
) -> None:
    """Puts ``cluster`` into the run's result file, if the run names one."""
    if not run.result_file:
        return
    path = Path(run.result_file)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        result = json.loads(text) if text else None
        if result is None or result.get("run_id") != run.id:
            result = envelope(
                command=command,
                version=__version__,
                run_id=run.id,
                started_at=run.started_at or now(),
                finished_at=None,
                exit_code=0,
                data={},
            )
        file.seek(0)
        file.truncate()
        json.dump(with_cluster(result, cluster, errors, now()), file, indent=2)
        file.write("\n")
