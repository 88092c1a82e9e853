"""How to reach a system: the Field Nation account and the configured external systems."""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta
from typing import Any

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from broker_project.lib.digest import digest
from broker_project.lib.sealed import SealedField

from .condition import Condition, condition
from .fieldnation.client import ENVIRONMENTS, Credentials

OVERLAP = timedelta(hours=24)
EXPIRY_HELP = (
    "Their last day, when the password, key or client secret runs out. You are told 14 days before, or as the alert "
    "rule says. Empty: not known."
)


def new_token() -> str:
    return secrets.token_urlsafe(32)


class Company(models.Model):
    """A Field Nation account: where its API is, how to sign in, how its webhooks are signed."""

    class Environment(models.TextChoices):
        SANDBOX = "sandbox", "Sandbox"
        PRODUCTION = "production", "Production"
        CUSTOM = "custom", "Custom address"

    class Grant(models.TextChoices):
        PASSWORD = "password", "Password"
        CLIENT_CREDENTIALS = "client_credentials", "Client credentials"

    class Encoding(models.TextChoices):
        JSON = "json", "JSON"
        FORM = "form", "Form"

    name = models.CharField(max_length=200, unique=True, help_text="As people here call the account.")
    environment = models.CharField(
        max_length=20,
        choices=Environment,
        default=Environment.SANDBOX,
        help_text="Credentials, data and ids differ between sandbox and production.",
    )
    custom_api_base = models.URLField(
        "custom API address",
        blank=True,
        help_text="Only for the environment “Custom address”: scheme and host, such as https://api.example.test",
    )
    grant_type = models.CharField(
        max_length=30,
        choices=Grant,
        default=Grant.PASSWORD,
        help_text="How to sign in. Field Nation's REST API uses Password.",
    )
    token_encoding = models.CharField(
        max_length=10, choices=Encoding, default=Encoding.JSON, help_text="How the sign-in request is written."
    )
    client_id = models.CharField(max_length=200, blank=True, help_text="From Field Nation, for this environment.")
    client_secret = SealedField(blank=True, default="", help_text="Encrypted; never shown again.")
    username = models.CharField(max_length=200, blank=True, help_text="The API user; changes are recorded under it.")
    password = SealedField(blank=True, default="", help_text="Encrypted; never shown again.")
    credentials_expire_on = models.DateField("credentials valid until", null=True, blank=True, help_text=EXPIRY_HELP)
    api_user_id = models.BigIntegerField(
        null=True, blank=True, help_text="Field Nation's number of the API user; tells the broker's own changes apart."
    )
    webhook_key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    webhook_secret = SealedField(
        blank=True,
        default="",
        help_text="The webhook's secret as Field Nation shows it, with its hyphens. Encrypted; never shown again.",
    )
    previous_webhook_secret = SealedField(blank=True, default="", editable=False)
    previous_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    is_active = models.BooleanField(
        "active", default=True, help_text="Off: webhooks of this account are refused and nothing is sent to it."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "companies"

    def __str__(self) -> str:
        return self.name

    @property
    def api_base(self) -> str:
        if self.environment == self.Environment.CUSTOM:
            return self.custom_api_base.rstrip("/")
        return ENVIRONMENTS[self.environment].api_base

    def credentials(self) -> Credentials:
        return Credentials(
            api_base=self.api_base,
            client_id=self.client_id,
            client_secret=self.client_secret,
            username=self.username,
            password=self.password,
            grant_type=self.grant_type,
            encoding=self.token_encoding,
        )

    def webhook_secrets(self) -> list[str]:
        """The secrets a signature may be made with now: the present one, and the last one for a short overlap."""
        found = [self.webhook_secret] if self.webhook_secret else []
        if self.previous_webhook_secret and self.previous_secret_until and self.previous_secret_until > timezone.now():
            found.append(self.previous_webhook_secret)
        return found

    def change_webhook_secret(self, secret: str) -> None:
        """Take a new secret; the old one stays valid for 24 hours, since Field Nation replaces its own at once."""
        self.previous_webhook_secret, self.webhook_secret = self.webhook_secret, secret
        self.previous_secret_until = timezone.now() + OVERLAP


class ConflictPolicy(models.TextChoices):
    """Who wins when both sides changed a field since the last sync."""

    LAST_WRITE = "last_write", "Last write wins"
    FIELD_NATION = "field_nation", "Field Nation wins"
    EXTERNAL = "external", "External system wins"
    MANUAL = "manual", "A person decides"


class Connector(models.Model):
    """One configured external system of a company."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        DISABLED = "disabled", "Disabled"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="connectors")
    name = models.CharField(max_length=200, help_text="As people here call the system.")
    platform = models.CharField(max_length=50, help_text="The kind of external system.")
    status = models.CharField(
        max_length=20,
        choices=Status,
        default=Status.ACTIVE,
        help_text="Paused: events are kept and wait. Disabled: events are recorded as skipped.",
    )
    settings = models.JSONField(default=dict, blank=True)
    secrets = SealedField(blank=True, default=dict)
    credentials_expire_on = models.DateField("credentials valid until", null=True, blank=True, help_text=EXPIRY_HELP)
    outbound_create = models.BooleanField(
        default=False,
        help_text="On: a work order without a linked record makes a new external record. Off: only linked records are "
        "updated.",
    )
    write_back_field = models.CharField(
        max_length=200,
        blank=True,
        help_text="Field of the external record that gets the work order id after the work order was created. "
        "Empty: nothing is written back.",
    )
    max_attempts = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Tries before a delivery becomes a dead letter. Empty: the installation's."
    )
    conflict_policy = models.CharField(
        "when both sides changed",
        max_length=12,
        choices=ConflictPolicy,
        default=ConflictPolicy.LAST_WRITE,
        help_text="What happens to a mapped field that was changed on both sides since the last sync. A field mapping "
        "can say otherwise for its field.",
    )
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Calls to the external system, all workers together. Empty: no limit."
    )
    burst = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Calls that may be made at once after a pause. Empty: a tenth of the calls per minute.",
    )
    max_concurrent = models.PositiveSmallIntegerField(
        "concurrent calls",
        null=True,
        blank=True,
        help_text="Deliveries under way at the same time, all workers together. Empty: no limit.",
    )
    trigger_rate_limit = models.PositiveIntegerField(
        "calls of the trigger URL a minute",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="How many calls each web process takes in a minute; more are answered 429, and the sender is told "
        "when to come again. Empty: no limit.",
    )
    hop_limit = models.PositiveSmallIntegerField(
        "changes per record and hour",
        default=60,
        help_text="How often one record may be written within an hour before the broker takes it for an endless "
        "exchange and stops.",
    )
    version = models.PositiveIntegerField(
        "configuration version", default=0, editable=False, help_text="Number of the last published version."
    )
    is_stale = models.BooleanField(
        default=True, editable=False, help_text="Settings, triggers or mappings were changed after that version."
    )
    trigger_token = SealedField(default="", editable=False)
    trigger_token_hash = models.CharField(max_length=64, unique=True, editable=False)
    previous_token_hash = models.CharField(max_length=64, blank=True, db_default="", editable=False, db_index=True)
    previous_token_until = models.DateTimeField(null=True, editable=False)
    notification_emails = models.TextField(
        blank=True,
        db_default="",
        help_text="Who is told when it needs attention: one e-mail address a line.",
    )
    keep_bodies = models.BooleanField(
        "keep bodies of API calls",
        default=True,
        db_default=True,
        help_text="Off: what is sent and what comes back is not stored, only address, status and duration.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["company", "name"], name="connector_name_per_company")]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.trigger_token_hash:
            self.renew_trigger_token()
        super().save(*args, **kwargs)

    TOKEN_FIELDS = (
        "trigger_token", "trigger_token_hash", "previous_token_hash", "previous_token_until", "updated_at",
    )  # fmt: skip
    """For ``save(update_fields=…)`` after a change of the trigger token."""

    def renew_trigger_token(self) -> None:
        """Make a new trigger token; the old one stays valid for 24 hours, so that the sender can be changed."""
        if self.trigger_token_hash:
            self.previous_token_hash = self.trigger_token_hash
            self.previous_token_until = timezone.now() + OVERLAP
        self.trigger_token = new_token()
        self.trigger_token_hash = digest(self.trigger_token)

    def end_previous_token(self) -> None:
        """Refuse the old trigger token from the next save on."""
        self.previous_token_hash, self.previous_token_until = "", None

    @property
    def takes_previous_token(self) -> bool:
        """Whether the token before the present one still works."""
        return bool(self.previous_token_until and self.previous_token_until > timezone.now())

    @classmethod
    def of_trigger_token(cls, token: str) -> Connector | None:
        """The connector whose present token this is, or the one before, also when it is not taken any more: see
        ``why_not``."""
        mark = digest(token)
        found = cls.objects.filter(models.Q(trigger_token_hash=mark) | models.Q(previous_token_hash=mark))
        return found.select_related("company").first()

    def why_not(self, token: str) -> str:
        """Why it does not take this token of its own, as a sentence; "" when it does."""
        if not self.company.is_active:
            return "The company is switched off."
        if digest(token) != self.trigger_token_hash and not self.takes_previous_token:
            return "It came with the old token, which has ended. Enter the present address in the external system."
        return ""


class DiscoveredFields(models.Model):
    """The fields of one kind of record, as a connector's system or its Field Nation account described them last.

    ``fields`` is a list of ``{"path", "label", "type", "required", "readonly", "custom", "choices", "sample"}``; see
    connectors/platforms/contract.py.
    """

    class Side(models.TextChoices):
        EXTERNAL = "external", "External system"
        FIELD_NATION = "field_nation", "Field Nation"

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="discovered")
    side = models.CharField(max_length=12, choices=Side)
    record_kind = models.CharField(max_length=50, blank=True, help_text="Empty: the main record. “note”: its notes.")
    fields = models.JSONField(default=list)
    refreshed_at = models.DateTimeField()
    source = models.CharField(max_length=200, blank=True, help_text="Where the description comes from.")

    class Meta:
        verbose_name_plural = "discovered fields"
        constraints = [
            models.UniqueConstraint(fields=["connector", "side", "record_kind"], name="discovered_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_side_display()}, {self.record_kind or 'main record'}"


class ConnectorState(models.Model):
    """What the workers know about a connector right now: circuit breaker, rate limit, hold. Written by them only.

    A row of its own, because it changes with the traffic while the configuration does not. No row means: closed
    breaker, full bucket, not held.
    """

    class Breaker(models.TextChoices):
        CLOSED = "closed", "Closed"
        OPEN = "open", "Open"
        HALF_OPEN = "half_open", "Half open"

    connector = models.OneToOneField(Connector, on_delete=models.CASCADE, primary_key=True, related_name="state")
    breaker = models.CharField(max_length=10, choices=Breaker, default=Breaker.CLOSED, db_default=Breaker.CLOSED)
    failures = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Failures in a row, of different records."
    )
    failing_key = models.CharField(max_length=300, blank=True, db_default="", help_text="Record of the last failure.")
    failure = models.CharField(max_length=1000, blank=True, db_default="", help_text="The last failure, as a sentence.")
    openings = models.PositiveIntegerField(default=0, db_default=0, help_text="Failed probes in a row.")
    opened_at = models.DateTimeField(null=True)
    next_probe_at = models.DateTimeField(null=True)
    tokens = models.FloatField(null=True, help_text="Calls that may be made at refilled_at; null is a full bucket.")
    refilled_at = models.DateTimeField(null=True)
    blocked_until = models.DateTimeField(null=True, help_text="Retry-After of the external system.")
    held_at = models.DateTimeField(null=True, help_text="Deliveries are held since, until a person resumes.")
    held_code = models.CharField(max_length=40, blank=True, db_default="")
    held_sentence = models.CharField(max_length=1000, blank=True, db_default="")

    def __str__(self) -> str:
        return f"State of {self.connector_id}"

    @property
    def condition(self) -> Condition:
        """What the row means now, by this machine's clock."""
        return condition(
            breaker=self.breaker,
            failure=self.failure,
            next_probe_at=self.next_probe_at,
            blocked_until=self.blocked_until,
            held_at=self.held_at,
            held_sentence=self.held_sentence,
            now=timezone.now(),
        )
