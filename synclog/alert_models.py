"""Alerts: the rules that watch, what they found, who is told and through which channel."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from broker_project.lib.sealed import SealedField
from connectors.models import Company, Connector


class AlertRule(models.Model):
    """What is watched and from when on people are told. The rule without a connector holds for all that have none.

    Which of ``limit``, ``minutes`` and ``minimum`` mean something, and what, stands in ``events.alerts.kinds``.
    """

    class Kind(models.TextChoices):
        FAILED_OPERATION = "failed_operation", "Failed operation"
        DEAD_LETTER = "dead_letter", "Dead letter"
        AUTH_FAILURE = "auth_failure", "Authentication failure"
        CREDENTIALS_EXPIRING = "credentials_expiring", "Credentials about to expire"
        ERROR_RATE = "error_rate", "High error rate"
        QUEUE_AGE = "queue_age", "Old queue"
        NO_EVENTS = "no_events", "No events"
        LANE_BLOCKED = "lane_blocked", "Blocked lane"
        BREAKER_OPEN = "breaker_open", "System does not answer"
        LOOP_SUSPECTED = "loop_suspected", "Loop suspected"
        WORKER_MISSING = "worker_missing", "Worker missing"
        WEBHOOK_INACTIVE = "webhook_inactive", "Webhook not active"

    kind = models.CharField("watches for", max_length=20, choices=Kind)
    connector = models.ForeignKey(
        Connector,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="alert_rules",
        help_text="For this connector, instead of the installation's rule.",
    )
    is_on = models.BooleanField("on", default=True, help_text="Off: nobody is told, and open alerts of it end.")
    limit = models.FloatField(null=True, blank=True)
    minutes = models.PositiveIntegerField(null=True, blank=True)
    minimum = models.PositiveIntegerField(null=True, blank=True)
    quiet_minutes = models.PositiveIntegerField(
        "quiet period in minutes",
        default=60,
        help_text="After a message about a cause, the next one about the same cause follows no sooner.",
    )

    class Meta:
        verbose_name = "alert rule"
        constraints = [
            models.UniqueConstraint(fields=["kind", "connector"], nulls_distinct=False, name="alert_rule_once")
        ]

    def __str__(self) -> str:
        whose = self.connector.name if self.connector else "all connectors"
        return f"{self.get_kind_display()}, {whose}"


class Alert(models.Model):
    """One cause that a rule found: open, then perhaps acknowledged, at last recovered. One that is not recovered a
    cause; a cause that comes back after a while makes a new one."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        RECOVERED = "recovered", "Recovered"

    cause = models.CharField(max_length=150, editable=False, help_text="Kind, connector or company, and error class.")
    kind = models.CharField(max_length=20, choices=AlertRule.Kind)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, null=True, related_name="alerts", db_index=False)
    code = models.CharField("error class", max_length=60, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    sentence = models.CharField("what is wrong", max_length=1000)
    advice = models.CharField("what to do", max_length=1000)
    count = models.PositiveIntegerField(default=1)
    is_capped = models.BooleanField(default=False, help_text="There are more than were counted.")
    example = models.CharField(max_length=1000, blank=True)
    example_delivery = models.UUIDField(null=True)
    since = models.DateTimeField()
    last_seen_at = models.DateTimeField("last seen")
    recovered_at = models.DateTimeField("recovered", null=True)
    acknowledged_at = models.DateTimeField("acknowledged", null=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    mark = models.BigIntegerField(default=0, help_text="Grows with every new failure.")
    told_at = models.DateTimeField("last message", null=True)
    told_mark = models.BigIntegerField(default=0)
    is_told = models.BooleanField(default=False, help_text="People were told that it is open, and not yet of its end.")
    timeline = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cause"], condition=Q(recovered_at__isnull=True), name="alert_open_once"),
            models.CheckConstraint(
                condition=Q(state="recovered", recovered_at__isnull=False)
                | Q(state__in=["open", "acknowledged"], recovered_at__isnull=True),
                name="alert_recovered_at",
            ),
        ]
        indexes = [
            models.Index(fields=["cause", "-told_at"], name="alert_by_cause"),  # whether a cause is in its quiet period
            models.Index(fields=["recovered_at"], name="alert_by_end"),  # the list, and what is pruned
        ]

    def __str__(self) -> str:
        return self.sentence


class AlertChannel(models.Model):
    """A way to tell people. It sends one message after the other; while it fails, its messages wait in order."""

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Signed webhook"
        SLACK = "slack", "Slack-compatible webhook"

    name = models.CharField(max_length=100, unique=True, help_text="As people here call it.")
    kind = models.CharField(max_length=10, choices=Kind)
    is_on = models.BooleanField("on", default=True, help_text="Off: it gets no messages.")
    connector = models.ForeignKey(
        Connector,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="alert_channels",
        help_text="Only alerts of this connector. Empty: all alerts.",
    )
    addresses = models.TextField(
        "e-mail addresses", blank=True, help_text="Who gets every alert of this channel: one e-mail address a line."
    )
    to_connector_addresses = models.BooleanField(
        "also to the connector's notification addresses",
        default=True,
        help_text="An alert about a connector also goes to the addresses on the connector's page.",
    )
    url = SealedField(blank=True, default="", help_text="Encrypted; never shown again.")
    host = models.CharField("sends to", max_length=255, blank=True, editable=False)
    secret = SealedField(blank=True, default="", help_text="Signs the messages. Encrypted; never shown again.")
    failing_since = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField("failed tries in a row", default=0, editable=False)
    failure = models.CharField("last failure", max_length=500, blank=True, editable=False)
    next_attempt_at = models.DateTimeField("next try", null=True, editable=False)
    busy_until = models.DateTimeField(null=True, editable=False, help_text="A worker sends; the end of its lease.")
    last_sent_at = models.DateTimeField("last message sent", null=True, editable=False)

    class Meta:
        verbose_name = "alert channel"

    def __str__(self) -> str:
        return self.name


class AlertMessage(models.Model):
    """One message of a channel: written with what it tells of, sent afterwards, repeated until it went through."""

    class About(models.TextChoices):
        OPENED = "opened", "Opened"
        REMINDER = "reminder", "Goes on"
        RECOVERED = "recovered", "Recovered"
        SEVERAL = "several", "Several at once"
        TEST = "test", "Test"

    class State(models.TextChoices):
        PENDING = "pending", "Not sent yet"
        SENT = "sent", "Sent"
        FAILED = "failed", "Given up"

    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="messages", db_index=False)
    alerts = models.ManyToManyField(Alert, related_name="messages")
    about = models.CharField(max_length=10, choices=About)
    webhook_id = models.UUIDField(default=uuid.uuid4, editable=False, help_text="The same at every try.")
    subject = models.CharField(max_length=200)
    text = models.TextField()
    payload = models.JSONField(default=dict)
    recipients = models.JSONField(default=list, help_text="E-mail addresses.")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField("last failure", max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "alert message"
        indexes = [
            # what a channel has to send, oldest first
            models.Index(fields=["channel", "id"], condition=Q(state="pending"), name="alert_message_pending"),
            models.Index(fields=["channel", "-id"], name="alert_message_by_channel"),
            models.Index(fields=["created_at"], name="alert_message_by_time"),  # what is pruned
        ]

    def __str__(self) -> str:
        return self.subject


class WebhookCheck(models.Model):
    """What Field Nation last said about the webhooks that bring a company's events here."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, primary_key=True, related_name="webhook_check")
    checked_at = models.DateTimeField()
    is_active = models.BooleanField(null=True, help_text="Null: Field Nation could not be asked.")
    sentence = models.CharField(max_length=500)
    webhooks = models.JSONField(default=list, help_text="Id and status of each that leads here.")

    class Meta:
        verbose_name = "webhook check"

    def __str__(self) -> str:
        return self.sentence
