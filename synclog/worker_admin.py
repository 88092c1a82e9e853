"""The list of processes that told of themselves within the last day."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from unfold.admin import ModelAdmin

from broker_project.lib.pages import ReadOnly, display

from .worker_models import Worker


@admin.register(Worker)
class WorkerAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display = ("name", "state", "version", "busy", "concurrency", "started_at", "seen_at")
    list_filter = ("kind", "version")
    ordering = ("-seen_at",)

    @display(description="state", label={"Alive": "success", "Missing": "danger"})
    def state(self, worker: Worker) -> str:
        return "Missing" if worker.is_missing(timezone.now()) else "Alive"
