"""The list of refused calls: also of those that belong to no company."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from broker_project.lib.pages import PrunableList, ReadOnly, display, moment
from connectors.models import Company, Connector

from .refused_models import RefusedCalls


@admin.register(RefusedCalls)
class RefusedCallsAdmin(ReadOnly, PrunableList, ModelAdmin):  # type: ignore[misc]
    none_yet = "Whoever called had the right token, key or signature."
    list_display = ("last", "door", "whose", "count", "status", "reason", "network")
    list_filter = (("door", ChoicesDropdownFilter),)
    ordering = ("-minute", "-id")
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefusedCalls]:
        rows: QuerySet[RefusedCalls] = super().get_queryset(request)
        return rows.annotate(
            company_name=Subquery(Company.objects.filter(pk=OuterRef("company_id")).values("name")),
            connector_name=Subquery(Connector.objects.filter(pk=OuterRef("connector_id")).values("name")),
        )

    @display(description="last")
    def last(self, row: RefusedCalls) -> Any:
        return moment(row.last_at)

    @display(description="of")
    def whose(self, row: Any) -> str:
        return row.connector_name or row.company_name or "none that is known"
