"""The request to stop, from a worker's main process to the processes and threads that deliver.

Celery lets a running task end, and a task of ours claims for many seconds. So the main process raises a flag that
everything it forked sees, and the delivering loop claims nothing more.
"""

from __future__ import annotations

import mmap
from typing import Any

from celery.signals import worker_shutting_down

# One byte of shared memory, made before the pool forks. It needs no lock: a lock could be left behind by a process
# that was killed, and would then keep the signal handler waiting for ever.
_flag = mmap.mmap(-1, 1)


def request() -> None:
    """From now on nothing more is claimed by this process and those that it forks. Safe in a signal handler."""
    _flag[0] = 1


def is_requested() -> bool:
    """Whether this worker was asked to stop."""
    return _flag[0] == 1


@worker_shutting_down.connect
def _worker_shutting_down(**_: Any) -> None:
    request()
