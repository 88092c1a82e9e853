"""Figures kept as work is done, so that no page has to count deliveries or logs."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Rollup(models.Model):
    """What happened in a span of time to one connector and direction. Insert-only: rows of one key are added up.

    Each thing that happened is counted in exactly one row of span 0, 60, 900 or 7200 that is not ``rolled``, and for a
    while in rolled ones of finer spans (see rollup_compact.py); once its row of span 60 is rolled, in one of span
    LIFETIME too. ``at`` is where the span begins. ``kind`` says which columns hold something: ``deliveries`` the
    outcomes and the latencies of those that succeeded; ``calls`` (``name``: external or field_nation) count, failed and
    durations; ``errors`` (``name``: the class) count.
    """

    class Kind(models.TextChoices):
        DELIVERIES = "deliveries", "Deliveries"
        CALLS = "calls", "API calls"
        ERRORS = "errors", "Failed attempts"

    LIFETIME = 2_000_000_000
    """The span of the rows that hold all that ever happened up to the quarter of an hour that was added last."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    span = models.PositiveIntegerField(help_text="Seconds; 0 for one batch.")
    rolled = models.BooleanField(db_default=False, help_text="A row of the next coarser span holds it as well.")
    connector_id = models.BigIntegerField(null=True, help_text="Empty: an event as it was received.")
    company_id = models.BigIntegerField(null=True)
    direction = models.CharField(max_length=10)
    kind = models.CharField(max_length=12, choices=Kind)
    name = models.CharField(max_length=40, blank=True)
    received = models.BigIntegerField(db_default=0, help_text="Events that came in, repeats left out.")
    routed = models.BigIntegerField(db_default=0, help_text="Events that this connector got a delivery for.")
    duplicates = models.BigIntegerField(db_default=0)
    succeeded = models.BigIntegerField(db_default=0)
    skipped = models.BigIntegerField(db_default=0)
    waiting = models.BigIntegerField(db_default=0)
    retrying = models.BigIntegerField(db_default=0)
    dead = models.BigIntegerField(db_default=0)
    count = models.BigIntegerField(db_default=0)
    failed = models.BigIntegerField(db_default=0)
    total_ms = models.FloatField(db_default=0.0)
    histogram = ArrayField(models.BigIntegerField(), db_default=[], help_text="Counts by the bounds of histogram.py.")

    class Meta:
        verbose_name = "figures of a span"
        verbose_name_plural = "figures of spans"
        indexes = [
            models.Index(fields=["span", "at"], name="rollup_by_time"),
            # without rows of a batch: those are written while people wait
            models.Index(fields=["span", "at"], name="rollup_unrolled", condition=models.Q(rolled=False, span__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of connector {self.connector_id} at {self.at}"


class QueueSample(models.Model):
    """How many deliveries were open at a moment; a connector and direction with none has no row.

    The row without connector and direction is all of them together; it is there whenever a sample was taken.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    connector_id = models.BigIntegerField(null=True)
    direction = models.CharField(max_length=10, blank=True)
    queued = models.IntegerField(help_text="Pending, in flight or to be retried.")
    waiting = models.IntegerField(help_text="For a person.")
    oldest_at = models.DateTimeField(null=True, help_text="When the oldest of the queued ones was made.")

    class Meta:
        verbose_name = "sample of the queue"
        verbose_name_plural = "samples of the queue"
        constraints = [
            models.UniqueConstraint(
                fields=["at", "connector_id", "direction"], name="queue_sample_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.queued} queued for connector {self.connector_id} at {self.at}"
