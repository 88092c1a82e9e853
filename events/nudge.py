"""Hints to the workers that there is work: coalesced, never waited for, safe to lose. The sweep finds the rest."""

from __future__ import annotations

import logging
import os
import threading

from django.db import transaction

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.05
"""At most one hint in this time per process."""


class _Nudger:
    """A background thread that publishes a task, so that a slow or dead Celery broker never delays a request."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._wanted = threading.Event()
        self._pid = 0
        self._lock = threading.Lock()
        self._failing = False

    def want(self) -> None:
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():  # first use, or this process was forked
                    self._wanted = threading.Event()
                    self._pid = os.getpid()
                    threading.Thread(target=self._run, args=(self._wanted,), name="nudge", daemon=True).start()
        self._wanted.set()

    def _run(self, wanted: threading.Event) -> None:
        pause = threading.Event()
        while True:
            wanted.wait()
            wanted.clear()
            self._publish()
            pause.wait(INTERVAL_SECONDS)

    def _publish(self) -> None:
        from . import tasks

        try:
            getattr(tasks, self._task).apply_async(expires=10, retry=False)
            if self._failing:
                logger.info("The Celery broker answers again.")
            self._failing = False
        except Exception as error:  # the worker boundary of this thread: a lost hint must never end it
            if not self._failing:
                logger.warning(
                    "The Celery broker does not answer (%s). Events are kept; delivery goes on when it is back.",
                    type(error).__name__,
                )
            self._failing = True


_nudger = _Nudger("deliver")
_job_nudger = _Nudger("run_jobs")


def nudge() -> None:
    """After the present transaction commits, tell the workers that there is work."""
    transaction.on_commit(_nudger.want)


def nudge_jobs() -> None:
    """After the present transaction commits, tell the workers that a job is due."""
    transaction.on_commit(_job_nudger.want)
