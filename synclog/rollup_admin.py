"""The rows behind the dashboard's figures, for whoever wants to add them up again."""

from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin

from broker_project.lib.pages import PrunableList, ReadOnly

from .rollup_models import QueueSample, Rollup


@admin.register(Rollup)
class RollupAdmin(ReadOnly, PrunableList, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "id", "at", "span", "connector_id", "direction", "kind", "name", "received", "succeeded", "skipped", "waiting",
        "retrying", "dead", "count", "failed",
    )  # fmt: skip
    ordering = ("-id",)
    sortable_by = ()


@admin.register(QueueSample)
class QueueSampleAdmin(ReadOnly, PrunableList, ModelAdmin):  # type: ignore[misc]
    list_display = ("id", "at", "connector_id", "direction", "queued", "waiting", "oldest_at")
    ordering = ("-id",)
    sortable_by = ()
