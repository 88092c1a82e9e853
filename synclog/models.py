"""What happened: one SyncLog per attempt or decision, one ApiCall per HTTP exchange. Append-only, prunable."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from broker_project.lib.ids import new_id
from connectors.models import Connector

NOTABLE = ("duplicate", "waiting", "retrying", "dead", "refused", "note")
"""Outcomes that are rare beside “succeeded” and “nothing to do”."""


class SyncLog(models.Model):
    """The outcome of one attempt, or of a decision to do nothing, as a sentence with its evidence."""

    class Direction(models.TextChoices):
        OUTBOUND = "outbound", "Outbound"
        INBOUND = "inbound", "Inbound"

    class Outcome(models.TextChoices):
        SUCCEEDED = "succeeded", "Succeeded"
        SKIPPED = "skipped", "Nothing to do"
        DUPLICATE = "duplicate", "Duplicate"
        WAITING = "waiting", "Waiting"
        RETRYING = "retrying", "Will be retried"
        DEAD = "dead", "Dead letter"
        REFUSED = "refused", "Refused"
        NOTE = "note", "Note"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    connector = models.ForeignKey(
        Connector, on_delete=models.CASCADE, null=True, related_name="logs", db_constraint=False, db_index=False
    )
    direction = models.CharField(max_length=10, choices=Direction)
    outcome = models.CharField(max_length=12, choices=Outcome)
    code = models.CharField(max_length=40, help_text="Reason or error class.")
    sentence = models.TextField(help_text="What happened and why.")
    event_type = models.CharField(max_length=60, blank=True)
    work_order_id = models.BigIntegerField(null=True)
    external_id = models.CharField(max_length=255, blank=True)
    correlation_id = models.CharField(max_length=255, blank=True)
    # Plain ids: the evidence outlives the work it is about.
    event_id = models.UUIDField(null=True)
    delivery_id = models.UUIDField(null=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    received_at = models.DateTimeField(null=True)
    duration_ms = models.FloatField(null=True)
    user = models.CharField(max_length=150, blank=True, help_text="Who acted, for an operator's action.")
    details = models.JSONField(default=dict, help_text="Matched trigger, mappings with values, traces, error detail.")

    class Meta:
        verbose_name = "integration log"
        permissions = [("export_synclog", "Can export integration logs")]
        indexes = [
            # Each filter of the list as a walk in the order of time; see log_find.py. Those of an id and of what is
            # rare leave out the other rows, since every row is written into every index. Ascending, though the newest
            # are wanted first: new entries then come behind the others, which fills the pages.
            models.Index(fields=["created_at"], name="synclog_time"),
            models.Index(fields=["connector", "created_at"], name="synclog_connector"),
            models.Index(fields=["code", "created_at"], name="synclog_code"),
            models.Index(fields=["event_type", "created_at"], name="synclog_event_type"),
            models.Index(fields=["created_at"], condition=Q(direction="inbound"), name="synclog_inbound"),
            models.Index(fields=["outcome", "created_at"], condition=Q(outcome__in=NOTABLE), name="synclog_notable"),
            models.Index(
                fields=["connector", "outcome", "created_at"],
                condition=Q(outcome__in=NOTABLE),
                name="synclog_notable_of",
            ),
            models.Index(
                fields=["work_order_id", "created_at"],
                condition=Q(work_order_id__isnull=False),
                name="synclog_work_order",
            ),
            models.Index(
                fields=["external_id", "created_at"], condition=Q(external_id__gt=""), name="synclog_external"
            ),
            # without those that are made of the work order id, which are most: see log_find.marked
            models.Index(
                fields=["correlation_id", "created_at"],
                condition=Q(correlation_id__gt="") & ~Q(correlation_id__startswith="FN-"),
                name="synclog_correlation",
            ),
            # the evidence of one delivery, of one event
            models.Index(fields=["delivery_id"], name="synclog_by_delivery"),
            models.Index(fields=["event_id"], name="synclog_by_event"),
        ]

    def __str__(self) -> str:
        return self.sentence[:120]


class ApiCall(models.Model):
    """One HTTP exchange, redacted; bodies cut at a limit."""

    id = models.BigAutoField(primary_key=True)
    log = models.ForeignKey(SyncLog, on_delete=models.CASCADE, related_name="calls", db_constraint=False)
    position = models.PositiveSmallIntegerField(default=0)
    purpose = models.CharField(max_length=60)
    method = models.CharField(max_length=10)
    url = models.TextField()
    status = models.PositiveSmallIntegerField(null=True)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField()
    duration_ms = models.FloatField()
    request_headers = models.JSONField(default=dict)
    request_body = models.TextField(blank=True)
    response_headers = models.JSONField(default=dict)
    response_body = models.TextField(blank=True)

    class Meta:
        verbose_name = "API call"

    def __str__(self) -> str:
        return f"{self.method} {self.url} → {self.status or self.error}"


from .alert_models import (  # noqa: E402, F401 - models of this app, in a file of their own
    Alert,
    AlertChannel,
    AlertMessage,
    AlertRule,
    WebhookCheck,
)
from .audit_models import AuditEntry  # noqa: E402, F401
from .refused_models import RefusedCalls  # noqa: E402, F401
from .retention_models import Retention  # noqa: E402, F401
from .rollup_models import QueueSample, Rollup  # noqa: E402, F401 - likewise
from .worker_models import Worker  # noqa: E402, F401 - a model of this app, in a file of its own
