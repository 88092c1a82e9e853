"""The Integration Logs: what happened and why, with the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from broker_project.lib.pages import (
    Banner,
    DetailPage,
    FactsLast,
    PrunableList,
    ReadOnly,
    Section,
    Table,
    display,
    pretty,
    to_change,
)

from . import log_audit, log_retention_admin, refused_admin, rollup_admin, worker_admin  # noqa: F401 - they register their pages
from .evidence import COLOURS, call_section, details_sections, status_colour
from .log_pages import LogPages
from .models import ApiCall, SyncLog


@admin.register(SyncLog)
class SyncLogAdmin(FactsLast, ReadOnly, LogPages, DetailPage):
    fieldsets = (
        (
            "All fields of this entry",
            {
                "classes": ("collapse",),
                "fields": (
                    ("created_at", "received_at"),
                    ("connector", "direction"),
                    ("event_type", "code"),
                    ("event_link", "delivery_link"),
                    ("work_order_id", "external_id"),
                    ("correlation_id", "user"),
                    ("attempt", "duration"),
                ),
            },
        ),
    )

    class Media:
        css: ClassVar = {"all": ("broker/header.css", "broker/logs.css")}
        js = ("broker/timeline.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncLog]:
        rows: QuerySet[SyncLog] = super().get_queryset(request)
        return rows.select_related("connector")

    def banner(self, log: SyncLog) -> Banner:
        return Banner(log.get_outcome_display(), COLOURS.get(log.get_outcome_display(), "default"), log.sentence)

    def sections(self, request: HttpRequest, log: SyncLog) -> Sequence[Section]:
        calls = [call_section(call) for call in log.calls.order_by("position")]
        heading = Table(title="API calls", headers=(), rows=(), empty="No call was made.") if not calls else None
        return [*details_sections(log.details), *([heading] if heading else calls)]

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
