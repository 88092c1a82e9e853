"""Calls that a door refused before anything was stored: counted, never kept."""

from __future__ import annotations

from django.db import models


class RefusedCalls(models.Model):
    """How many calls of one minute a door refused, and how the last of them looked. Nothing that they held is kept.

    A call with an unknown key, token or address belongs to no company and no connector: all of them share a row.
    """

    class Door(models.TextChoices):
        WEBHOOK = "webhook", "Field Nation webhook"
        API = "api", "POST /events/"
        TRIGGER = "trigger", "Trigger URL"

    id = models.BigAutoField(primary_key=True)
    door = models.CharField(max_length=10, choices=Door)
    company_id = models.BigIntegerField("company", null=True, help_text="Empty: the call named none that is known.")
    connector_id = models.BigIntegerField("connector", null=True, help_text="Of a trigger URL.")
    minute = models.DateTimeField()
    count = models.BigIntegerField("calls")
    last_at = models.DateTimeField("last")
    status = models.PositiveSmallIntegerField("answer")
    reason = models.CharField("why", max_length=300)
    network = models.CharField("from", max_length=50, help_text="The last caller's network.")

    class Meta:
        verbose_name = "refused calls of a minute"
        verbose_name_plural = "refused calls"
        constraints = [
            # the minute first, so that the index also serves what is shown and what is pruned
            models.UniqueConstraint(
                fields=["minute", "door", "company_id", "connector_id"], name="refused_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.count} at {self.get_door_display()}"
