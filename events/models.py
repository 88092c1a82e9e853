"""What came in (Event), what is ticked (EventTrigger), and what has to be done about it (Delivery, in its Lane)."""

from __future__ import annotations

import secrets

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from broker_project.lib.digest import digest
from broker_project.lib.errors import BrokerError
from broker_project.lib.ids import new_id
from connectors.models import Company, Connector
from mappings.filters import Filter

from . import catalogue
from .states import OPEN, State

KEY_PREFIX = "evs_"
MERGEABLE = {event.constant for event in catalogue.EVENTS if event.mergeable}
"""Events of which the newest tells all: no message, check-in or file."""


class EventSource(models.Model):
    """A caller of ``POST /events/``. Its key is shown once and stored as a hash."""

    company = models.ForeignKey(
        Company,
        on_delete=models.CASCADE,
        related_name="event_sources",
        help_text="Events of this source are about this company's work orders.",
    )
    name = models.CharField(max_length=200, help_text="Who sends, so that a key can be told from another.")
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    key_hint = models.CharField("key begins", max_length=12, editable=False)
    is_active = models.BooleanField("active", default=True, help_text="Off: the key is refused.")
    rate_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="Requests per minute and web process; more are answered 429. Empty: no limit."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return self.name

    def renew_key(self) -> str:
        """Make a new key and return it, the only time that it is known. Save afterwards."""
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        self.key_hash, self.key_hint = digest(key), key[:10]
        return key


class Event(models.Model):
    """What came in, unchanged ever after: a Field Nation event or a call of a trigger URL."""

    class Kind(models.TextChoices):
        WORK_ORDER = "work_order", "Field Nation event"
        TRIGGER = "trigger", "External trigger"

    class Door(models.TextChoices):
        API = "api", "POST /events/"
        WEBHOOK = "webhook", "Field Nation webhook"
        TRIGGER = "trigger", "Trigger URL"
        OPERATOR = "operator", "Operator"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    door = models.CharField(max_length=10, choices=Door)
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="events")
    connector = models.ForeignKey(
        Connector, on_delete=models.SET_NULL, null=True, help_text="Whose trigger URL was called."
    )
    source = models.ForeignKey(EventSource, on_delete=models.SET_NULL, null=True, db_index=False)
    event_type = models.CharField(max_length=60, help_text="Constant of the catalogue; empty for a trigger.")
    received_name = models.CharField(max_length=100, help_text="The name as it came.")
    work_order_id = models.BigIntegerField(null=True)
    external_id = models.CharField(max_length=255, blank=True)
    occurred_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(db_default=Now())
    payload = models.JSONField(default=dict)
    dedupe_key = models.CharField(  # noqa: DJ001 - no key is NULL, which the unique constraint leaves alone
        max_length=64, null=True, help_text="Idempotency key; a repeat is a duplicate."
    )
    trace = models.JSONField(default=dict, help_text="Delivery id, attempt, trace id, address of the caller.")

    class Meta:
        constraints = [
            # the dedupe at every door; triggers have no key, since each call means "read it again"
            models.UniqueConstraint(fields=["company", "dedupe_key"], name="event_once"),
        ]
        indexes = [
            models.Index(fields=["-received_at"], name="event_by_time"),
            models.Index(fields=["work_order_id", "-received_at"], name="event_by_work_order"),
            models.Index(fields=["external_id", "-received_at"], name="event_by_external"),
        ]

    def __str__(self) -> str:
        if self.kind == self.Kind.TRIGGER:
            return f"Trigger for {self.external_id}"
        return f"{self.event_type} of work order {self.work_order_id}"


