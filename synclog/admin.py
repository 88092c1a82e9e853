"""The Integration Logs: what happened and why, with the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.apps import apps
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import display

from broker_project.lib.pages import (
    Banner,
    DetailPage,
    ExactFilter,
    ExactSearch,
    PrunableList,
    ReadOnly,
    Section,
    Table,
    Text,
    listing,
    pretty,
    to_change,
    to_list,
)

from .models import ApiCall, SyncLog

COLOURS: dict[str, str] = {
    SyncLog.Outcome.SUCCEEDED.label: "success",
    SyncLog.Outcome.SKIPPED.label: "default",
    SyncLog.Outcome.DUPLICATE.label: "default",
    SyncLog.Outcome.WAITING.label: "warning",
    SyncLog.Outcome.RETRYING.label: "info",
    SyncLog.Outcome.DEAD.label: "danger",
    SyncLog.Outcome.REFUSED.label: "danger",
    SyncLog.Outcome.NOTE.label: "info",
}

MAPPED_HEADERS = ("Target", "Action", "Source value", "Result", "Remarks")


def log_row(log: SyncLog) -> tuple[Any, ...]:
    """The cells time, outcome and sentence of a log in a table; the sentence links to the log."""
    when = timezone.localtime(log.created_at)
    return (
        format_html('<span class="broker-time">{}</span>', f"{when:%Y-%m-%d %H:%M:%S}"),
        log.get_outcome_display(),
        to_change("synclog.synclog", log.pk, log.sentence),
    )


@dataclass(frozen=True)
class Call(Section):
    """One HTTP exchange with what was sent and what came back."""

    template: ClassVar[str] = "broker/call.html"
    call: ApiCall
    colour: str
    parts: Sequence[tuple[str, str]]


def call_section(call: ApiCall) -> Call:
    """The evidence of one call; empty parts are left out."""
    parts = (
        ("Request headers", call.request_headers),
        ("Request body", call.request_body),
        ("Response headers", call.response_headers),
        ("Response body", call.response_body),
    )
    shown = [(title, listing(content)) for title, content in parts if content]
    return Call(title="", call=call, colour=status_colour(call), parts=shown)


def status_colour(call: ApiCall) -> str:
    if call.status is None or call.status >= 500:
        return "danger"
    return "warning" if call.status >= 400 else "success"


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
                    "created_at",
                    "code",
                    "connector",
                    "direction",
                    "event_type",
                    "event_link",
                    "delivery_link",
                    "work_order_id",
                    "external_id",
                    "correlation_id",
                    "attempt",
                    "received_at",
                    "duration",
                    "user",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncLog]:
        return super().get_queryset(request).select_related("connector")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = changelist.result_list.defer("details")
        return changelist

    def banner(self, log: SyncLog) -> Banner:
        return Banner(log.get_outcome_display(), COLOURS.get(log.get_outcome_display(), "default"), log.sentence)

    def sections(self, request: HttpRequest, log: SyncLog) -> Sequence[Section]:
        calls = [call_section(call) for call in log.calls.order_by("position")]
        heading = Table(title="API calls", headers=(), rows=(), empty="No call was made.") if not calls else None
        return [*_details(log.details), *([heading] if heading else calls)]

    @display(description="outcome", label=COLOURS)
    def outcome_label(self, log: SyncLog) -> str:
        return log.get_outcome_display()

    @display(description="what happened")
    def sentence_cell(self, log: SyncLog) -> SafeString:
        return format_html('<span class="broker-sentence">{}</span>', log.sentence)

    @display(description="event")
    def event_link(self, log: SyncLog) -> Any:
        return to_change("events.event", log.event_id, log.event_id) if log.event_id else "–"

    @display(description="delivery")
    def delivery_link(self, log: SyncLog) -> Any:
        return to_change("events.delivery", log.delivery_id, log.delivery_id) if log.delivery_id else "–"

    @display(description="time in calls")
    def duration(self, log: SyncLog) -> str:
        return "–" if log.duration_ms is None else f"{log.duration_ms:,.0f} ms"


def _details(details: Mapping[str, Any]) -> Iterator[Section]:
    """The parts of a log's details in reading order; what has no part of its own comes last, as it is."""
    rest = dict(details)
    if trigger := rest.pop("trigger", None):
        matched = {"event": "Event", "action": "Action", "id": "Event trigger"}
        cells = [trigger.get(name) for name in matched]
        if trigger.get("id"):
            cells[-1] = to_change("events.eventtrigger", trigger["id"], trigger["id"])
        yield Table(title="Matched", headers=tuple(matched.values()), rows=[[cell or "–" for cell in cells]])
    if mapped := rest.pop("mapped", None):
        yield Table(title="Mapped", headers=MAPPED_HEADERS, rows=[_mapped_row(row) for row in mapped])
    for name, title in (
        ("trace", "Trace"),
        ("detail", "Detail"),
        ("traceback", "Traceback of the broker's own failure"),
    ):
        if content := rest.pop(name, None):
            lines = content if isinstance(content, list) else [content]
            yield Text(title=title, text="\n".join(line if isinstance(line, str) else listing(line) for line in lines))
    if rest:
        yield Text(title="More", text=listing(rest))


