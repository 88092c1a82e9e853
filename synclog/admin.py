"""The Integration Logs: what happened and why, with the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)

from broker_project.lib.pages import (
    Banner,
    DetailPage,
    ExactFilter,
    ExactSearch,
    PrunableList,
    ReadOnly,
    Section,
    Table,
    display,
    pretty,
    to_change,
)

from .evidence import COLOURS, call_section, details_sections, status_colour
from .models import ApiCall, SyncLog


class EventFilter(DropdownFilter):  # type: ignore[misc]
    title = "event"
    parameter_name = "event_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        # The catalogue belongs to a layer above; its names are taken from the model that lists them.
        return apps.get_model("events", "EventTrigger")._meta.get_field("event_type").choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[SyncLog]) -> QuerySet[SyncLog]:
        return queryset.filter(event_type=self.value()) if self.value() else queryset


class CodeFilter(ExactFilter):
    title = "code"
    parameter_name = "code"


@admin.register(SyncLog)
class SyncLogAdmin(ReadOnly, ExactSearch, PrunableList, DetailPage):
    list_display = (
        "created_at",
        "outcome_label",
        "sentence_cell",
        "connector",
        "direction",
        "event_type",
        "work_order_id",
        "external_id",
    )
    list_display_links = ("created_at",)
    list_select_related = ("connector",)
    list_filter = (
        ("connector", RelatedDropdownFilter),
        ("direction", ChoicesDropdownFilter),
        ("outcome", ChoicesDropdownFilter),
        CodeFilter,
        EventFilter,
        ("created_at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    ordering = ("-created_at",)
    sortable_by = ()
    search_numbers = ("work_order_id",)
    search_texts = ("external_id",)
    search_ids = ("pk", "event_id", "delivery_id")
    search_help_text = "Work order id, external id, event or delivery id"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("created_at", "received_at"),
                    ("connector", "direction"),
                    ("event_type", "code"),
                    ("event_link", "delivery_link"),
                    ("work_order_id", "external_id"),
                    ("correlation_id", "user"),
                    ("attempt", "duration"),
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncLog]:
        rows: QuerySet[SyncLog] = super().get_queryset(request)
        return rows.select_related("connector")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = changelist.result_list.defer("details")
        return changelist

    def banner(self, log: SyncLog) -> Banner:
        return Banner(log.get_outcome_display(), COLOURS.get(log.get_outcome_display(), "default"), log.sentence)

    def sections(self, request: HttpRequest, log: SyncLog) -> Sequence[Section]:
        calls = [call_section(call) for call in log.calls.order_by("position")]
        heading = Table(title="API calls", headers=(), rows=(), empty="No call was made.") if not calls else None
        return [*details_sections(log.details), *([heading] if heading else calls)]

    @display(description="outcome", label=COLOURS)
    def outcome_label(self, log: SyncLog) -> str:
        return log.get_outcome_display()

    @display(description="what happened")
    def sentence_cell(self, log: SyncLog) -> SafeString:
        return format_html('<span class="broker-sentence">{}</span>', log.sentence)

    @display(description="event")
    def event_link(self, log: SyncLog) -> Any:
        return to_change("events.event", log.event_id, log.event_id) if log.event_id else "-"

    @display(description="delivery")
    def delivery_link(self, log: SyncLog) -> Any:
        return to_change("events.delivery", log.delivery_id, log.delivery_id) if log.delivery_id else "-"

    @display(description="time in calls")
    def duration(self, log: SyncLog) -> str:
        return "-" if log.duration_ms is None else f"{log.duration_ms:,.0f} ms"


@admin.register(ApiCall)
class ApiCallAdmin(ReadOnly, PrunableList, DetailPage):
    list_display = ("started_at", "method", "url_cell", "status_label", "duration", "purpose")
    list_display_links = ("started_at",)
    ordering = ("-id",)
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("log_link", "purpose", "url", ("method", "status"), ("started_at", "duration"), "error")}),
        ("Request", {"fields": ("sent_headers", "sent_body")}),
        ("Response", {"fields": ("received_headers", "received_body")}),
    )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        bodies = ("request_headers", "request_body", "response_headers", "response_body")
        changelist.result_list = changelist.result_list.defer(*bodies)
        return changelist

    @display(description="URL")
    def url_cell(self, call: ApiCall) -> SafeString:
        return format_html('<span class="broker-sentence">{}</span>', call.url)

    @display(
        description="status",
        label={"answered": "success", "refused": "warning", "failed": "danger"},
    )
    def status_label(self, call: ApiCall) -> tuple[str, str]:
        kinds = {"success": "answered", "warning": "refused", "danger": "failed"}
        return kinds[status_colour(call)], str(call.status or "no answer")

    @display(description="time")
    def duration(self, call: ApiCall) -> str:
        return f"{call.duration_ms:,.0f} ms"

    @display(description="integration log")
    def log_link(self, call: ApiCall) -> SafeString:
        return to_change("synclog.synclog", call.log_id, call.log.sentence)

    @display(description="headers")
    def sent_headers(self, call: ApiCall) -> SafeString:
        return pretty(call.request_headers)

    @display(description="body")
    def sent_body(self, call: ApiCall) -> Any:
        return pretty(call.request_body) if call.request_body else "-"

    @display(description="headers")
    def received_headers(self, call: ApiCall) -> SafeString:
        return pretty(call.response_headers)

    @display(description="body")
    def received_body(self, call: ApiCall) -> Any:
        return pretty(call.response_body) if call.response_body else "-"