class EventTrigger(models.Model):
    """One ticked event of a connector with its action. Several rows of one event run as separate deliveries."""

    class Action(models.TextChoices):
        UPDATE = "update", "Update Record"
        CREATE = "create", "Create Record"
        SCRIPT = "script", "Custom Script"

    class Mode(models.TextChoices):
        EACH = "each", "Each event"
        NEWEST = "newest", "Newest state only"

    class OnFailure(models.TextChoices):
        CONTINUE = "continue", "Go on with the next action"
        STOP = "stop", "Stop; the later actions are not run"

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="triggers")
    event_type = models.CharField(
        "event", max_length=60, choices=[(event.constant, event.name) for event in catalogue.EVENTS]
    )
    action = models.CharField(max_length=10, choices=Action, default=Action.UPDATE)
    target_object = models.CharField(
        max_length=50,
        blank=True,
        help_text="For Create Record. Empty: the main record. “note”: a note under the linked record.",
    )
    script = models.TextField(
        blank=True,
        help_text="JSONNET, for Custom Script. Returns the fields of the record, or a list of operations: "
        '{"op": "update" | "create" | "note" | "skip", "fields": {…}, "reason": "…"}.',
    )
    filters = models.JSONField(
        default=dict,
        blank=True,
        help_text='Which work orders. Example: {"match": "all", "conditions": [{"field": "status.name", "op": '
        '"equals", "value": "assigned"}, {"field": "status.name", "op": "changed", "to": "done"}]}. Empty: all.',
    )
    delivery_mode = models.CharField(
        max_length=10,
        choices=Mode,
        default=Mode.EACH,
        help_text="“Newest state only”, for Update Record: waiting updates of one record become the newest one.",
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="Actions of one event run in this order.")
    on_failure = models.CharField(
        "when it fails",
        max_length=10,
        choices=OnFailure,
        default=OnFailure.CONTINUE,
        db_default=OnFailure.CONTINUE,
        help_text="What becomes of the later actions of the same event when this one is given up.",
    )
    is_enabled = models.BooleanField("ticked", default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connector", "event_type", "position"],
                name="trigger_position_once",
                violation_error_message="This event has an action at this position already; give another position.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_type} → {self.get_action_display()}"

    def clean(self) -> None:
        errors: dict[str, str] = {}
        if self.action == self.Action.SCRIPT and not self.script.strip():
            errors["script"] = "A Custom Script action needs a script."
        if self.action != self.Action.CREATE and self.target_object:
            errors["target_object"] = "Only Create Record takes a target object."
        if self.delivery_mode == self.Mode.NEWEST:
            if self.action != self.Action.UPDATE:
                errors["delivery_mode"] = "Only Update Record can send the newest state only; choose “Each event”."
            elif self.event_type not in MERGEABLE:
                errors["delivery_mode"] = "Each of these events tells something of its own; choose “Each event”."
        try:
            Filter.parse(self.filters)
        except BrokerError as error:
            errors["filters"] = error.sentence
        if errors:
            raise ValidationError(errors)


class Lane(models.Model):
    """The line of open deliveries of one record of one connector: the unit of order, of claims and of the lease.

    ``due_at`` is when its first delivery may run next; while a worker holds the lane it is the end of the lease, so
    a lane whose worker died comes due by itself. None means that the first delivery waits for a person. The row
    goes when the lane is empty. ``claim`` fences a worker that lost its lease.
    """

    id = models.BigAutoField(primary_key=True)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="lanes", db_index=False)
    key = models.CharField(max_length=300)
    due_at = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    held_by = models.CharField(max_length=150, blank=True, db_default="", help_text="Who holds the lane back.")
    held_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connector", "key"], name="lane_once")]
        indexes = [
            # the claim: what is due, per connector, oldest first
            models.Index(fields=["connector", "due_at"], condition=Q(due_at__isnull=False), name="lane_due"),
            # concurrent calls of a connector, and what drain waits for
            models.Index(fields=["connector"], condition=Q(claim__isnull=False), name="lane_claimed"),
        ]

    def __str__(self) -> str:
        return self.key


