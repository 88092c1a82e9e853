"""What goes where: the mapping rows of a connector and the links between records."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from connectors.models import ConflictPolicy, Connector

from .engine import NO_DEFAULT, MappingRow, validate

OPTION_HELP = """JSON, by action.
Set Static: {"value": …}.
Array Map: {"mappings": [{"compare": …, "value": …}]}.
Range Map: {"ranges": [{"compare": number, "value": …}]}.
Date Convert: {"input_format", "output_format", "timezone_in", "timezone_out"}.
Concat: {"parts": [{"type": "field" or "static", "value": …}]}.
Custom: {"script": "…"}. Sync: {}."""


class FieldMapping(models.Model):
    """One row: where a value comes from, what happens to it, where it goes."""

    class Direction(models.TextChoices):
        OUTBOUND = "outbound", "Outbound: Field Nation → external"
        INBOUND = "inbound", "Inbound: external → Field Nation"

    class Action(models.TextChoices):
        SYNC = "sync", "Sync"
        SET_STATIC = "set_static", "Set Static"
        ARRAY_MAP = "array_map", "Array Map"
        RANGE_MAP = "range_map", "Range Map"
        DATE_CONVERT = "date_convert", "Date Convert"
        CONCAT = "concat", "Concat"
        CUSTOM = "custom", "Custom"

    class WriteMode(models.TextChoices):
        ALWAYS = "always", "Always"
        WHEN_EMPTY = "when_empty", "Only when the target is empty"
        ON_CREATE = "on_create", "Only on create"
        APPEND = "append", "Append to what is there"

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="mappings")
    direction = models.CharField(max_length=10, choices=Direction)
    position = models.PositiveIntegerField(default=0, help_text="Rows run in this order.")
    is_enabled = models.BooleanField("on", default=True, help_text="Off: the row is kept and not used.")
    target_object = models.CharField(
        max_length=50,
        blank=True,
        help_text="Outbound only. Empty: the main record. “note”: the note made by a Create Record action.",
    )
    action = models.CharField(max_length=20, choices=Action, default=Action.SYNC)
    source = models.CharField(
        max_length=500, blank=True, help_text="Path in the system of origin, such as schedule.service_window.start.utc"
    )
    target = models.CharField(max_length=500, help_text="Path in the destination.")
    options = models.JSONField(default=dict, blank=True, help_text=OPTION_HELP)
    has_default = models.BooleanField(default=False, help_text="On: the default below is used when there is no value.")
    default = models.JSONField(
        null=True, blank=True, help_text="JSON. Used when the source is empty, null or missing, or when no entry fits."
    )
    label = models.CharField(max_length=200, blank=True, help_text="Your own name for the row; shown in the logs.")
    conflict_policy = models.CharField(
        "when both sides changed",
        max_length=12,
        choices=ConflictPolicy,
        blank=True,
        help_text="For this field. Empty: as the connector says.",
    )
    write_mode = models.CharField(
        max_length=12, choices=WriteMode, default=WriteMode.ALWAYS, db_default=WriteMode.ALWAYS
    )
    events = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text="Outbound: events for which the row runs. Empty: all.",
    )

    class Meta:
        indexes = [
            # the worker reads all rows of the connectors in a batch
            models.Index(fields=["connector", "direction", "position"], name="mapping_by_connector"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["connector", "direction", "target_object", "target"],
                condition=Q(is_enabled=True),
                name="mapping_target_once",
                violation_error_message="Another row of this connector and direction already fills this target.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.source or '-'} → {self.target}"

    def row(self) -> MappingRow:
        return MappingRow(
            action=self.action,
            source=self.source,
            target=self.target,
            default=self.default if self.has_default else NO_DEFAULT,
            options=self.options,
            label=self.label,
        )

    def clean(self) -> None:
        errors = [problem.sentence for problem in validate([self.row()]) if problem.severity == "error"]
        if self.direction == self.Direction.INBOUND and self.target_object:
            errors.append("An inbound row always fills the work order; leave the target object empty.")
        if not isinstance(self.events, list) or not all(isinstance(name, str) for name in self.events):
            errors.append("The events must be a list of constants such as FN_WO_ASSIGNED.")
        elif self.events and self.direction == self.Direction.INBOUND:
            errors.append("An inbound row runs for every trigger; leave its events empty.")
        if errors:
            raise ValidationError(errors)


class RecordLink(models.Model):
    """Correlation: this work order is that external record. One each, in both directions, per connector.

    A row with only one id and a claim marks a create under way: whoever holds the claim may create, nobody else.
    """

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="links")
    work_order_id = models.BigIntegerField(null=True, blank=True)
    # NULL while nothing is created yet; the unique constraint leaves that alone
    external_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    correlation_id = models.CharField(
        max_length=100, blank=True, help_text="The mark written on the created record, so that it can be found again."
    )
    claimed_by = models.UUIDField(null=True, blank=True, editable=False, help_text="Delivery that may create.")
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    written_back_at = models.DateTimeField(
        null=True, blank=True, help_text="When the work order id was written into the external record."
    )
    # The last state in which both sides agreed, by target path; None: not known, so the next delivery writes all.
    sent = models.JSONField(null=True, editable=False, help_text="Outbound values last written to the record.")
    seen = models.JSONField(null=True, editable=False, help_text="Inbound values last read from the record.")
    remote = models.JSONField(null=True, editable=False, help_text="What the record held at the outbound targets then.")
    applied_at = models.DateTimeField(null=True, editable=False, help_text="Time of the newest event applied.")
    inbound_at = models.DateTimeField(null=True, editable=False, help_text="When the work order was last written.")
    hops = models.PositiveIntegerField(default=0, db_default=0, editable=False, help_text="Writes since hops_since.")
    hops_since = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            # creates under way or of unknown outcome, which every batch asks for
            models.Index(fields=["connector"], condition=Q(claimed_at__isnull=False), name="link_open_create"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["connector", "work_order_id"],
                name="link_work_order_once",
                violation_error_message="This work order is already linked to a record of this connector.",
            ),
            models.UniqueConstraint(
                fields=["connector", "external_id"],
                name="link_external_once",
                violation_error_message="This external record is already linked to a work order.",
            ),
            models.CheckConstraint(
                condition=Q(work_order_id__isnull=False) | Q(external_id__isnull=False),
                name="link_has_an_id",
                violation_error_message="Give the work order id, the external id, or both.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.work_order_id or '…'} ↔ {self.external_id or '…'}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.external_id = self.external_id or None  # "" would count as an id
        super().save(*args, **kwargs)
