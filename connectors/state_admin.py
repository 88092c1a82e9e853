"""Connector states: what the workers know about each external system right now. Read-only."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from broker_project.lib.pages import Banner, DetailPage, ReadOnly, display, to_change

from .models import ConnectorState

COLOURS = {
    "Well": "success",
    "On trial": "warning",
    "Asked to wait": "warning",
    "Held": "danger",
    "Does not answer": "danger",
}


@admin.register(ConnectorState)
class ConnectorStateAdmin(ReadOnly, DetailPage):
    list_display = ("connector", "condition_label", "sentence_cell", "failures")
    list_select_related = ("connector",)
    list_filter = (("connector__company", RelatedDropdownFilter), ("breaker", ChoicesDropdownFilter))
    ordering = ("connector__name",)
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("connector_link", ("held_at", "blocked_until"))}),
        (
            "Circuit breaker",
            {
                "fields": (
                    ("breaker", "next_probe_at"),
                    ("failures", "failing_key"),
                    "failure",
                    ("opened_at", "openings"),
                )
            },
        ),
        ("Requests per minute", {"fields": (("tokens", "refilled_at"),)}),
    )

    def banner(self, state: ConnectorState) -> Banner:
        told = state.condition
        return Banner(told.label, told.kind, told.sentence)

    @display(description="condition", label=COLOURS)
    def condition_label(self, state: ConnectorState) -> str:
        return state.condition.label

    @display(description="what it means")
    def sentence_cell(self, state: ConnectorState) -> SafeString:
        return format_html('<span class="broker-sentence">{}</span>', state.condition.sentence)

    @display(description="connector")
    def connector_link(self, state: ConnectorState) -> SafeString:
        return to_change("connectors.connector", state.connector_id, state.connector)