class Delivery(models.Model):
    """One piece of work: this event, through this action, for this record. ``seq`` is the order received."""

    class Direction(models.TextChoices):
        OUTBOUND = "outbound", "Outbound"
        INBOUND = "inbound", "Inbound"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    seq = models.BigIntegerField(
        db_default=models.Func(models.Value("events_delivery_seq"), function="nextval"), editable=False
    )
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="deliveries")
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    trigger = models.ForeignKey(
        EventTrigger,
        # It stays named when it is deleted, so that a deletion need not look through all deliveries for it.
        on_delete=models.DO_NOTHING,
        null=True,
        db_index=False,
        db_constraint=False,
    )
    direction = models.CharField(max_length=10, choices=Direction)
    action = models.CharField(max_length=10, help_text="update, create, script; sync for inbound.")
    lane_key = models.CharField(max_length=300)
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=40, blank=True, help_text="Reason code or error class of the state.")
    sentence = models.CharField(max_length=1000, blank=True, help_text="The state, said to a person.")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    done_operations = models.PositiveSmallIntegerField(
        default=0, help_text="Operations of a script that are done; a retry goes on after them."
    )
    create_again = models.BooleanField(
        default=False, help_text="A person decided that a create of unknown outcome did not happen."
    )
    forced = models.BooleanField(
        db_default=False, default=False, help_text="A person asked for it: written even when nothing has changed."
    )
    version = models.PositiveIntegerField(
        "configuration version", null=True, help_text="Version of the connector's configuration that it runs with."
    )
    superseded_by = models.UUIDField(null=True, help_text="The delivery that carries its content.")
    note = models.TextField(blank=True, default="", db_default="", help_text="What people wrote about it.")
    conflict = models.JSONField(
        null=True, help_text="Fields changed on both sides: target, base, ours, theirs; and what a person chose."
    )
    work_order_id = models.BigIntegerField(null=True)
    external_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            # head of a lane, and what is open; done rows are not in it
            models.Index(
                fields=["connector", "lane_key", "seq"], condition=Q(state__in=OPEN), name="delivery_open_by_lane"
            ),
            models.Index(fields=["-seq"], name="delivery_by_order"),
            models.Index(fields=["work_order_id"], name="delivery_by_work_order"),
            models.Index(fields=["external_id"], name="delivery_by_external"),
            # dead letters and waiting ones, for the operator's lists
            models.Index(
                fields=["state", "-seq"], condition=Q(state__in=[State.DEAD, State.WAITING]), name="delivery_attention"
            ),
            # whether an external trigger stands behind an outbound delivery
            models.Index(
                fields=["connector", "lane_key"],
                condition=Q(direction="inbound", state__in=OPEN),
                name="delivery_inbound_open",
            ),
            # dead letters of a record, which a later success resolves
            models.Index(fields=["connector", "lane_key"], condition=Q(state=State.DEAD), name="delivery_dead_by_lane"),
        ]

    def __str__(self) -> str:
        return f"{self.get_direction_display()} {self.action} of {self.lane_key}"

    @property
    def subject(self) -> str:
        return f"work order {self.work_order_id}" if self.work_order_id else f"record {self.external_id}"


class ConfigVersion(models.Model):
    """One published configuration of a connector: settings, triggers, mappings; immutable, numbered, no secrets."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    created_at = models.DateTimeField(db_default=Now())
    user = models.CharField(max_length=150, blank=True, help_text="Who saved it; empty: changed outside the admin.")
    comment = models.CharField(max_length=200, blank=True)
    snapshot = models.JSONField()
    digest = models.CharField(max_length=64, help_text="Of the snapshot: an equal one makes no new version.")

    class Meta:
        verbose_name = "configuration version"
        constraints = [models.UniqueConstraint(fields=["connector", "number"], name="config_version_once")]

    def __str__(self) -> str:
        return f"Version {self.number}"


class Job(models.Model):
    """Something long that a person started: a paced replay, a catch-up, a resync. Runs in steps; can be stopped.

    A step is done by whichever worker takes it; ``cursor`` says where the next one begins, so a worker that dies
    costs at most one step, which is safe to do twice.
    """

    class Kind(models.TextChoices):
        RETRY = "retry", "Retry deliveries"
        DISCARD = "discard", "Discard deliveries"
        CATCH_UP = "catch_up", "Catch up on webhooks"
        RESYNC_WORK_ORDERS = "resync_work_orders", "Resync work orders"
        RESYNC_RECORDS = "resync_records", "Resync external records"

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        STOPPED = "stopped", "Stopped"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, null=True, related_name="jobs", db_index=False)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, null=True, related_name="jobs", db_index=False)
    parameters = models.JSONField(default=dict, help_text="What was asked for.")
    cursor = models.JSONField(default=dict, help_text="Where the next step begins.")
    per_minute = models.PositiveIntegerField(null=True, help_text="Pace. Empty: as fast as the steps go.")
    total = models.PositiveIntegerField(null=True, help_text="Items in all, where that is known.")
    done = models.PositiveIntegerField(default=0)
    left_alone = models.PositiveIntegerField(default=0, help_text="Items for which there was nothing to do.")
    sentence = models.CharField(max_length=1000, blank=True, help_text="How it stands, said to a person.")
    user = models.CharField(max_length=150)
    created_at = models.DateTimeField(db_default=Now())
    next_step_at = models.DateTimeField(null=True, help_text="Null when it does not run.")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # the sweep looks for a step that is due
            models.Index(fields=["next_step_at"], condition=Q(next_step_at__isnull=False), name="job_due"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class Drain(models.Model):
    """While its one row exists, workers finish what they began and claim nothing: for a deploy."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="drain_one_row")]

    def __str__(self) -> str:
        return f"Draining since {self.since}"
