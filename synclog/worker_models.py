"""The processes that do the work, as they last told of themselves."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Worker(models.Model):
    """A main process of Celery and its last sign of life. Written by that process only; see events/heartbeat.py."""

    class Kind(models.TextChoices):
        WORKER = "worker", "Worker"
        BEAT = "beat", "Beat"

    BEAT_SECONDS: ClassVar[int] = 15
    """A living process tells of itself this often."""
    MISSING_SECONDS: ClassVar[int] = 60
    """One that was not heard of for so long is missing."""

    name = models.CharField(primary_key=True, max_length=300, help_text="Kind, host and process id.")
    kind = models.CharField(max_length=10, choices=Kind)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField("process id")
    version = models.CharField(max_length=50, help_text="Version of the broker that it runs.")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField("last sign of life", db_default=Now())
    concurrency = models.PositiveIntegerField(default=0, db_default=0, help_text="Processes that it runs tasks in.")
    busy = models.PositiveIntegerField(default=0, db_default=0, help_text="How many of them ran a task just then.")

    def __str__(self) -> str:
        return self.name

    def is_missing(self, now: datetime) -> bool:
        """Whether the process was not heard of for a minute."""
        return (now - self.seen_at).total_seconds() > self.MISSING_SECONDS
