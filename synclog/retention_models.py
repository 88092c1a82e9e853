"""How long what is kept, and how far the pruning of it is."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

LONGEST_DAYS = 3650


class Retention(models.Model):
    """One kind of what is kept. The rows are made by the migration; a person changes ``keep_days`` only.

    ``cursor`` says where the next run goes on; ``left`` are ids that were passed over because their work was open.
    """

    class Kind(models.TextChoices):
        BODIES = "bodies", "API bodies"
        PAYLOADS = "payloads", "Event payloads"
        LOGS = "logs", "Integration logs"
        EVENTS = "events", "Events and deliveries"

    kind = models.CharField(max_length=10, primary_key=True, choices=Kind, editable=False)
    keep_days = models.PositiveSmallIntegerField(
        "kept for days",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DAYS)],
        help_text="Older ones are removed, a few at a time. What is open or a dead letter stays until that is settled. "
        "Empty: kept for ever.",
    )
    cursor = models.JSONField(default=dict, editable=False)
    left = models.JSONField(default=list, editable=False)
    next_at = models.DateTimeField(null=True, editable=False, help_text="Null: as soon as possible.")
    run_at = models.DateTimeField("last run", null=True, editable=False)
    removed = models.BigIntegerField("removed so far", default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = "retention rule"

    def __str__(self) -> str:
        return self.get_kind_display()
