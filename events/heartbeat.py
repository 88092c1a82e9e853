"""Signs of life: each worker and beat writes a row about itself every few seconds, and removes it when it ends.

The thread that does so lives in the main process, which runs no tasks and forks those that do. It therefore uses a
connection of its own each time: a pool that a forked child inherited would be two processes on one socket.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from django.utils.html import format_html

from broker_project.lib.own_connection import own_connection
from broker_project.lib.pages import Table, label, moment
from broker_project.lib.version import version
from synclog.worker_models import Worker

logger = logging.getLogger(__name__)

_TELL = """
INSERT INTO synclog_worker (name, kind, host, pid, version, started_at, seen_at, concurrency, busy)
VALUES (%s, %s, %s, %s, %s, %s, statement_timestamp(), %s, %s)
ON CONFLICT (name) DO UPDATE SET kind = EXCLUDED.kind, version = EXCLUDED.version, started_at = EXCLUDED.started_at,
    seen_at = EXCLUDED.seen_at, concurrency = EXCLUDED.concurrency, busy = EXCLUDED.busy
"""
_PRUNE = "DELETE FROM synclog_worker WHERE seen_at < statement_timestamp() - interval '1 day'"
_REMOVE = "DELETE FROM synclog_worker WHERE name = %s"


@dataclass(frozen=True, kw_only=True)
class Process:
    """Who tells: ``kind`` as in Worker.Kind; ``busy`` is asked each time how many processes run a task."""

    kind: str
    concurrency: int = 0
    busy: Callable[[], int] = lambda: 0
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def name(self) -> str:
        return f"{self.kind} {self.host}:{self.pid}"


class Heartbeat:
    """Tells of ``process`` every ``seconds`` from a thread of its own, through any outage of the database."""

    def __init__(self, process: Process, *, seconds: float = Worker.BEAT_SECONDS) -> None:
        self.process = process
        self._seconds = seconds
        self._ended = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Tell no more and remove the row. What cannot be removed is missing after a minute, and gone after a day."""
        self._ended.set()
        self._thread.join(timeout=10)
        self._write(lambda: remove(self.process))

    def _run(self) -> None:
        while not self._ended.is_set():
            self._write(lambda: tell(self.process))
            self._ended.wait(self._seconds)

    def _write(self, act: Callable[[], None]) -> None:
        try:
            act()
            self._failing = False
        except (DatabaseError, InterfaceError) as error:
            if not self._failing:
                logger.warning("The heartbeat could not be written (%s); it is tried again.", type(error).__name__)
            self._failing = True
        except Exception:  # the boundary of this thread: a bug here must not make a living worker look dead
            logger.exception("The heartbeat failed inside the broker.")


def tell(process: Process) -> None:
    """Write the sign of life, and remove those of processes that have been gone for a day. Raises DatabaseError."""
    row: list[Any] = [
        process.name,
        process.kind,
        process.host,
        process.pid,
        version(),
        process.started_at,
        process.concurrency,
        process.busy(),
    ]
    with own_connection() as connection, connection.cursor() as cursor:
        cursor.execute(_TELL, row)
        cursor.execute(_PRUNE)


def remove(process: Process) -> None:
    """Remove the process's row. Raises DatabaseError."""
    with own_connection() as connection, connection.cursor() as cursor:
        cursor.execute(_REMOVE, [process.name])


def workers_table(user: AbstractBaseUser | AnonymousUser) -> Table | None:
    """The processes that were heard of within the last day, for the dashboard; None for who may not see them.

    What is missing comes first: a person looks there.
    """
    if not (user.has_perm("synclog.view_worker") or user.has_perm("synclog.change_worker")):  # type: ignore[union-attr]
        return None
    now = timezone.now()
    workers = sorted(Worker.objects.order_by("-seen_at")[:MOST_SHOWN], key=lambda w: (-w.is_missing(now), w.name))
    living = {worker.kind for worker in workers if not worker.is_missing(now)}
    gone = [kind for kind in Worker.Kind if kind not in living]
    rows = [(kind.label, label("Missing", "danger"), "", "", "", MISSING[kind]) for kind in gone]
    rows += [_row(worker, now) for worker in workers]
    headers = ("Process", "State", "Version", "Tasks", "Runs", "Last sign of life")
    return Table(title="Workers", headers=headers, rows=rows)


MOST_SHOWN = 100
MISSING = {
    Worker.Kind.WORKER: "No worker runs, so nothing is delivered. Events are kept. Start one: celery worker.",
    Worker.Kind.BEAT: "Beat does not run, so retries and lost hints are not taken up. Start it, once: celery beat.",
}


def _row(worker: Worker, now: datetime) -> tuple[Any, ...]:
    state = label("Missing", "danger") if worker.is_missing(now) else label("Alive", "success")
    name = f"{worker.get_kind_display()} on {worker.host}, process {worker.pid}"
    of_web = version()
    runs: Any = worker.version
    if runs != of_web:
        runs = label(f"{worker.version}, the web server {of_web}", "warning")
    busy = f"{worker.busy} of {worker.concurrency} busy" if worker.kind == Worker.Kind.WORKER else ""
    since, heard = format_html("since {}", moment(worker.started_at)), format_html("heard {}", moment(worker.seen_at))
    return (name, state, runs, busy, since, heard)
