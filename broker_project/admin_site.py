"""The admin site and its overview."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
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
        overview = {"cards": _cards(request), "last_logs": _last_logs(request)}
        page: TemplateResponse = super().index(request, {**overview, **(extra_context or {})})
        return page


def _cards(request: HttpRequest) -> list[dict[str, Any]]:
    """What needs a person: counts that a partial index answers, and connectors that do not run."""
    from connectors.models import Connector
    from events.models import Delivery
    from events.states import State

    cards: list[dict[str, Any]] = []
    if request.user.has_perm("events.view_delivery"):
        attention = Delivery.objects.filter(state__in=[State.WAITING, State.DEAD]).values_list("state")
        counts = dict(attention.annotate(Count("id")).order_by())
        for state, title, mark in (
            (State.WAITING, "Deliveries that wait for a person", "is-held"),
            (State.DEAD, "Dead letters", "is-bad"),
        ):
            count = counts.get(state.value, 0)
            address = to_list("events.delivery", {"state__exact": state.value})
            cards.append({"title": title, "count": count, "mark": mark if count else "", "address": address})
    if request.user.has_perm("connectors.view_connector"):
        stopped = Connector.objects.exclude(status=Connector.Status.ACTIVE).count()
        cards.append(
            {
                "title": "Connectors paused or disabled",
                "count": stopped,
                "mark": "is-held" if stopped else "",
                "address": to_list("connectors.connector", {}),
            }
        )
    return cards


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
