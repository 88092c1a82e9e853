"""Serves the pages of work orders and external records, under the address of the list of deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from unfold.admin import ModelAdmin

from broker_project.lib.pages.lists import MAX_BIGINT
from connectors.models import Connector
from events.delivery_acts import CHANGE_DELIVERY
from mappings.models import RecordLink

from . import found, shown
from .found import About
from .sides import read_both


class RecordPages(ModelAdmin):  # type: ignore[misc]
    """For the admin of deliveries: who may see these may see the pages; reading live needs the right to act."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("work-order/<int:work_order_id>/", view(self.work_order_view), name="events_work_order"),
            path("record/<int:connector_id>/", view(self.record_view), name="events_external_record"),
            *super().get_urls(),
        ]

    def work_order_view(self, request: HttpRequest, work_order_id: int) -> HttpResponse:
        if work_order_id > MAX_BIGINT:
            raise Http404("There is no such work order.")
        about = About(work_order_id=work_order_id)
        return self._page(request, about, title=f"Work order {work_order_id}", connector=None)

    def record_view(self, request: HttpRequest, connector_id: int) -> HttpResponse:
        connector = get_object_or_404(Connector.objects.select_related("company"), pk=min(connector_id, MAX_BIGINT))
        external_id = request.GET.get("id", "").replace("\0", "")[:255]
        if not external_id:
            raise Http404("The address names no record.")
        about = About(external_id=external_id, connector_id=connector.pk)
        return self._page(request, about, title=f"Record {external_id} of {connector}", connector=connector)

    def _page(self, request: HttpRequest, about: About, *, title: str, connector: Connector | None) -> HttpResponse:
        """The page on GET; with both sides read live on POST."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in ("GET", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        may_act = request.user.has_perm(CHANGE_DELIVERY)
        if request.method == "POST" and not may_act:
            raise PermissionDenied
        links = found.links(about)
        named = found.names(about, links)
        page = found.deliveries(named, before=_seq(request, "before"), after=_seq(request, "after"))
        events = found.events(named)
        sides = [read_both(link) for link in links] if request.method == "POST" else []
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "links": [self._link(request, link) for link in links],
            "may_act": may_act,
            "resync": reverse("admin:events_job_resync"),
            "sides": [shown.sides(each) for each in sides],
            "deliveries": shown.deliveries(page.rows),
            "older": _beside(about, before=page.older),
            "newer": _beside(about, after=page.newer),
            "events": shown.events(events, found.repeats([event.pk for event in events])),
            "most_events": found.MOST_EVENTS if len(events) == found.MOST_EVENTS else 0,
            "connector": connector,
        }
        return TemplateResponse(request, "broker/logs/record.html", context)

    def _link(self, request: HttpRequest, link: RecordLink) -> dict[str, Any]:
        """A link with the acts that this person may do on it."""
        acts: Sequence[tuple[str, str, bool]] = (
            ("sync_one", "Sync to Field Nation", bool(link.external_id)),
            ("resync_one", f"Sync to {link.connector}", bool(link.work_order_id)),
        )
        may = request.user.has_perm(CHANGE_DELIVERY) and request.user.has_perm("mappings.view_recordlink")
        return {
            "link": link,
            "state": shown.state_of(link),
            "acts": [
                (reverse("admin:mappings_recordlink_act", args=[link.pk, name]), label)
                for name, label, offered in acts
                if offered and may
            ],
        }


def _seq(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _beside(about: About, **key: int | None) -> str:
    """The address's query of the page beside this one; "" when there is none."""
    given = {name: str(value) for name, value in key.items() if value is not None}
    if not given:
        return ""
    return "?" + urlencode({"id": about.external_id, **given} if about.external_id else given)
