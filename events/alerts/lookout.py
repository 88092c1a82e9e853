"""Who looks: a worker, whenever beat asks for it; and beat itself when no worker is alive to be asked."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import Final

from django.db import close_old_connections, connection
from django.db.models import Max
from django.utils import timezone

from synclog.worker_models import Worker

from . import outbox, rules, watch, webhook_checks
from .kinds import Kind

logger = logging.getLogger(__name__)

EVERY_SECONDS: Final = 15.0


def go_round(*, alone: bool = False) -> None:
    """Look, send what is to be told, and ask Field Nation when it is time. A look that fails stops no message."""
    try:
        watch.look(alone=alone)
    finally:
        outbox.send_due()
    if not alone:
        webhook_checks.check_due()


class Lookout:
    """In beat's process: a thread that does nothing while a worker lives, and goes the rounds itself when none does.

    Without it nobody could tell that the last worker died, since it is workers that look.
    """

    def __init__(self, *, seconds: float = EVERY_SECONDS) -> None:
        self._seconds = seconds
        self._alive_at = timezone.now()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(timeout=15)

    def turn(self, *, now: datetime | None = None) -> bool:
        """One look at the heartbeats; True when no worker is alive and the rounds were gone here."""
        now = now or timezone.now()
        rule = rules.load().of(Kind.WORKER_MISSING)
        last = Worker.objects.filter(kind=Worker.Kind.WORKER).aggregate(last=Max("seen_at"))["last"]
        self._alive_at = max(self._alive_at, last or self._alive_at)
        if not rule.is_on or now - self._alive_at < timedelta(minutes=rule.minutes or 1):
            return False
        go_round(alone=True)
        return True

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                close_old_connections()
                self.turn()
            except Exception:  # the boundary of this thread: an outage of the database must not end it
                logger.exception("The lookout failed; it looks again.")
            finally:
                connection.close()  # it is not needed for most of the time