def _mapped_row(row: Mapping[str, Any]) -> list[Any]:
    remarks = ["default used"] if row.get("default_used") else []
    remarks += ["left out"] if row.get("left_out") else []
    remarks += ["compared loosely"] if row.get("loose") else []
    remarks += [str(row["warning"])] if row.get("warning") else []
    remarks += [f"trace: {line}" for line in row.get("trace", ())]
    return [row.get("target"), row.get("action"), _value(row, "source"), _value(row, "result"), "; ".join(remarks)]


def _value(row: Mapping[str, Any], name: str) -> str:
    if name not in row:
        return "–"
    value = row[name]
    return value if isinstance(value, str) and value else listing(value) if value != "" else "(empty text)"


@admin.register(ApiCall)
class ApiCallAdmin(ReadOnly, PrunableList, DetailPage):
    list_display = ("started_at", "method", "url_cell", "status_label", "duration", "purpose")
    list_display_links = ("started_at",)
    ordering = ("-id",)
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("purpose", "method", "url", "status", "error", "started_at", "duration", "log_link")}),
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
        return pretty(call.request_body) if call.request_body else "–"

    @display(description="headers")
    def received_headers(self, call: ApiCall) -> SafeString:
        return pretty(call.response_headers)

    @display(description="body")
    def received_body(self, call: ApiCall) -> Any:
        return pretty(call.response_body) if call.response_body else "–"


def logs_table(logs: QuerySet[SyncLog], *, title: str, limit: int = 100, **filters: Any) -> Table:
    """The newest of these logs with their numbers of calls; ``filters`` lead to the whole list."""
    rows = logs.defer("details").annotate(call_count=Count("calls")).order_by("-created_at")[: limit + 1]
    found = list(rows)
    return Table(
        title=title,
        headers=("Time", "Outcome", "What happened", "Attempt", "Calls", "By"),
        rows=[(*log_row(log), log.attempt or "–", log.call_count, log.user or "–") for log in found[:limit]],  # type: ignore[attr-defined]
        empty="Nothing is logged, or it was pruned.",
        more=to_list("synclog.synclog", filters) if len(found) > limit else "",
    )


def call_table(calls: QuerySet[ApiCall], *, title: str, limit: int = 100) -> Table:
    """These calls, newest first, each linking to its evidence."""
    found = calls.only("id", "log_id", "method", "url", "status", "error", "duration_ms", "purpose", "started_at")[:limit]
    return Table(
        title=title,
        headers=("Time", "Method", "URL", "Status", "Duration", "Purpose"),
        rows=[
            (
                format_html('<span class="broker-time">{}</span>', f"{timezone.localtime(call.started_at):%Y-%m-%d %H:%M:%S}"),
                call.method,
                to_change("synclog.apicall", call.pk, call.url),
                call.status or call.error,
                f"{call.duration_ms:,.0f} ms",
                call.purpose,
            )
            for call in found
        ],
        empty="No call was made.",
    )
