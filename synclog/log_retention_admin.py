"""How long what is kept, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from broker_project.lib.pages import Banner, DetailPage, display

from .retention_models import Retention

WHAT = {
    Retention.Kind.BODIES: "Headers and bodies of API calls become empty; address, status and duration stay.",
    Retention.Kind.PAYLOADS: "The payload of an event becomes empty; what became of the event stays.",
    Retention.Kind.LOGS: "Integration logs are removed with their API calls.",
    Retention.Kind.EVENTS: "Events are removed with their finished deliveries. A repeat of a removed event is taken "
    "for a new one.",
}


@admin.register(Retention)
class RetentionAdmin(DetailPage):
    list_display = ("kind_label", "kept", "what", "removed_label", "run_at")
    list_display_links = ("kind_label",)
    sortable_by = ()
    ordering = ("kind",)
    readonly_fields = ("kind_label", "what", "removed_label", "run_at")
    fieldsets = ((None, {"fields": ("kind_label", "what", "keep_days", ("removed_label", "run_at"))}),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Retention | None = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def banner(self, rule: Retention) -> Banner:
        if rule.keep_days is None:
            return Banner("For ever", "warning", "Nothing is removed, so the table grows without end.")
        return Banner(self.kept(rule), "info", "What is open or a dead letter stays until that is settled.")

    def save_model(self, request: HttpRequest, obj: Retention, form: Any, change: bool) -> None:
        """Only what a person decides; the run that may be under way keeps its place. The next one begins at once."""
        Retention.objects.filter(pk=obj.pk).update(keep_days=obj.keep_days, next_at=None)

    @display(description="what")
    def kind_label(self, rule: Retention) -> str:
        return rule.get_kind_display()

    @display(description="kept for")
    def kept(self, rule: Retention) -> str:
        if rule.keep_days is None:
            return "ever"
        return "1 day" if rule.keep_days == 1 else f"{rule.keep_days} days"

    @display(description="afterwards")
    def what(self, rule: Retention) -> str:
        return WHAT[Retention.Kind(rule.kind)]

    @display(description="removed so far")
    def removed_label(self, rule: Retention) -> str:
        return f"{rule.removed:,}"
