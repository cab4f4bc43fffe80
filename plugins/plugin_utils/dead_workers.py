"""A worker that died (killed, out of memory) as a task that failed, so that its cluster is taken back like any other.

Ansible 2.19 waits for such a worker for ever under ``strategy: free``, and elsewhere breaks off all clusters for it
(``TaskQueueManager.has_dead_workers``). What a worker sends when its task has ended is sent here in its stead.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import threading
import time
from contextlib import suppress
from multiprocessing import process
from types import FrameType
from typing import Any

from ansible.executor.process import worker as workers
from ansible.executor.task_queue_manager import FinalQueue
from ansible.executor.task_result import _RawTaskResult
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import failure
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    from meshroll.core.errors import Failed, Problem

# What is written while it is taken back is taken back wrongly: Helm ends in a second or two once it is told to.
PROGRAMS_END_SECONDS = 10.0
_PID = struct.Struct("=i")
# By worker, the process that has sent its result: a second one for the same task would end Ansible's own thread.
_sent = mmap.mmap(-1, 65536 * _PID.size)
_send = FinalQueue.send_task_result


def watch_workers() -> None:
    """Told by the kernel, in this process alone: a worker has programs of its own to wait for."""
    FinalQueue.send_task_result = _sending
    signal.signal(signal.SIGCHLD, _look)
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGCHLD, signal.SIG_DFL))


def _sending(queue: Any, result: Any) -> None:
    if workers.current_worker is not None:
        _PID.pack_into(_sent, workers.current_worker.worker_id * _PID.size, os.getpid())
    _send(queue, result)


def _look(_number: int, _frame: FrameType | None) -> None:
    # Ansible's own questions drop those that have ended from multiprocessing.active_children().
    for worker in list(process._dangling):
        if not isinstance(worker, workers.WorkerProcess) or worker._closed or not worker.exitcode:
            continue
        ended = worker.exitcode
        # It is told of here; Ansible would end the runs of all clusters for it.
        worker._popen.returncode = 0
        if _PID.unpack_from(_sent, worker.worker_id * _PID.size)[0] != worker.pid:
            # Not in the handler: whoever waits there hears no other signal.
            threading.Thread(target=_fail, args=(worker, worker.pid, ended), daemon=True).start()


def _fail(worker: workers.WorkerProcess, pid: int, ended: int) -> None:
    _end_programs(pid)
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


def _end_programs(group: int) -> None:
    """Those that the worker had started: it led a group of its own."""
    until = time.monotonic() + PROGRAMS_END_SECONDS
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        while time.monotonic() < until:
            time.sleep(0.1)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)
