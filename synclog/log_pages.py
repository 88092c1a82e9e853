"""The list of the Integration Logs: filters, pages by key, new rows as they come, and the export of a filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.admin import ModelAdmin

from connectors.models import Connector

from .evidence import COLOURS
from .log_audit import record
from .log_export import FORMATS, lines
from .log_filter import LogFilter
from .log_find import LOOKED_AT, Found, Key, find
from .models import SyncLog

EXPORT: Final = "synclog.export_synclog"
MARKS: Final = {"success": "is-good", "warning": "is-held", "danger": "is-bad"}
MOST_CODES: Final = 300
IN_SIGHT: Final = ("q", "connector", "outcome", "direction", "event_type")
"""Filters that are not below “More filters”."""

# From one code to the next along the index: as quick for ten million rows as for ten.
_CODES = """
WITH RECURSIVE found AS (
    (SELECT code FROM synclog_synclog ORDER BY code LIMIT 1)
    UNION ALL
    SELECT (SELECT code FROM synclog_synclog WHERE code > found.code ORDER BY code LIMIT 1)
    FROM found WHERE found.code IS NOT NULL
)
SELECT code FROM found WHERE code IS NOT NULL LIMIT %s
"""


@dataclass(frozen=True)
class Row:
    """A log with the words of its list."""

    log: SyncLog
    event: str

    @property
    def mark(self) -> str:
        return MARKS.get(COLOURS[self.log.get_outcome_display()], "")


@dataclass(frozen=True)
class Listing:
    """What Django's lists call ``cl``."""

    result_list: list[SyncLog]


class LogPages(ModelAdmin):  # type: ignore[misc]
    """The list in place of Django's own, which counts and pages by number."""

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site.admin_view
        return [
            path("tail/", site(self.tail_view), name="synclog_synclog_tail"),
            path("export/", site(self.export_view), name="synclog_synclog_export"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        asked = LogFilter.of(request.GET)
        before, after = Key.parse(request.GET.get("before", "")), Key.parse(request.GET.get("after", ""))
        found = find(asked, before=before, after=None if before else after)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Integration Logs",
            "cl": Listing(list(found.logs)),
            "is_newest": found.newer is None and not before,
            **_form(asked),
            **_neighbours(asked, found),
            "rows": _rows(found),
            "stopped": found.stopped,
            "looked_at": f"{LOOKED_AT:,}",
            "may_export": request.user.has_perm(EXPORT),
            "formats": FORMATS,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "broker/logs/list.html", context)

    def tail_view(self, request: HttpRequest) -> HttpResponse:
        """The newest rows of a filter, as rows of the table.

        All of the newest, not only those after a key: a row takes the time at which its transaction began, so an
        earlier one can become visible later. The page knows by their ids which it has.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        rows = _rows(find(LogFilter.of(request.GET)))
        return TemplateResponse(request, "broker/logs/rows.html", {"rows": rows})

    def export_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """Everything that the filter finds, newest first, as a file; the audit says who took what."""
        if not (self.has_view_permission(request) and request.user.has_perm(EXPORT)):
            raise PermissionDenied
        form = request.POST.get("format", "")
        if request.method != "POST" or form not in FORMATS:
            return HttpResponseNotAllowed(["POST"])
        asked = LogFilter.of(request.POST)
        record(request, f"Exported the integration logs as {FORMATS[form].label}: {asked.in_words}.", model=SyncLog)
        answer = StreamingHttpResponse(lines(asked, form), content_type=FORMATS[form].content_type)
        name = f"integration-logs-{timezone.now():%Y%m%d-%H%M%S}.{form}"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


def _form(asked: LogFilter) -> dict[str, Any]:
    """What the form of the filters shows."""
    with connection.cursor() as cursor:
        cursor.execute(_CODES, [MOST_CODES])
        codes = [row[0] for row in cursor.fetchall()]
    if asked.code and asked.code not in codes:
        codes.append(asked.code)
    given = asked.given()
    return {
        "asked": asked,
        "given": given,
        "connectors": Connector.objects.order_by("name").values_list("pk", "name"),
        "directions": SyncLog.Direction.choices,
        "outcomes": SyncLog.Outcome.choices,
        "codes": [(code, code) for code in codes],
        "events": list(_event_names().items()),
        "is_filtered": not asked.is_empty,
        "is_narrow": any(name not in IN_SIGHT for name, _ in given),
    }


def _neighbours(asked: LogFilter, found: Found) -> dict[str, str]:
    return {
        "newer": asked.query(after=str(found.newer)) if found.newer else "",
        "older": asked.query(before=str(found.older)) if found.older else "",
        "newest": asked.query() or "?",
    }


def _rows(found: Found) -> list[Row]:
    names = _event_names()
    return [Row(log, names.get(log.event_type, log.event_type)) for log in found.logs]


def _event_names() -> dict[str, str]:
    # The catalogue belongs to a layer above; its names are taken from the model that lists them.
    choices = apps.get_model("events", "EventTrigger")._meta.get_field("event_type").choices
    return {str(constant): str(name) for constant, name in choices or ()}
