"""The admin site and its overview."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from unfold.sites import UnfoldAdminSite

from broker_project.lib.pages import Table, to_list

LAST_LOGS = 10


class BrokerAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    site_title = "Integration Broker"
    site_header = "Integration Broker"
    index_title = "Overview"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from . import overview as parts  # here, because these read models
        from .dashboard.page import dashboard

        overview = {
            "dashboard": dashboard(request),
            "drain": parts.drain_banner(),
            "cards": parts.cards(request.user),
            "held_systems": parts.held_systems(request.user),
            "last_logs": _last_logs(request),
        }
        page: TemplateResponse = super().index(request, {**overview, **(extra_context or {})})
        return page


def _last_logs(request: HttpRequest) -> Table | None:
    from synclog.evidence import log_row
    from synclog.models import SyncLog

    if not request.user.has_perm("synclog.view_synclog"):
        return None
    logs = SyncLog.objects.select_related("connector").defer("details").order_by("-created_at")[:LAST_LOGS]
    return Table(
        title="Last integration logs",
        headers=("Time", "Outcome", "What happened", "Connector"),
        rows=[(*log_row(log), log.connector.name if log.connector else "-") for log in logs],
        empty="Nothing has happened yet.",
        more=to_list("synclog.synclog", {}),
    )
