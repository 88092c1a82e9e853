"""Record links in the admin with the two acts that bring a record across again, as it is now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from broker_project.lib.pages import Act, DetailPage
from connectors.models import Connector
from mappings.admin import RecordLinkAdmin
from mappings.models import RecordLink

from . import job_begun, jobs, resync_request
from .delivery_acts import CHANGE_DELIVERY
from .models import Job

TO_FIELD_NATION = "The external record is read as it is now and brought to Field Nation. Sync it?"
TO_EXTERNAL = "The work order is read as it is now and brought to the external record. Resync it?"

admin.site.unregister(RecordLink)


@admin.register(RecordLink)
class SyncingRecordLinkAdmin(RecordLinkAdmin, DetailPage):
    actions = ("sync_selected", "resync_selected")
    acts = (
        Act(
            name="sync_one",
            label="Sync to Field Nation",
            permission=CHANGE_DELIVERY,
            question=TO_FIELD_NATION,
            icon="cloud_upload",
            offered=lambda link: bool(link.external_id),
        ),
        Act(
            name="resync_one",
            label="Resync work order",
            permission=CHANGE_DELIVERY,
            question=TO_EXTERNAL,
            icon="sync",
            offered=lambda link: bool(link.work_order_id),
        ),
    )

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CHANGE_DELIVERY)

    @admin.action(description="Sync the selected records to Field Nation", permissions=["operate"])
    def sync_selected(self, request: HttpRequest, queryset: QuerySet[RecordLink]) -> HttpResponse | None:
        return self._selected(request, queryset, "Sync to Field Nation", TO_FIELD_NATION, self._sync)

    @admin.action(description="Resync the selected work orders", permissions=["operate"])
    def resync_selected(self, request: HttpRequest, queryset: QuerySet[RecordLink]) -> HttpResponse | None:
        return self._selected(request, queryset, "Resync work order", TO_EXTERNAL, self._resync)

    def sync_one(self, request: HttpRequest, link: RecordLink, form: Any) -> None:
        self._sync(request, [link])

    def resync_one(self, request: HttpRequest, link: RecordLink, form: Any) -> None:
        self._resync(request, [link])

    def _selected(
        self,
        request: HttpRequest,
        queryset: QuerySet[RecordLink],
        title: str,
        question: str,
        begin: Callable[[HttpRequest, Iterable[RecordLink]], None],
    ) -> HttpResponse | None:
        """Ask first; begin once it was answered."""
        links = list(queryset.select_related("connector__company").order_by("pk")[: resync_request.MOST_IDS])
        if "answered" in request.POST:
            begin(request, links)
            return None
        hidden = [("action", request.POST.get("action", "")), ("answered", "yes")]
        return self.ask(
            request,
            title=title,
            question=question.replace("it?", "them?"),
            subject=f"Record links chosen: {len(links):,}.",
            hidden=[*hidden, *((ACTION_CHECKBOX_NAME, link.pk) for link in links)],
            back=request.get_full_path(),
        )

    def _sync(self, request: HttpRequest, links: Iterable[RecordLink]) -> None:
        ids = _by_connector(links, "external_id")
        asked = {to: resync_request.record_parameters(found) for to, found in ids.items()}
        self._begin(request, Job.Kind.RESYNC_RECORDS, asked)

    def _resync(self, request: HttpRequest, links: Iterable[RecordLink]) -> None:
        ids = _by_connector(links, "work_order_id")
        asked = {to: resync_request.work_order_parameters(found) for to, found in ids.items()}
        self._begin(request, Job.Kind.RESYNC_WORK_ORDERS, asked)

    def _begin(self, request: HttpRequest, kind: Job.Kind, asked: Mapping[Connector, dict[str, Any]]) -> None:
        """One job a connector; a disabled one is told and left out."""
        if not asked:
            self.message_user(request, "None of these has an id to go by; nothing was begun.", messages.WARNING)
        for connector, parameters in asked.items():
            if connector.status == Connector.Status.DISABLED or not connector.company.is_active:
                self.message_user(request, f"{connector} is switched off; its records were left out.", messages.WARNING)
                continue
            user, total = request.user.get_username(), len(parameters["ids"])
            job = jobs.start(kind, user=user, connector=connector, parameters=parameters, total=total)
            job_begun.told(request, job, title=f"{kind.label} ({total})")


def _by_connector(links: Iterable[RecordLink], name: str) -> dict[Connector, list[Any]]:
    """The ids of a column by connector; a link without one is left out."""
    found: dict[Connector, list[Any]] = defaultdict(list)
    for link in links:
        if id := getattr(link, name):
            found[link.connector].append(id)
    return dict(found)
