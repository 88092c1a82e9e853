"""Acts on many deliveries: those ticked in the list at once, those of a whole filter as a job."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from broker_project.lib.pages import ActForm, DetailPage
from connectors.models import Connector

from . import job_begun, jobs, replay
from .delivery_acts import CHANGE_DELIVERY
from .delivery_forms import ReasonForm, RetryAllForm, RetryForm
from .models import Delivery, Job
from .replay_jobs import parameters
from .selection import ATTENTION, Selection

RETRY_QUESTION = (
    "They get all their attempts again. Those that do not wait for a person and are no dead letters are left alone, "
    "and so are those that need a decision on an unknown outcome. Retry them?"
)
DISCARD_QUESTION = "They are not sent. Those that do not wait for a person and are no dead letters are left alone."


class BulkActs(DetailPage):
    """The list's actions, and how acts on deliveries are told and written down."""

    actions = ("retry_selected", "discard_selected")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CHANGE_DELIVERY)

    @admin.action(description="Retry the selected deliveries", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse | None:
        selection = _whole_filter(request)
        form = _bound(request, RetryAllForm if selection else RetryForm)
        asked = self._asked(request, queryset, selection, title="Retry", question=RETRY_QUESTION, form=form)
        if asked is not None:
            return asked
        if selection:
            self.retry_all(request, selection, form)
            return None
        ids = _attention(queryset)
        moved = replay.retry(ids, user=request.user.get_username(), version=form.chosen_version)
        self.told(request, moved, said="Retried", asked=len(ids))
        return None

    @admin.action(description="Discard the selected deliveries", permissions=["operate"])
    def discard_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse | None:
        selection = _whole_filter(request)
        form = _bound(request, ReasonForm)
        asked = self._asked(request, queryset, selection, title="Discard", question=DISCARD_QUESTION, form=form)
        if asked is not None:
            return asked
        if selection:
            self.discard_all(request, selection, form)
            return None
        ids = _attention(queryset)
        moved = replay.discard(ids, user=request.user.get_username(), reason=form.cleaned_data["reason"])
        self.told(request, moved, said="Discarded", asked=len(ids))
        return None

    def retry_all(self, request: HttpRequest, selection: Selection, form: Any) -> None:
        """Begin the retry of a selection, once the question was answered."""
        values, total = parameters(selection, version=form.chosen_version)
        pace = form.cleaned_data.get("per_minute")
        self._begin(request, Job.Kind.RETRY, selection, values, total=total, per_minute=pace)

    def discard_all(self, request: HttpRequest, selection: Selection, form: Any) -> None:
        values, total = parameters(selection, reason=form.cleaned_data["reason"])
        self._begin(request, Job.Kind.DISCARD, selection, values, total=total)

    def told(self, request: HttpRequest, moved: set[UUID], *, said: str, asked: int = 1) -> None:
        """Tell the person, and write down who did it."""
        if moved:
            LogEntry.objects.log_actions(
                user_id=str(request.user.pk),
                queryset=Delivery.objects.filter(pk__in=moved),
                action_flag=CHANGE,
                change_message=f"{said}.",
            )
        left = asked - len(moved)
        if moved:
            self.message_user(request, f"{said}: {number_of(len(moved))}.", messages.SUCCESS)
        if left:
            sentence = f"Left alone: {number_of(left)}, moved in the meantime or in need of a decision."
            self.message_user(request, sentence, messages.WARNING)
        if not moved and not left:
            self.message_user(request, "None of the deliveries chosen waits for a person.", messages.WARNING)

    def _begin(
        self, request: HttpRequest, kind: Job.Kind, selection: Selection, values: dict[str, Any], **more: Any
    ) -> None:
        if not more["total"]:
            self.message_user(request, "None of the deliveries chosen waits for a person.", messages.WARNING)
            return
        connector = Connector.objects.select_related("company").filter(pk=selection.connector_id or 0).first()
        job = jobs.start(kind, user=request.user.get_username(), parameters=values, connector=connector, **more)
        job_begun.told(request, job, title=f"{kind.label} ({more['total']})")

    def _asked(
        self,
        request: HttpRequest,
        queryset: QuerySet[Delivery],
        selection: Selection | None,
        *,
        title: str,
        question: str,
        form: ActForm,
    ) -> HttpResponse | None:
        """The page that asks the question; None once it was answered."""
        if form.is_bound and form.is_valid():
            return None
        count = (selection.rows() if selection else queryset.order_by().filter(state__in=ATTENTION)).count()
        across = request.POST.get("select_across", "0")
        ids = request.POST.getlist(ACTION_CHECKBOX_NAME)
        hidden = [("action", request.POST.get("action", "")), ("select_across", across), ("answered", "yes")]
        return self.ask(
            request,
            title=title,
            question=question,
            subject=f"{count} of the deliveries chosen wait for a person or are dead letters.",
            form=form,
            dangerous=isinstance(form, ReasonForm),
            hidden=[*hidden, *((ACTION_CHECKBOX_NAME, id) for id in ids)],
            back=request.get_full_path(),
        )


def number_of(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count:,} deliveries"


def _whole_filter(request: HttpRequest) -> Selection | None:
    """The list's filter when all of it was chosen; None when rows were ticked or found by a search, which are few."""
    return Selection.of_query(request.GET.dict()) if request.POST.get("select_across") == "1" else None


def _attention(queryset: QuerySet[Delivery]) -> list[UUID]:
    return list(queryset.order_by().filter(state__in=ATTENTION).values_list("pk", flat=True))


def _bound(request: HttpRequest, form: type[ActForm]) -> Any:
    return form(request.POST if "answered" in request.POST else None, subject=None)
