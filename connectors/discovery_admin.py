"""What the systems said about their fields; read only, since it is asked for again on the connector's page."""

from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter

from broker_project.lib.pages import ReadOnly, display

from .models import DiscoveredFields


@admin.register(DiscoveredFields)
class DiscoveredFieldsAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display = ("connector", "side", "record_kind", "count", "refreshed_at", "source")
    list_select_related = ("connector",)
    list_filter = (("connector", RelatedDropdownFilter),)
    ordering = ("connector", "side", "record_kind")
    sortable_by = ()

    @display(description="fields")
    def count(self, found: DiscoveredFields) -> int:
        return len(found.fields)
