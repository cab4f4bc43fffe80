"""Writes down when each task of each host began and ended, to the file in $TASK_TIMES.

A line a task: [host, task, action, begin, end], in seconds of the monotonic clock.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_times"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._begun: dict[tuple[str, str], float] = {}
        self._file = Path(os.environ["TASK_TIMES"])

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._begun[host.get_name(), task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._ended(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._ended(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._ended(result)

    def _ended(self, result: Any) -> None:
        began = self._begun.pop((result._host.get_name(), result._task._uuid), None)
        if began is None:
            return
        with self._file.open("a") as file:
            task = result._task
            row = [result._host.get_name(), task._uuid, task.action, began, time.monotonic()]
            file.write(json.dumps(row) + "\n")
