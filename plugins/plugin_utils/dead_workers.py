"""A worker that died (killed, out of memory) as a task that failed, so that its cluster is taken back like any other.

Ansible 2.19 waits for such a worker for ever under ``strategy: free``, and elsewhere breaks off all clusters for it
(``TaskQueueManager.has_dead_workers``). What a worker sends when its task has ended is sent here in its stead.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from multiprocessing import process
from types import FrameType

from ansible.executor.process.worker import WorkerProcess
from ansible.executor.task_result import _RawTaskResult
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import failure
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.core.errors import Failed, Problem


def watch_workers() -> None:
    """Told by the kernel, in this process alone: a worker has programs of its own to wait for."""
    signal.signal(signal.SIGCHLD, _look)
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGCHLD, signal.SIG_DFL))


def _look(_number: int, _frame: FrameType | None) -> None:
    # Ansible's own questions drop those that have ended from multiprocessing.active_children().
    for worker in list(process._dangling):
        if isinstance(worker, WorkerProcess) and not worker._closed and worker.exitcode:
            _fail(worker, worker.exitcode)


def _fail(worker: WorkerProcess, ended: int) -> None:
    # Helm, say, would go on to write while what it writes is taken back. A worker leads a group of its own.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, signal.SIGTERM)
    how = f"was killed by {signal.Signals(-ended).name}" if ended < 0 else f"ended with {ended}"
    told = failure(
        Failed(
            Problem(
                "worker-died",
                f"The process at work on {worker._host.name} {how} in the task {worker._task.name!r}.",
                "Where the machine ran out of memory (its kernel's log tells), give it more or take fewer clusters "
                "at once with --limit. Otherwise this is a bug in meshroll; please report it.",
            )
        )
    )
    with suppress(OSError):  # Ansible is on its way out, and ended the worker itself
        worker._final_q.send_task_result(
            _RawTaskResult(
                host=worker._host,
                task=worker._task,
                return_data=told,
                task_fields=worker._task.dump_attrs(),
            )
        )
    # Told above; Ansible would end the runs of all clusters for it.
    worker._popen.returncode = 0
